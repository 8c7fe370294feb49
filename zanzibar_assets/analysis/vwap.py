"""Volume-weighted average price with bands, per bar: session, rolling, and the developing profile.

The session's VWAP starts afresh at the open; pre-open bars have a running VWAP of their own. Where
only bar records exist their typical price stands for the trades (``price_basis`` says so).
Zero-size prints are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
    Floats,
    Ints,
    Records,
    bar_of_record,
    load_records,
    nullable,
    segment_sums,
)
from zanzibar_assets.analysis.developing_nodes import COLUMNS as NODE_COLUMNS
from zanzibar_assets.analysis.developing_nodes import DevelopingNodes
from zanzibar_assets.analysis.profile import NO_TICKS, DevelopingProfile
from zanzibar_assets.analysis.rolling_moments import RollingMoments
from zanzibar_assets.analysis.running import Running, divide
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, SessionState

ROLLING_BARS = 60
NOTHING = (0.0, 0.0, 0.0)
ERAS = ("pre_open", "open")


class Moments(NamedTuple):
    """Weight, weighted mean and weighted sum of squared deviations, one entry a segment."""

    weight: Floats
    mean: Floats
    squares: Floats


def segment_moments(price: Floats, size: Floats, index: Ints, count: int, anchor: float) -> Moments:
    """Two-pass moments of each segment around its own mean; an empty one has weight and mean 0.

    Sums are of distances from ``anchor``, a price nearby.
    """
    weight = segment_sums(size, index, count)
    distance = price - anchor
    mean = np.nan_to_num(divide(segment_sums(distance * size, index, count), weight))
    squares = segment_sums(size * (distance - mean[index]) ** 2, index, count)
    return Moments(weight, np.where(weight > 0, mean + anchor, 0.0), squares)


def merged(moments: Moments, before: tuple[float, float, float] = NOTHING) -> Moments:
    """Running moments: segment after segment joined to those before (weighted Welford merge).

    ``before`` are weight, mean and squares of what came earlier. Population
    variance is ``squares / weight``. NaN mean while nothing has been weighed. Sums of squared prices
    are never formed: they would cancel at prices of 1e8.
    """
    weights, means, squares = (np.empty(len(part)) for part in moments)
    weight, mean, total = before
    for i, (w, m, s) in enumerate(zip(*(part.tolist() for part in moments), strict=True)):
        if w > 0.0:
            joined = weight + w
            distance = m - mean
            mean = m if weight == 0.0 else mean + distance * w / joined
            total += s + (distance * distance * weight * w / joined if weight > 0.0 else 0.0)
            weight = joined
        weights[i], means[i], squares[i] = weight, mean if weight > 0.0 else np.nan, total
    return Moments(weights, means, squares)


def build_vwap(
    clean_ticks: pl.DataFrame, bars: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """One row a bar, as known at its close; prices except ``*_ticks``.

    ``sd`` is the volume-weighted population deviation since the open, the bands lie 1 and 2 of them
    away. ``rolling_*`` span the last 60 bars of the session (fewer at its start). POC, VAH, VAL and
    the high and low volume nodes nearest above and below the close are those of the profile so far.
    Null where nothing has traded yet, or no such node is there.

    Raises ContractError when trades lie outside the bars.
    """
    if bars.is_empty():
        return empty("vwap")
    return VwapStage(instrument, config).feed(bars, clean_ticks)


class VwapStage:
    """VWAP and developing profile of bars as they close."""

    def __init__(self, instrument: Instrument, config: Config) -> None:
        self.instrument, self.memory = instrument, Running()
        rule = config.analysis.value_area_pct, config.analysis.value_area_rows
        self.moments = {era: NOTHING for era in ERAS}
        self.profiles = {era: DevelopingProfile(*rule) for era in ERAS}
        self.nodes = {era: DevelopingNodes() for era in ERAS}
        self.rolling = RollingMoments(ROLLING_BARS)

    def feed(self, bars: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """Vwap of bars that closed; ``rows`` are their CleanTicks."""
        records = load_records(rows).traded()
        index, count = bar_of_record(records, bars), bars.height
        pre_open: np.ndarray = (bars["session_state"] == SessionState.PRE_OPEN.value).to_numpy()
        session, profile = np.full((count, 2), np.nan), np.full((count, 7), NO_TICKS)
        close = bars["close_ticks"].to_numpy()
        for era, before_open in zip(ERAS, (True, False), strict=True):
            of_era = records.pre_open == before_open
            mine, at = records.where(of_era), index[of_era]
            held = pre_open == before_open
            session[held] = self._mean_and_sd(era, mine, at, count)[held]
            ends = np.searchsorted(at, np.flatnonzero(held), side="right")
            profile[held, :3] = self.profiles[era].feed(mine, np.append(ends, len(mine)))[:-1]
            profile[held, 3:] = self._nearest_nodes(era, mine, ends, close[held])
        rolling = self._rolling(records, index, count)
        return conform("vwap", _frame(bars, session, rolling, profile, self.instrument))

    def _mean_and_sd(self, era: str, records: Records, index: Ints, count: int) -> Floats:
        anchor = self.memory.first(f"anchor.{era}", records.price_ticks)
        segments = segment_moments(records.price_ticks, records.size, index, count, anchor)
        moments = merged(segments, self.moments[era])
        weight, mean, squares = (float(part[-1]) for part in moments)
        self.moments[era] = (weight, mean, squares) if weight > 0.0 else NOTHING
        return np.column_stack((moments.mean, np.sqrt(divide(moments.squares, moments.weight))))

    def _nearest_nodes(self, era: str, records: Records, ends: Ints, close: Ints) -> Ints:
        """Nodes as of each bar of an era; trades after its last bar are taken along."""
        last = close[-1:] if len(close) else np.zeros(1, np.int64)
        found: Ints = self.nodes[era].feed(records, np.append(ends, len(records)), np.append(close, last))[
            :-1
        ]
        return found

    def _rolling(self, records: Records, index: Ints, count: int) -> Floats:
        anchor = self.memory.first("anchor", records.price_ticks)
        return np.column_stack(
            self.rolling.feed(*segment_moments(records.price_ticks, records.size, index, count, anchor))
        )

    def snapshot(self) -> dict[str, Any]:
        """State for JSON."""
        return {
            "memory": self.memory.snapshot(),
            "moments": {era: list(held) for era, held in self.moments.items()},
            "profiles": {era: profile.snapshot() for era, profile in self.profiles.items()},
            "nodes": {era: nodes.snapshot() for era, nodes in self.nodes.items()},
            "rolling": self.rolling.snapshot(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        self.memory.restore(saved["memory"])
        self.rolling.restore(saved["rolling"])
        for era in ERAS:
            weight, mean, squares = saved["moments"][era]
            self.moments[era] = (weight, mean, squares)
            self.profiles[era].restore(saved["profiles"][era])
            self.nodes[era].restore(saved["nodes"][era])


def _frame(
    bars: pl.DataFrame, session: Floats, rolling: Floats, profile: Ints, instrument: Instrument
) -> pl.DataFrame:
    columns: dict[str, Floats] = {}
    for prefix, name, moments in (("", "vwap", session), ("rolling_", "rolling_vwap", rolling)):
        mean, sd = moments.T * instrument.tick_size
        columns |= {
            name: mean,
            f"{prefix}sd": sd,
            f"{prefix}upper_1": mean + sd,
            f"{prefix}lower_1": mean - sd,
            f"{prefix}upper_2": mean + 2.0 * sd,
            f"{prefix}lower_2": mean - 2.0 * sd,
        }
    typical = pl.when(pl.col("basis") == "ticks").then(pl.lit("ticks")).otherwise(pl.lit("typical"))
    return bars.select(
        EVENT_TS,
        KNOWN_AT,
        *(nullable(values).alias(name) for name, values in columns.items()),
        *(
            pl.Series(name, profile[:, i]).replace(NO_TICKS, None)
            for i, name in enumerate(("poc_ticks", "vah_ticks", "val_ticks", *NODE_COLUMNS))
        ),
        typical.alias("price_basis"),
    )
