"""The ``smc_events`` table: swings, breaks, gaps, order blocks, zones, on bars and on longer bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from zanzibar_assets.analysis.breaks import DEFINITION, BreakParams
from zanzibar_assets.analysis.dealing_range import KINDS as RANGE_KINDS
from zanzibar_assets.analysis.dealing_range import RangeParams
from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.analysis.events import Definition, EventWriter, JoinedBars, join_bars
from zanzibar_assets.analysis.fvg import KINDS as FVG_KINDS
from zanzibar_assets.analysis.fvg import FvgParams
from zanzibar_assets.analysis.order_blocks import KINDS as BLOCK_KINDS
from zanzibar_assets.analysis.stream import StreamParams, all_rows
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.timeframes import higher_bars
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

if TYPE_CHECKING:
    from zanzibar_assets.config import Config
    from zanzibar_assets.instruments import Instrument

TABLE = "smc_events"


@dataclass(frozen=True, slots=True)
class SmcParams:
    """Parameters of the engines whose rows the table holds."""

    breaks: BreakParams
    fvg: FvgParams
    range: RangeParams

    @classmethod
    def of(cls, config: Config) -> SmcParams:
        """Parameters of a configuration."""
        swing = SwingParams(config.analysis.swing_left, config.analysis.swing_right)
        return cls(BreakParams(swing), FvgParams(), RangeParams())

    def stream(self) -> StreamParams:
        """Parameters of the engines fed together."""
        return StreamParams(self.breaks, self.fvg, range=self.range)

    def definitions(self, timeframe_seconds: int | None = None) -> dict[str, Definition]:
        """Definition of each kind of row; of a higher timeframe where its seconds are given."""
        broken = Definition.of("breaks", self.breaks, DEFINITION, timeframe_seconds)
        block = Definition.of("ob", self.breaks, DEFINITION, timeframe_seconds)
        gap = Definition.of("fvg", self.fvg, 1, timeframe_seconds)
        point = Definition.of("swing", self.breaks.swing, 1, timeframe_seconds)
        place = Definition.of("range", self.range, 1, timeframe_seconds)
        return {
            **dict.fromkeys(("swing", "swing_supersede"), point),
            **dict.fromkeys(("bos", "choch"), broken),
            **dict.fromkeys(FVG_KINDS, gap),
            **dict.fromkeys(BLOCK_KINDS, block),
            **dict.fromkeys(RANGE_KINDS, place),
        }


def smc_rows(joined: JoinedBars, params: SmcParams) -> list[Row]:
    """All structure rows over history and session."""
    return all_rows(BarBlock.of(joined.series, joined.sessions), params.stream())


def build_smc_events(
    bars: pl.DataFrame, bars_history: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """Structure events known within the session, on its bars and on longer ones made of them.

    ``bars`` is one session's, ``bars_history`` earlier sessions with a ``session`` column, oldest
    first: swings, gaps and blocks of the history live on in the session. A gap whose bars lie in
    different sessions carries ``attrs.gap_across_session``. Rows of the longer bars of
    ``analysis.structure_minutes`` have their ``timeframe_seconds``; they are known when the longer
    bar has ended, which for the last one of a session may be in the session after.
    """
    if not bars.height:
        return EventWriter(join_bars(bars, bars_history), instrument, {}).frame([], TABLE)
    joined, params = join_bars(bars, bars_history), SmcParams.of(config)
    writer = EventWriter(joined, instrument, params.definitions())
    rows = (row for row in smc_rows(joined, params) if row.known_idx >= joined.first)
    since = joined.known_us[joined.first - 1] if joined.first else 0
    frames = [writer.frame(rows, TABLE)]
    for seconds in higher_seconds(config, joined.seconds):
        frames.append(_higher_frame(joined, seconds, since, params, instrument))
    order = [KNOWN_AT, EVENT_TS, "kind", "dir", "level_ticks", "lo_ticks", "hi_ticks", "event_id"]
    return pl.concat(frames).sort(order, nulls_last=False)


def higher_seconds(config: Config, bar_seconds: int) -> list[int]:
    """Lengths of the configured longer bars that whole bars fill."""
    lengths = sorted({60 * minutes for minutes in config.analysis.structure_minutes})
    return [seconds for seconds in lengths if seconds > bar_seconds and seconds % bar_seconds == 0]


def base_rows(events: pl.DataFrame, bar_seconds: int) -> pl.DataFrame:
    """Rows of an event table that the bars themselves made, without those of longer bars."""
    return events.filter(pl.col("timeframe_seconds") == bar_seconds)


def _higher_frame(
    joined: JoinedBars, seconds: int, since_us: int, params: SmcParams, instrument: Instrument
) -> pl.DataFrame:
    """Rows of longer bars that became known after ``since_us``."""
    block = BarBlock.of(joined.series, joined.sessions)
    opens, closes = np.array(joined.event_us, np.int64), np.array(joined.known_us, np.int64)
    higher = higher_bars(block, opens, closes, seconds)
    longer = JoinedBars(
        higher.block.series(),
        higher.opens_us.tolist(),
        higher.closes_us.tolist(),
        higher.block.sessions.tolist(),
        0,
        seconds,
    )
    writer = EventWriter(longer, instrument, params.definitions(seconds))
    rows = all_rows(higher.block, params.stream())
    return writer.frame((row for row in rows if longer.known_us[row.known_idx] > since_us), TABLE)
