"""The ``liquidity_sweeps`` table: resting levels, pools, and what became of them on bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zanzibar_assets.analysis.bar_sweeps import KINDS as OUTCOME_KINDS
from zanzibar_assets.analysis.bar_sweeps import SweepParams
from zanzibar_assets.analysis.breaks import BreakParams
from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.analysis.events import Definition, EventWriter, JoinedBars, join_bars
from zanzibar_assets.analysis.levels import DEFINITION, LevelParams, resting_levels
from zanzibar_assets.analysis.pools import KINDS as POOL_KINDS
from zanzibar_assets.analysis.pools import PoolParams
from zanzibar_assets.analysis.stream import StreamParams, all_rows
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.windows import BarBlock

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.config import Config
    from zanzibar_assets.instruments import Instrument

TABLE = "liquidity_sweeps"
KINDS = (*POOL_KINDS, *OUTCOME_KINDS)
POOL_TOLERANCE_TICKS = 2
POOL_TOLERANCE_ATR = 0.1


@dataclass(frozen=True, slots=True)
class LiquidityParams:
    """Parameters of the engines whose rows the table holds."""

    pool: PoolParams
    sweep: SweepParams
    level: LevelParams = field(default_factory=LevelParams)

    @classmethod
    def of(cls, config: Config) -> LiquidityParams:
        """Parameters of a configuration."""
        analysis = config.analysis
        swing = SwingParams(analysis.swing_left, analysis.swing_right)
        pool = PoolParams(swing, POOL_TOLERANCE_TICKS, POOL_TOLERANCE_ATR, analysis.atr_bars)
        sweep = SweepParams(analysis.sweep_min_penetration_ticks, analysis.sweep_reclaim_bars)
        return cls(pool, sweep, LevelParams())

    def definitions(self) -> dict[str, Definition]:
        """Definition of each kind of row."""
        pool, swept = Definition.of("pool", self.pool), Definition.of("sweep", self.sweep)
        return {
            "swing": Definition.of("swing", self.pool.swing),
            "level": Definition.of("level", self.level, DEFINITION),
            "pool": pool,
            "pool_taken": pool,
            "level_sweep": swept,
            "level_accept": swept,
        }


def liquidity_rows(joined: JoinedBars, resting: Sequence[Row], params: LiquidityParams) -> list[Row]:
    """Pools, and the outcome of every swing, pool and resting level, over history and session."""
    stream = StreamParams(BreakParams(params.pool.swing), pool=params.pool, sweep=params.sweep)
    levels = [level for level in resting if level.dir]
    rows = all_rows(BarBlock.of(joined.series, joined.sessions), stream, levels)
    return [row for row in rows if row.kind in KINDS]


def build_liquidity_sweeps(
    bars: pl.DataFrame,
    bars_history: pl.DataFrame,
    profile_history: pl.DataFrame,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    """Levels that rest in the session, its pools, sweeps and acceptances.

    ``bars`` is one session's, the histories hold earlier sessions with a ``session`` column, oldest
    first. Swings and pools of the history are still watched; levels of earlier sessions are those
    of the prior one and POCs untouched since. ``ref_id`` of an outcome names its level (swings are
    rows of ``smc_events``). Rows are those known within the session; ``attrs`` of an outcome holds
    the extreme and depth in ticks, the bars it took and the source of the level.
    """
    joined = join_bars(bars, bars_history)
    params = LiquidityParams.of(config)
    writer = EventWriter(joined, instrument, params.definitions())
    if not bars.height:
        return writer.frame([], TABLE)
    resting = resting_levels(joined, bars_history, profile_history, instrument, params.level)
    rows = liquidity_rows(joined, resting, params)
    return writer.frame([*resting, *(row for row in rows if row.known_idx >= joined.first)], TABLE)
