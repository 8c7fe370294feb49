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

BEST_BID, BEST_ASK, CHANGED_BID, CHANGED_ASK, FLOOR_BID, FLOOR_ASK = range(6)
PENDING, LAST_STAMP, SNAPSHOT_SEEN, FRESH, MIDNIGHT = range(6, 11)
"""Slots of the state. By side: place of the best level (-1: none), what changed among the levels shown
since the last row (bits SIZES, ORDER), place of the last one shown (-1: fewer than wanted were there).
Pending grid instant (-1: none), running stamp, whether a CLEAR was seen, whether one has come since the
last batch that was due for a row, and the UTC midnight before the last instant that was looked for."""
STATE_SLOTS = 11
SIZES, ORDER = 1, 2
BATCHES, CROSSED, LOCKED, UNKNOWN_DELETES, CLEARS, OUT_OF_ORDER, BEFORE_SNAPSHOT, ONE_SIDED = range(8)
"""Slots of the counter array."""
COUNTER_SLOTS = 8
SMALLEST = 1 << 12
_Function = TypeVar("_Function", bound=Callable[..., Any])
_ONE, _SIX, _LOW, _ALL = np.uint64(1), np.uint64(6), np.uint64(63), np.uint64(0xFFFFFFFFFFFFFFFF)


def compiled(function: _Function) -> _Function:
    """``njit`` with a cache and without counted references."""
    return cast(_Function, njit(cache=True, _nrt=False)(function))  # type: ignore[call-overload]


class Levels(NamedTuple):
    """Sizes and the layers of bits over them; axis 0 is the side (bid, ask)."""

    sizes: Floats
    places: Words
    words: Words
    blocks: Words


def _count_leading_zeros(context: Any, word: Any) -> Any:
    """Zero bits above the highest one of a word that is not zero: one instruction of the processor."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], target.get_constant(types.boolean, 1))

    return types.uint64(types.uint64), generate


_leading_zeros: Any = intrinsic(_count_leading_zeros)


@compiled
def _under(at: Any) -> Any:
    """Bits of a word below the place's own."""
    return (_ONE << (at & _LOW)) - _ONE


@compiled
def _below(places: Words, words: Words, blocks: Words, side: Any, at: Any) -> Any:
    """Highest place below ``at`` that holds a level, -1 when there is none.

    Here and below places are unsigned: an index that may be negative costs a comparison.
    """
    word = at >> _SIX
    found = places[side, word] & _under(at)
    if found == 0:
        block = word >> _SIX
        found = words[side, block] & _under(word)
        if found == 0:
            far = block >> _SIX
            found = blocks[side, far] & _under(block)
            while found == 0 and far > 0:
                far -= _ONE
                found = blocks[side, far]
            if found == 0:
                return -1
            block = (far << _SIX) + _LOW - _leading_zeros(found)
            found = words[side, block]
        word = (block << _SIX) + _LOW - _leading_zeros(found)
        found = places[side, word]
    return np.int64((word << _SIX) + _LOW - _leading_zeros(found))


@compiled
def _mark(places: Words, words: Words, blocks: Words, side: Any, at: Any) -> None:
    word = at >> _SIX
    block = word >> _SIX
    places[side, word] |= _ONE << (at & _LOW)
    words[side, block] |= _ONE << (word & _LOW)
    blocks[side, block >> _SIX] |= _ONE << (block & _LOW)


@compiled
def _unmark(places: Words, words: Words, blocks: Words, side: Any, at: Any) -> None:
    word = at >> _SIX
    block = word >> _SIX
    places[side, word] &= _ALL ^ (_ONE << (at & _LOW))
    if places[side, word] == 0:
        words[side, block] &= _ALL ^ (_ONE << (word & _LOW))
        if words[side, block] == 0:
            blocks[side, block >> _SIX] &= _ALL ^ (_ONE << (block & _LOW))


