"""The ``smc_events`` table: swings, breaks of structure, fair value gaps, order blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from zanzibar_assets.analysis.windows import BarBlock

if TYPE_CHECKING:
    import polars as pl

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
    block = BarBlock.of(joined.series, joined.sessions)
    return all_rows(block, params.stream())


def build_smc_events(
    bars: pl.DataFrame, bars_history: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """Structure events known within the session.

    ``bars`` is one session's, ``bars_history`` earlier sessions with a ``session`` column, oldest
    first: swings, gaps and blocks of the history live on in the session. A gap whose bars lie in
    different sessions carries ``attrs.gap_across_session``.
    """
    joined = join_bars(bars, bars_history)
    params = SmcParams.of(config)
    writer = EventWriter(joined, instrument, params.definitions())
    rows = smc_rows(joined, params) if bars.height else []
    return writer.frame((row for row in rows if row.known_idx >= joined.first), TABLE)
