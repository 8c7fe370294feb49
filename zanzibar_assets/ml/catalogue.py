"""The declared feature catalogue: what each column of ``feature_matrix`` is and when it is known.

Order here is the order of the columns. Every feature is dimensionless or relative (per price, per
ATR, per sigma): a price level would not survive a contract roll or a back-adjustment.
"""

from __future__ import annotations

from dataclasses import dataclass

BAR_CLOSE = "the bar's close"
AS_OF = "latest row known at the bar's close"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: column name, source table, unit, when it is known, window and owner."""

    name: str
    source: str
    unit: str
    known_at_rule: str
    window: str
    owner: str
    description: str


Row = tuple[str, str, str, str]


def _features(source: str, owner: str, rule: str, rows: tuple[Row, ...]) -> tuple[Feature, ...]:
    return tuple(Feature(name, source, unit, rule, window, owner, text) for name, unit, window, text in rows)


def _per_bar(source: str, owner: str, *rows: Row) -> tuple[Feature, ...]:
    return _features(source, owner, BAR_CLOSE, rows)


def _as_of(source: str, owner: str, *rows: Row) -> tuple[Feature, ...]:
    return _features(source, owner, AS_OF, rows)


FEATURES: tuple[Feature, ...] = (
    *_per_bar(
        "technical_factors",
        "factors",
        ("ret_1", "log return", "1 bar", "return of the last bar"),
        ("ret_5", "log return", "5 bars", "return of the last 5 bars"),
        ("ret_15", "log return", "15 bars", "return of the last 15 bars"),
        ("ret_60", "log return", "60 bars", "return of the last 60 bars"),
        ("ema_distance_20", "share of price", "20 bars", "(close - its EMA) / close"),
        ("ema_distance_60", "share of price", "60 bars", "(close - its EMA) / close"),
        ("rsi_14", "0..100", "14 bars", "relative strength index"),
        ("atr_relative", "share of price", "14 bars", "average true range / close"),
        ("adx_14", "0..100", "14 bars", "average directional index"),
        ("macd_atr", "ATR", "12/26/9 bars", "MACD histogram / ATR"),
        ("bollinger_position", "half widths", "20 bars", "-1 at the lower band, 1 at the upper"),
        ("stochastic_k", "0..100", "14 bars", "place of the close within its range"),
        ("volume_z_60", "sigma", "60 bars", "volume against its recent mean"),
        ("realized_vol_30", "log return", "30 bars", "realised volatility"),
        ("range_z_60", "sigma", "60 bars", "bar range against its recent mean"),
        ("seconds_since_open", "seconds", "session", "seconds since the session's open"),
    ),
    *_per_bar(
        "liquidity_features",
        "liquidity",
        ("ofi_norm", "average depth", "1 bar", "order-flow imbalance at the best quotes / depth"),
        ("queue_imbalance", "share", "bar's end", "best bid size against the best ask size"),
        ("spread_ticks", "ticks", "1 bar", "quoted spread"),
        ("depth_imbalance", "-1..1", "bar's end", "(bid - ask depth) / (bid + ask depth)"),
        ("delta_share", "-1..1", "1 bar", "(bought - sold) / (bought + sold volume)"),
        ("trade_imbalance", "-1..1", "1 bar", "imbalance of signed trades"),
        ("vpin", "0..1", "20 buckets", "volume-synchronised order imbalance"),
        ("effective_spread_ticks", "ticks", "1 bar", "spread that trades paid"),
        ("stacked_net", "levels", "1 bar", "stacked buy minus stacked sell imbalances"),
    ),
    *_per_bar(
        "vwap",
        "bars",
        ("vwap_z", "sigma", "session", "(close - session VWAP) / its standard deviation"),
        ("rolling_vwap_atr", "ATR", "rolling", "(close - rolling VWAP) / ATR"),
        ("poc_distance_atr", "ATR", "session", "(close - developing point of control) / ATR"),
        ("value_area_position", "share", "session", "0 at the value area's low, 1 at its high"),
    ),
    *_per_bar(
        "regimes",
        "factors",
        ("p_calm", "probability", "filtered", "probability of the calm state"),
        ("p_stressed", "probability", "filtered", "probability of the stressed state"),
        ("trend_state", "-1, 0, 1", "filtered", "trend state"),
        ("change_alarm", "0 or 1", "online", "change-point alarm at this bar"),
    ),
    *_as_of(
        "correlations",
        "factors",
        ("correlation_abs_mean", "0..1", "EWMA", "mean |correlation| with the other instruments"),
    ),
    *_as_of(
        "smc_events",
        "structure",
        ("last_bos_dir", "-1, 1", "session", "direction of the last break of structure"),
        ("last_choch_dir", "-1, 1", "session", "direction of the last change of character"),
        ("bars_since_break", "bars", "session", "time since the last break or change of character"),
        ("open_gaps_up", "count", "session", "bullish fair value gaps that are not filled"),
        ("open_gaps_down", "count", "session", "bearish fair value gaps that are not filled"),
    ),
    *_as_of(
        "liquidity_sweeps",
        "liquidity",
        ("last_sweep_dir", "-1, 1", "session", "direction of the last liquidity sweep"),
        ("bars_since_sweep", "bars", "session", "time since the last liquidity sweep"),
    ),
    *_as_of(
        "wyckoff_events",
        "structure",
        ("last_wyckoff_dir", "-1, 0, 1", "session", "direction of the last Wyckoff event"),
        ("bars_since_wyckoff", "bars", "session", "time since the last Wyckoff event"),
    ),
    *_as_of(
        "points_of_interest",
        "structure",
        ("poi_distance_atr", "ATR", "session", "signed way to the nearest valid zone, 0 inside it"),
        ("poi_dir", "-1, 1", "session", "direction of the nearest valid zone"),
        ("poi_score", "0..1", "session", "score of the nearest valid zone when it was made"),
    ),
    *_as_of(
        "narratives",
        "narrative",
        ("narrative_bias", "-1..1", "half-life 4 h", "bias of the newest narrative, decayed by its age"),
        ("narrative_no_trade", "0 or 1", "session", "the newest narrative advises against trading"),
    ),
    *_per_bar(
        "bars",
        "factors",
        ("day_sine", "-1..1", "day", "sine of the UTC time of day"),
        ("day_cosine", "-1..1", "day", "cosine of the UTC time of day"),
        ("pre_open", "0 or 1", "1 bar", "the bar lies before the open"),
    ),
)

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
