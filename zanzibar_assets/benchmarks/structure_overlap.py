"""Which events pyvsmc and smartmoneyconcepts find on the same bars, kind by kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.bar_sweeps import SweepParams
from zanzibar_assets.analysis.fvg import FvgParams
from zanzibar_assets.analysis.kinds import CODES, DIR, EVENT, EXTRA, KIND, KNOWN, NO, REF
from zanzibar_assets.analysis.pools import PoolParams
from zanzibar_assets.analysis.stream import StreamParams, StructureStream
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.benchmarks.structure import BREAKS, SWING, Peer

LIBRARIES: Final = ("pyvsmc", "smartmoneyconcepts")
SIDES: Final = {1: "up", -1: "down"}
ON_EVENT_BAR: Final = ("swing", "ob", "pool")
LIFE: Final = ("fvg_touch", "fvg_ce", "fvg_fill", "fvg_invert")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Events of one kind: found by both on one bar and side, by us alone, by the library alone."""

    kind: str
    library: str
    matched: int
    only_ours: int
    only_theirs: int

    def as_dict(self) -> dict[str, Any]:
        """JSON of the row."""
        return asdict(self)


def our_events(block: BarBlock) -> dict[str, set[tuple[int, ...]]]:
    """Places of our events by ``<kind>_<side>``: swings, blocks and pools on their own bar, breaks, gaps
    and sweeps on the bar that makes them known, a gap's life by the gap's bar and its own.
    """
    params = StreamParams(BREAKS, FvgParams(), PoolParams(SWING), SweepParams())
    table = StructureStream(params).feed(block)
    found: dict[str, set[tuple[int, ...]]] = {}
    for kind in ("swing", "bos", "choch", "fvg", "ob", "pool"):
        for side, name in SIDES.items():
            own = table[:, (table[KIND] == CODES[kind]) & (table[DIR] == side)]
            places = own[EVENT if kind in ON_EVENT_BAR else KNOWN]
            found[f"{kind}_{name}"] = {(int(place),) for place in places}
    swept = table[:, (table[KIND] == CODES["level_sweep"]) & (table[EXTRA] == CODES["swing"])]
    for side, name in SIDES.items():
        # A sweep of what rests above points down.
        own = swept[:, (swept[DIR] == -side) & (swept[EVENT] == swept[KNOWN])]
        found[f"sweep_{name}"] = {(int(place),) for place in own[KNOWN]}
    return found | _life(table)


def _life(table: Ints) -> dict[str, set[tuple[int, ...]]]:
    gaps = table[:, table[KIND] == CODES["fvg"]]
    order = np.argsort(gaps[NO])
    found: dict[str, set[tuple[int, ...]]] = {}
    for kind in LIFE:
        rows = table[:, table[KIND] == CODES[kind]]
        gap = order[np.searchsorted(gaps[NO], rows[REF], sorter=order)]
        for side, name in SIDES.items():
            own = gaps[DIR, gap] == side
            pairs = zip(gaps[KNOWN, gap[own]], rows[KNOWN, own], strict=True)
            found[f"{kind}_{name}"] = {(int(a), int(b)) for a, b in pairs}
    return found


def their_events(file: Path) -> dict[str, set[tuple[int, ...]]]:
    """Places of a library's events as its script wrote them."""
    found: dict[str, set[tuple[int, ...]]] = {}
    with np.load(file) as held:
        for name in held.files:
            places = held[name]
            rows = zip(*places, strict=True) if places.ndim == 2 else ((place,) for place in places)
            found[name] = {tuple(int(x) for x in row) for row in rows}
    return found


def overlap(
    folder: Path, block: BarBlock, python: Path | None, say: Callable[[str], None]
) -> tuple[list[Overlap], list[str]]:
    """Overlap of every kind that a library has, both sides together; and why a library is left out."""
    own, rows, notes = our_events(block), [], []
    for library in LIBRARIES:
        say(f"events of {library} on {len(block)} bars")
        out = folder / f"{library}.npz"
        reason = Peer(library, python).events(folder, block, out)
        if reason is not None:
            notes.append(reason)
            continue
        theirs = their_events(out)
        for kind in dict.fromkeys(name.rsplit("_", 1)[0] for name in theirs):
            pairs = [(own[f"{kind}_{side}"], theirs[f"{kind}_{side}"]) for side in SIDES.values()]
            rows.append(
                Overlap(
                    kind,
                    library,
                    sum(len(a & b) for a, b in pairs),
                    sum(len(a - b) for a, b in pairs),
                    sum(len(b - a) for a, b in pairs),
                )
            )
    return rows, notes