@compiled
def _clear(held: Floats, places: Words, words: Words, blocks: Words, state: Ints) -> None:
    for side in range(2):
        at = state[BEST_BID + side]
        while at >= 0:
            place = np.uint64(at)
            held[side, place] = 0.0
            _unmark(places, words, blocks, side, place)
            at = _below(places, words, blocks, side, place)
        state[BEST_BID + side] = -1
        state[CHANGED_BID + side] = ORDER


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
    index = np.uint64(side)
    at = key if side == 0 else held.shape[1] - 1 - key
    place = np.uint64(at)
    before = held[index, place]
    change = ORDER
    if command < 6 and size > 0.0:
        held[index, place] = size
        if before == 0.0:
            _mark(places, words, blocks, index, place)
            state[BEST_BID + side] = max(at, state[BEST_BID + side])
        else:
            change = SIZES
    elif before == 0.0:
        counters[UNKNOWN_DELETES] += 1
        return
    else:
        held[index, place] = 0.0
        _unmark(places, words, blocks, index, place)
        if at == state[BEST_BID + side]:
            state[BEST_BID + side] = _below(places, words, blocks, index, place)
    if at >= state[FLOOR_BID + side]:
        state[CHANGED_BID + side] |= change


@compiled
def _write_side(
    row: int,
    side: int,
    held: Floats,
    places: Words,
    words: Words,
    blocks: Words,
    state: Ints,
    out_keys: Ints,
    out_sizes: Floats,
) -> None:
    """Top of a side into row ``row``; size 0 marks a level that is not there."""
    wanted, last, to = np.uint64(out_keys.shape[1] // 2), held.shape[1] - 1, np.uint64(row)
    index, at = np.uint64(side), state[BEST_BID + side]
    column = index * wanted
    end = column + wanted
    state[FLOOR_BID + side] = -1
    while column < end and at >= 0:
        word = np.uint64(at) >> _SIX  # the levels of a word are taken off it one by one
        found = places[index, word] & (_ALL >> (_LOW - (np.uint64(at) & _LOW)))
        while found != 0 and column < end:
            bit = _LOW - _leading_zeros(found)
            place = (word << _SIX) + bit
            out_keys[to, column] = last - np.int64(place) if side else np.int64(place)
            out_sizes[to, column] = held[index, place]
            found ^= _ONE << bit
            column += _ONE
            if column == end:
                state[FLOOR_BID + side] = np.int64(place)
        if column < end:
            at = _below(places, words, blocks, index, word << _SIX)
    while column < end:
        out_keys[to, column] = 0
        out_sizes[to, column] = 0.0
        column += _ONE


@compiled
def write_row(
    row: int,
    before: int,
    held: Floats,
    places: Words,
    words: Words,
    blocks: Words,
    state: Ints,
    out_keys: Ints,
    out_sizes: Floats,
) -> None:
    """Top of both sides into row ``row``; row ``before`` holds what was shown last (-1: none does).

    Where no level came or went among those shown, the prices are that row's and only sizes are read.
    """
    wanted, last = out_keys.shape[1] // 2, held.shape[1] - 1
    to, base = np.uint64(row), np.uint64(max(before, 0))
    for side in range(2):
        changed = state[CHANGED_BID + side]
        state[CHANGED_BID + side] = 0
        if before < 0 or changed & ORDER:
            _write_side(row, side, held, places, words, blocks, state, out_keys, out_sizes)
            continue
        for column in range(np.uint64(side * wanted), np.uint64((side + 1) * wanted)):
            key, size = out_keys[base, column], out_sizes[base, column]
            out_keys[to, column] = key
            if changed and size > 0.0:
                size = held[np.uint64(side), np.uint64(last - key if side else key)]
            out_sizes[to, column] = size


def new_state() -> tuple[Ints, Ints]:
    """State and counters of an empty book."""
    state = np.zeros(STATE_SLOTS, dtype=np.int64)
    state[[BEST_BID, BEST_ASK, FLOOR_BID, FLOOR_ASK, PENDING]] = -1
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
