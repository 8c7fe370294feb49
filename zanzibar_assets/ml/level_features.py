"""Features of prices that volume made: VWAPs, the developing value area, the prior session's profile."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ml.joins import ATR, of_bar, ratio

Floats = NDArray[np.float64]

ANCHORS = {
    "avwap_swing_high_atr": "swing_high",
    "avwap_swing_low_atr": "swing_low",
    "avwap_break_up_atr": "break_up",
    "avwap_break_down_atr": "break_down",
    "avwap_prior_high_atr": "prior_session_high",
    "avwap_prior_low_atr": "prior_session_low",
}
"""Feature -> anchor; the session's open has the VWAP of the session, which has features of its own."""


def vwap_features(bars: pl.DataFrame, vwap: pl.DataFrame, tick: float) -> pl.DataFrame:
    """Features of ``vwap``: distances from session and rolling VWAP, place in the developing value area."""
    close, ticks, atr = pl.col("close"), pl.col("close_ticks"), pl.col(ATR)
    width = pl.col("vah_ticks") - pl.col("val_ticks")
    return of_bar(bars.drop("vwap"), vwap).select(
        ratio(close - pl.col("vwap"), pl.col("sd")).alias("vwap_z"),
        ratio(close - pl.col("rolling_vwap"), atr).alias("rolling_vwap_atr"),
        ratio((ticks - pl.col("poc_ticks")) * tick, atr).alias("poc_distance_atr"),
        ratio(ticks - pl.col("val_ticks"), width).alias("value_area_position"),
        ratio(close - pl.col("rolling_vwap"), pl.col("rolling_sd")).alias("rolling_vwap_z"),
        *(
            ratio((pl.col(f"{node}_{side}_ticks") - ticks) * tick, atr).alias(f"{node}_{side}_atr")
            for node in ("hvn", "lvn")
            for side in ("above", "below")
        ),
    )


def anchored_features(bars: pl.DataFrame, anchored: pl.DataFrame) -> pl.DataFrame:
    """Distance of the close from the VWAP since each anchor, in ATR; null before there was one."""
    columns = []
    for name, anchor in ANCHORS.items():
        rows = anchored.filter(pl.col("anchor") == anchor).select("known_at", since=pl.col("vwap"))
        way = ratio(pl.col("close") - pl.col("since"), pl.col(ATR))
        columns.append(of_bar(bars, rows).select(way.alias(name)).to_series())
    return pl.DataFrame(columns)


def profile_features(bars: pl.DataFrame, profiles: pl.DataFrame) -> pl.DataFrame:
    """Distances from the prior session's profile: the last of ``profiles`` (with ``session``) known by then.

    Null where no earlier session of the same contract has one, and for bars that closed before it was known.
    """
    columns = {name: np.full(bars.height, np.nan) for name in PROFILE}
    close = bars["close"].to_numpy()
    if profiles.height:
        prior = profiles.filter(pl.col("session") == profiles["session"].max())
        known = (bars["known_at"] >= prior["known_at"].max()).to_numpy()
        price = prior["price"].to_numpy()
        area = price[prior["in_value_area"].to_numpy()]
        atr = bars[ATR].cast(pl.Float64).fill_null(np.nan).to_numpy()
        atr = np.where(atr > 0, atr, np.nan)
        poc = price[prior["is_poc"].to_numpy()][0]
        node = prior["node"]
        found = {
            "prior_poc_atr": (close - poc) / atr,
            "prior_value_position": _place(close, area.min(), area.max()),
            "hvn_distance_atr": nearest_of(close, price[(node == "hvn").fill_null(False).to_numpy()]) / atr,
            "lvn_distance_atr": nearest_of(close, price[(node == "lvn").fill_null(False).to_numpy()]) / atr,
        }
        columns = {name: np.where(known, found[name], np.nan) for name in PROFILE}
    return pl.DataFrame(columns)


PROFILE = ("prior_poc_atr", "prior_value_position", "hvn_distance_atr", "lvn_distance_atr")


def _place(close: Floats, low: float, high: float) -> Floats:
    return (close - low) / (high - low) if high > low else np.full(len(close), np.nan)


def nearest_of(close: Floats, prices: Floats) -> Floats:
    """Signed way from each close to the nearest of some prices (ties: the lower); NaN without any."""
    if not len(prices):
        return np.full(len(close), np.nan)
    ordered = np.sort(prices)
    above = np.searchsorted(ordered, close, side="left").clip(max=len(ordered) - 1)
    up, down = ordered[above] - close, ordered[np.maximum(above - 1, 0)] - close
    nearest: Floats = np.where(np.abs(down) <= np.abs(up), down, up)
    return nearest
