"""Event rows as columns: what the compiled engines write, and the plain rows of the same events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.engine import Attr, Row
from zanzibar_assets.analysis.kinds import (
    ACCUMULATION_ROWS,
    CODES,
    DIR,
    DISTRIBUTION_ROWS,
    EVENT,
    FALLBACK,
    FLAG_NAMES,
    KIND,
    KINDS,
    KNOWN,
    LEVEL,
    LEVEL_ROWS,
    NO,
    NONE,
    SERIES_OF_ROWS,
    WIDTH,
)
from zanzibar_assets.analysis.wyckoff_rules import PHASES
from zanzibar_assets.errors import ContractError

FLAGGED = frozenset({"bos", "choch", "fvg", "ob"})
COUNTED = frozenset({"pool", "pool_taken"})
OUTCOMES = frozenset({"level_sweep", "level_accept"})
SCHEMATICS: Final = {ACCUMULATION_ROWS: "accumulation", DISTRIBUTION_ROWS: "distribution"}
START_ROWS = 1_024
"""Rows of a table that an engine begins to write; it grows as needed."""


def empty_table() -> Ints:
    """No rows."""
    return np.empty((WIDTH, 0), np.int64)


def fresh_table(bars: int) -> Ints:
    """Room for an engine's first rows of a block of bars; what is not written takes no memory."""
    return np.empty((WIDTH, (START_ROWS + bars) | 1), np.int64)


def merge(tables: Sequence[Ints]) -> Ints:
    """Ordered tables as one ordered table."""
    from zanzibar_assets.analysis._event_kernels import merged

    held = [table for table in tables if table.shape[1]]
    if not held:
        return empty_table()
    whole = held[0]
    for table in held[1:]:
        whole = merged(whole, table)
    return whole


def only(table: Ints, kinds: Iterable[str]) -> Ints:
    """Rows of some kinds."""
    keep = np.zeros(len(KINDS), np.bool_)
    keep[[CODES[kind] for kind in kinds]] = True
    mask = keep[table[KIND]]
    return table if mask.all() else np.ascontiguousarray(table[:, mask])


def level_table(levels: Sequence[Row]) -> Ints:
    """Rows of given levels, ordered by ``known_idx``; the number of each tells its place in ``levels``."""
    order = sorted(range(len(levels)), key=lambda k: levels[k].known_idx)
    table = np.full((WIDTH, len(order)), NONE, np.int64)
    for column, k in enumerate(order):
        level = levels[k]
        if level.level is None or level.dir == 0:
            raise ValueError(f"a {level.kind} row needs a level and a side to be swept")
        table[[KIND, DIR, EVENT, KNOWN, LEVEL, NO], column] = (
            CODES[level.kind], level.dir, level.event_idx, level.known_idx, level.level, level_number(k),
        )  # fmt: skip
    return table


def level_number(place: int) -> int:
    """Number of the given level at a place of its list."""
    return place * SERIES_OF_ROWS + LEVEL_ROWS


def as_rows(table: Ints, known: Mapping[int, Row] | None = None) -> list[Row]:
    """Rows of a table in its order; ``known`` holds rows of other tables that these refer to."""
    by_number: dict[int, Row] = dict(known or {})
    records = table.T.tolist()
    # A row may refer to one of the same bar that stands after it.
    for fields in sorted(records, key=lambda r: (r[KNOWN], r[NO] // SERIES_OF_ROWS)):
        by_number[fields[NO]] = _row(fields, by_number)
    return [by_number[fields[NO]] for fields in records]


def _row(fields: list[int], rows: Mapping[int, Row]) -> Row:
    kind, direction, event, known, level, lo, hi, ref, _, extra, _ = fields
    name = KINDS[kind]
    target = None if ref == NONE else rows[ref]
    attrs: dict[str, Attr] = {}
    if name in FLAGGED:
        attrs = flags(name, extra)
    elif name in COUNTED:
        attrs = {"n": extra}
    elif name in OUTCOMES:
        attrs = _outcome(fields, target)
    elif fields[NO] % SERIES_OF_ROWS in SCHEMATICS:
        attrs = schematic(fields[NO], extra)
    prices = [None if price == NONE else price for price in (level, lo, hi)]
    return Row(name, direction, event, known, prices[0], prices[1], prices[2], target, attrs)


def flags(kind: str, bits: int) -> dict[str, Attr]:
    """Names of the bits that are set; an order block also says that it is no fallback."""
    found: dict[str, Attr] = {name: True for bit, name in FLAG_NAMES.items() if bits & bit}
    return {"fallback": bool(bits & FALLBACK), **found} if kind == "ob" else found


def schematic(number: int, bits: int) -> dict[str, Attr]:
    """Machine and phase of a Wyckoff row; of a spring also its type (1 heavy, 2 usual, 3 no supply)."""
    attrs: dict[str, Attr] = {"phase": PHASES[bits % 8], "schematic": SCHEMATICS[number % SERIES_OF_ROWS]}
    return {**attrs, "spring_type": bits // 8} if bits >= 8 else attrs


def _outcome(fields: list[int], level: Row | None) -> dict[str, Attr]:
    _, _, event, known, price, lo, hi, _, _, source, _ = fields
    extreme = lo if hi == price else hi
    attrs: dict[str, Attr] = {
        "extreme_ticks": extreme,
        "depth_ticks": hi - lo,
        "bars": known - event + 1,
        "source": KINDS[source],
    }
    if level is not None and "name" in level.attrs:
        attrs["name"] = level.attrs["name"]
    return attrs


class EngineState:
    """State of a compiled engine: named int64 arrays, which a snapshot holds as lists."""

    def __init__(self, arrays: dict[str, Ints]) -> None:
        self.arrays = arrays

    def used(self) -> dict[str, Ints]:
        """The arrays without their spare room."""
        return self.arrays

    def snapshot(self) -> dict[str, Any]:
        """Shapes and numbers of the arrays, for JSON."""
        return {
            name: {"shape": list(array.shape), "values": array.ravel().tolist()}
            for name, array in self.used().items()
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the state of a snapshot."""
        for name in self.arrays:
            held = saved[name]
            self.arrays[name] = np.array(held["values"], dtype=np.int64).reshape(held["shape"])


def refuse_other(saved: Mapping[str, Any], state_format: int, params_hash: str) -> None:
    """Raise ContractError unless a snapshot is of this format and of these parameters."""
    expected, got = (state_format, params_hash), (saved.get("format"), saved.get("params_hash"))
    if got != expected:
        raise ContractError(
            "the snapshot belongs to other parameters",
            expected=f"format and parameter hash {expected}",
            got=f"{got}",
            action="feed the stream its bars from the start",
        )
