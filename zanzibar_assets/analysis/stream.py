"""The structure engines fed together, in blocks of any size, with a state that is plain JSON.

One block of a whole series, bar by bar, or anything between gives the same rows: batch, stream and
replay are the same calls. ``snapshot`` holds all that the future needs (live swings, gaps, blocks,
pools, armed levels and the few last bars), never more than what is still alive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.bar_sweeps import SweepEngine, SweepParams
from zanzibar_assets.analysis.breaks import BreakParams, StructureEngine
from zanzibar_assets.analysis.columns import (
    as_rows,
    empty_table,
    level_number,
    level_table,
    merge,
    only,
    refuse_other,
)
from zanzibar_assets.analysis.dealing_range import RangeEngine, RangeParams
from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.analysis.fvg import FvgParams, GapEngine
from zanzibar_assets.analysis.pools import PoolEngine, PoolParams
from zanzibar_assets.analysis.windows import BarBlock, BarTail
from zanzibar_assets.config import stable_hash

STATE_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StreamParams:
    """Parameters of the engines; None leaves one out (the others feed on the swings of breaks)."""

    breaks: BreakParams
    fvg: FvgParams | None = None
    pool: PoolParams | None = None
    sweep: SweepParams | None = None
    range: RangeParams | None = None


class StructureStream:
    """All structure engines over one series of bars."""

    def __init__(self, params: StreamParams) -> None:
        self.params = params
        self.structure = StructureEngine(params.breaks)
        self.gaps = None if params.fvg is None else GapEngine(params.fvg)
        self.pools = None if params.pool is None else PoolEngine(params.pool)
        self.sweeps = None if params.sweep is None else SweepEngine(params.sweep)
        self.range = None if params.range is None else RangeEngine(params.range)
        backs = [engine.lookback for engine in (self.structure, self.gaps, self.pools) if engine is not None]
        self.tail = BarTail(max(backs))

    def feed(self, block: BarBlock, levels: Ints | None = None) -> Ints:
        """Rows that a block of new bars makes known, in their order.

        ``levels`` are further levels to sweep (ordered by their ``known_idx``), each given once, with
        the block that holds its known bar or any later one.
        """
        window = self.tail.join(block)
        tables, pools = [self.structure.feed(window)], empty_table()
        points = only(tables[0], ("swing",))
        if self.gaps is not None:
            tables.append(self.gaps.feed(window))
        if self.pools is not None:
            pools = self.pools.feed(window, points)
            tables.append(pools)
        if self.range is not None:
            tables.append(self.range.feed(window, points))
        if self.sweeps is not None:
            formed = only(pools, ("pool",))
            given = empty_table() if levels is None else levels
            tables.append(self.sweeps.feed(window, merge([points, formed, given])))
        return merge(tables)

    def _engines(self) -> dict[str, Any]:
        named = {
            "structure": self.structure,
            "fvg": self.gaps,
            "pool": self.pools,
            "range": self.range,
            "sweep": self.sweeps,
        }
        return {name: engine for name, engine in named.items() if engine is not None}

    def snapshot(self) -> dict[str, Any]:
        """State as a document that ``json.dumps`` takes."""
        return {
            "format": STATE_FORMAT,
            "params_hash": stable_hash(asdict(self.params)),
            "tail": self.tail.snapshot(),
            "engines": {name: engine.snapshot() for name, engine in self._engines().items()},
        }

    @classmethod
    def restore(cls, saved: Mapping[str, Any], params: StreamParams) -> StructureStream:
        """Stream that goes on where a snapshot was taken; refuses one of other parameters."""
        refuse_other(saved, STATE_FORMAT, stable_hash(asdict(params)))
        stream = cls(params)
        stream.tail.restore(saved["tail"])
        for name, engine in stream._engines().items():
            engine.restore(saved["engines"][name])
        return stream


def all_rows(block: BarBlock, params: StreamParams, levels: Sequence[Row] = ()) -> list[Row]:
    """Plain rows of a whole series; ``levels`` are swept beside the swings and pools found."""
    table = StructureStream(params).feed(block, level_table(levels))
    return as_rows(table, {level_number(k): level for k, level in enumerate(levels)})
