"""Compiled levels of the order book. Imported lazily: numba costs a second.

A side is an array of sizes with a place for each price and, over it, three layers of bits that say
which places hold something (64 places a word, 64 words a word of the next layer, and so on). A level
is set or dropped at its place without a search, and the next one is found over any gap by a few
words: a book of levels far apart costs what a dense one does. Places rise towards the best price on
both sides: the place of a bid is its key, that of an ask the last place less its key.

Compiled with ``_nrt=False``: nothing here allocates, and counting the references of the arrays at
every call took three quarters of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

BEST_BID, BEST_ASK, PENDING, LAST_STAMP, SNAPSHOT_SEEN, FRESH = range(6)
"""Slots of the state: place of each best level (-1: none), pending grid instant (-1: none), running
stamp, whether a CLEAR was seen, and whether one has come since the last batch that was due for a row."""
STATE_SLOTS = 6
BATCHES, CROSSED, LOCKED, UNKNOWN_DELETES, CLEARS, OUT_OF_ORDER, BEFORE_SNAPSHOT, ONE_SIDED = range(8)
"""Slots of the counter array."""
COUNTER_SLOTS = 8
SMALLEST = 1 << 12
_Function = TypeVar("_Function", bound=Callable[..., Any])
_ONE, _ALL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)


def compiled(function: _Function) -> _Function:
    """``njit`` with a cache and without counted references."""
    return cast(_Function, njit(cache=True, _nrt=False)(function))  # type: ignore[call-overload]


class Levels(NamedTuple):
    """Sizes and the layers of bits over them; axis 0 is the side (bid, ask)."""

    sizes: Floats
    places: Words
    words: Words
    blocks: Words


@intrinsic
def _leading_zeros(context: Any, word: Any) -> Any:
    """Zero bits above the highest one of a word that is not zero."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], target.get_constant(types.boolean, 1))

    return types.uint64(types.uint64), generate


@compiled
def _highest(word: Any) -> Any:
    return 63 - np.int64(_leading_zeros(word))  # type: ignore[call-arg]  # an intrinsic gives itself its context


@compiled
def _under(at: int) -> Any:
    """Bits of a word below the place's own."""
    return (_ONE << np.uint64(at & 63)) - _ONE


@compiled
def _below(places: Words, words: Words, blocks: Words, side: int, at: int) -> Any:
    """Highest place below ``at`` that holds a level, -1 when there is none."""
    word = at >> 6
    found = places[side, word] & _under(at)
    if found == 0:
        block = word >> 6
        found = words[side, block] & _under(word)
        if found == 0:
            far = block >> 6
            found = blocks[side, far] & _under(block)
            while found == 0 and far > 0:
                far -= 1
                found = blocks[side, far]
            if found == 0:
                return -1
            block = (far << 6) + _highest(found)
            found = words[side, block]
        word = (block << 6) + _highest(found)
        found = places[side, word]
    return (word << 6) + _highest(found)


@compiled
def _mark(places: Words, words: Words, blocks: Words, side: int, at: int) -> None:
    places[side, at >> 6] |= _ONE << np.uint64(at & 63)
    words[side, at >> 12] |= _ONE << np.uint64((at >> 6) & 63)
    blocks[side, at >> 18] |= _ONE << np.uint64((at >> 12) & 63)


@compiled
def _unmark(places: Words, words: Words, blocks: Words, side: int, at: int) -> None:
    places[side, at >> 6] &= _ALL ^ (_ONE << np.uint64(at & 63))
    if places[side, at >> 6] == 0:
        words[side, at >> 12] &= _ALL ^ (_ONE << np.uint64((at >> 6) & 63))
        if words[side, at >> 12] == 0:
            blocks[side, at >> 18] &= _ALL ^ (_ONE << np.uint64((at >> 12) & 63))


@compiled
def _clear(held: Floats, places: Words, words: Words, blocks: Words, state: Ints) -> None:
    for side in range(2):
        at = state[BEST_BID + side]
        while at >= 0:
            held[side, at] = 0.0
            _unmark(places, words, blocks, side, at)
            at = _below(places, words, blocks, side, at)
        state[BEST_BID + side] = -1


@compiled
def apply(
    command: int,
    key: int,
    size: float,
    held: Floats,
    places: Words,
    words: Words,
    blocks: Words,
    state: Ints,
    counters: Ints,
) -> None:
    """One record; its key has a place."""
    if command < 2 or command > 7:
        if command == 1:
            _clear(held, places, words, blocks, state)
            state[SNAPSHOT_SEEN] = 1
            state[FRESH] = 1
            counters[CLEARS] += 1
        return
    side = command & 1
    at = key if side == 0 else held.shape[1] - 1 - key
    before = held[side, at]
    if command < 6 and size > 0.0:
        held[side, at] = size
        if before == 0.0:
            _mark(places, words, blocks, side, at)
            state[BEST_BID + side] = max(at, state[BEST_BID + side])
    elif before == 0.0:
        counters[UNKNOWN_DELETES] += 1
    else:
        held[side, at] = 0.0
        _unmark(places, words, blocks, side, at)
        if at == state[BEST_BID + side]:
            state[BEST_BID + side] = _below(places, words, blocks, side, at)


@compiled
def write_row(
    row: int,
    held: Floats,
    places: Words,
    words: Words,
    blocks: Words,
    state: Ints,
    out_keys: Ints,
    out_sizes: Floats,
) -> None:
    """Top of both sides into row ``row``; size 0 marks a level that is not there."""
    wanted, last = out_keys.shape[1] // 2, held.shape[1] - 1
    for side in range(2):
        at, column, end = state[BEST_BID + side], side * wanted, (side + 1) * wanted
        while column < end and at >= 0:
            out_keys[row, column] = last - at if side else at
            out_sizes[row, column] = held[side, at]
            at = _below(places, words, blocks, side, at)
            column += 1
        while column < end:
            out_keys[row, column] = 0
            out_sizes[row, column] = 0.0
            column += 1


def new_state() -> tuple[Ints, Ints]:
    """State and counters of an empty book."""
    state = np.zeros(STATE_SLOTS, dtype=np.int64)
    state[[BEST_BID, BEST_ASK, PENDING]] = -1
    return state, np.zeros(COUNTER_SLOTS, dtype=np.int64)


def new_levels(places: int) -> Levels:
    """Levels with room for keys below ``places``; memory is taken where a level lies."""
    room = SMALLEST
    while room < places:
        room *= 2
    layers = (np.zeros((2, max(1, room >> shift)), dtype=np.uint64) for shift in (6, 12, 18))
    return Levels(np.zeros((2, room)), *layers)


def standing(levels: Levels, side: int) -> tuple[Ints, Floats]:
    """Keys and sizes of a side, worst first."""
    at = np.flatnonzero(levels.sizes[side])
    return (levels.sizes.shape[1] - 1 - at if side else at), levels.sizes[side, at]


def put(levels: Levels, state: Ints, side: int, keys: Ints, sizes: Floats) -> None:
    """Set levels of a side, as adds would."""
    counters = np.zeros(COUNTER_SLOTS, dtype=np.int64)
    for key, size in zip(keys.tolist(), sizes.tolist(), strict=True):
        apply(2 + side, key, size, *levels, state, counters)
