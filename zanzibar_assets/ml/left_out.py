"""Columns of the features' source tables that no feature uses, each with the reason why."""

from __future__ import annotations

_LEVEL = "a price level: it does not survive a roll; relative features stand for it"
_ID = "names a row, measures nothing"
_HOW = "says how the row was made, not what the market did"
_TIME = "a time: features use known_at alone"
_BAND = "vwap and sd say it"
_PLACE = "the float price beside it is used"
_LATER = "the newest rows say it through kind and dir"

LEFT_OUT: dict[str, dict[str, str]] = {
    "bars": {
        **dict.fromkeys(("open_ticks", "open", "high", "low"), _LEVEL),
        **dict.fromkeys(("delta", "vwap"), "bid and ask volume, and the vwap table, say it"),
        "trades": "the number of prints depends on how the feed bundles them",
        "basis": _HOW,
    },
    "technical_factors": {},
    "liquidity_features": {
        "ofi_l1": "ofi_norm is it, over the depth",
        **dict.fromkeys(("ofi_l2", "ofi_l3", "ofi_l4", "ofi_l5"), "nearly collinear: see mlofi"),
        **dict.fromkeys(("mid", "weighted_mid", "microprice"), _LEVEL),
        "delta": "delta_share is it, over the volume",
        "amihud": "its unit hangs on the turnover's currency; impact_atr says the same without one",
        "flag_share": _HOW,
        "fitted_through": _HOW,
        "fit_reason": _HOW,
    },
    "orderflow_events": {
        **dict.fromkeys(("event_id", "ref_id"), _ID),
        **dict.fromkeys(("level_ticks", "lo_ticks", "hi_ticks", "level", "lo", "hi"), _LEVEL),
        **dict.fromkeys(("timeframe_seconds", "def_version", "params_hash"), _HOW),
        "attrs": "volumes in lots; absorption_net and refill_net are relative",
    },
    "vwap": {
        **dict.fromkeys(("upper_1", "lower_1", "upper_2", "lower_2"), _BAND),
        **dict.fromkeys(
            ("rolling_upper_1", "rolling_lower_1", "rolling_upper_2", "rolling_lower_2"),
            "rolling_vwap and rolling_sd say it",
        ),
        "price_basis": _HOW,
    },
    "anchored_vwap": {
        "anchor_id": _ID,
        **dict.fromkeys(("anchor_event_ts", "anchor_known_at"), _TIME),
        **dict.fromkeys(("upper_1", "lower_1", "upper_2", "lower_2"), _BAND),
        "sd": "close to 0 right after the anchor; ATR scales the distance",
        "volume": "lots since the anchor: grows with the session, not with the market's state",
    },
    "volume_profile": {
        "price_ticks": _PLACE,
        **dict.fromkeys(("volume", "bid_volume", "ask_volume", "smoothed"), "nodes and value area say it"),
    },
    "regimes": {
        "vol_state": "the likeliest of p_calm, p_normal, p_stressed",
        "p_normal": "1 - p_calm - p_stressed",
        "p_flat": "1 - p_up - p_down",
        "p_normal_liquidity": "1 - p_thin - p_deep",
        "p_deep": "the other end of p_thin",
        "liquidity_state": "the likeliest of p_thin, p_normal_liquidity, p_deep",
        **dict.fromkeys(("fitted_through", "reason", "trend_reason", "liquidity_reason"), _HOW),
    },
    "correlations": dict.fromkeys(
        ("observations", "dcc_fitted_through", "dcc_fit_known_at", "dcc_reason"), _HOW
    ),
    "smc_events": {
        **dict.fromkeys(("level_ticks", "lo_ticks", "hi_ticks"), _PLACE),
        **dict.fromkeys(("lo", "hi"), "zones enter through points_of_interest"),
        **dict.fromkeys(("def_version", "params_hash"), _HOW),
        "attrs": _LATER,
    },
    "liquidity_sweeps": {
        **dict.fromkeys(("level_ticks", "lo_ticks", "hi_ticks"), _PLACE),
        **dict.fromkeys(("lo", "hi"), "a pool's span is a few ticks around its level"),
        **dict.fromkeys(("timeframe_seconds", "def_version", "params_hash"), _HOW),
        "attrs": _LATER,
    },
    "wyckoff_events": {
        "event_id": _ID,
        "ref_id": _ID,
        "kind": "the phase and the direction say what forty kinds would say with few rows each",
        **dict.fromkeys(("level_ticks", "lo_ticks", "hi_ticks", "level", "lo", "hi"), _LEVEL),
        **dict.fromkeys(("timeframe_seconds", "def_version", "params_hash"), _HOW),
    },
    "points_of_interest": {
        **dict.fromkeys(("level_ticks", "lo_ticks", "hi_ticks"), _PLACE),
        **dict.fromkeys(("event_id", "ref_id", "source_kind", "source_id"), _ID),
        **dict.fromkeys(("timeframe_seconds", "def_version", "params_hash"), _HOW),
        "level": "one of lo and hi",
        "attrs": "the score falls with each touch",
        "factors": "the score weighs them",
    },
    "narratives": {
        **dict.fromkeys(("narrative_id", "author", "text_sha256"), _ID),
        **dict.fromkeys(("parser_version", "warnings", "simulated"), _HOW),
        "bias": "bias_score is it as a number",
        "horizon": "free text of the author",
        "levels": "levels of the text are no levels of this contract",
        "document": "the whole document",
    },
}
"""Table -> column -> why no feature uses it (``event_ts`` of every table: features use known_at)."""
