"""Compiled decoding of depth records and of book rows. Imported lazily: numba costs a second.

Both equal the plain numpy code of ``book`` bit for bit; tests hold them to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from zanzibar_assets.ingestion.formats import (
    FLOAT_DAY_FLOOR,
    INT_MAX,
    MAX_STAMP_US,
    MIN_STAMP_US,
    SC_UNIX_OFFSET_US,
    US_PER_DAY,
)
from zanzibar_assets.ingestion.grid import EXACT_SLACK_TICKS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Function = TypeVar("_Function", bound=Callable[..., Any])
DEFECTIVE, FIRST_STAMP, LAST_STAMP = range(3)
"""Slots of the tally that ``decode`` keeps: records not applied, least and greatest true stamp (0: none)."""
ROW_BLOCK = 8


def _without_counting(function: _Function) -> _Function:
    """``njit`` that counts no references (see ``_level_kernels``) and does not look for a division by 0."""
    options: Any = {"cache": True, "_nrt": False, "error_model": "numpy"}
    return cast(_Function, njit(**options)(function))


@njit(cache=True)
def _unix(raw: int, days: float) -> int:
    """UTC microseconds of a stamp of either form, -1 when it cannot be true."""
    if raw >= FLOAT_DAY_FLOOR:
        if not (math.isfinite(days) and days < 100_000.0):
            return -1
        whole = math.floor(days)
        unix = int(whole) * US_PER_DAY + int(np.rint((days - whole) * US_PER_DAY)) - SC_UNIX_OFFSET_US
    else:
        unix = max(raw, -(2**62)) - SC_UNIX_OFFSET_US
    return unix if MIN_STAMP_US <= unix < MAX_STAMP_US else -1


@njit(cache=True)
def _tick(price: float, bits: int, multiplier: float, tick_size: float) -> tuple[int, bool]:
    """Nearest tick of a float32 price and whether it lies on the grid within float32's spacing."""
    exact = price * multiplier / tick_size
    if not abs(exact) < 2.0**53:
        return 0, False
    whole = np.rint(exact)
    off = abs(exact - whole)
    if off > EXACT_SLACK_TICKS:
        exponent = max((bits >> 23) & 0xFF, 1)
        noise = math.ldexp(1.0, exponent - 150) * multiplier
        if off > noise / tick_size + EXACT_SLACK_TICKS:
            return int(whole), False
    return int(whole), True


@njit(cache=True)
def decode(
    stamps: Ints,
    days: Floats,
    commands: NDArray[np.uint8],
    prices: NDArray[np.float32],
    bits: NDArray[np.int32],
    quantities: NDArray[np.uint32],
    multiplier: float,
    tick_size: float,
    volume_multiplier: float,
    volume_power: float,
    out_stamps: Ints,
    out_keys: Ints,
    out_sizes: Floats,
    out_commands: NDArray[np.uint8],
    tally: Ints,
) -> None:
    """Records for the book; those that cannot be true get command 0.

    ``days`` and ``bits`` are the bytes of ``stamps`` and ``prices`` read as float64 and int32;
    ``tick_size`` 0 means unknown (keys are then the prices' bits); ``volume_power`` is ten to the
    decimals of the volume multiplier.
    """
    for i in range(len(stamps)):
        unix = _unix(stamps[i], days[i])
        sound = unix >= 0
        command = commands[i]
        key, on_grid = int(bits[i]), True
        if tick_size > 0.0:
            key, on_grid = _tick(float(prices[i]), key, multiplier, tick_size)
        if command >= 2:
            real = prices[i] > 0 and math.isfinite(prices[i])
            sound = sound and command <= 7 and on_grid and real and quantities[i] <= INT_MAX
        out_stamps[i] = max(unix, 0)
        out_keys[i] = key
        size = np.float64(quantities[i])
        if volume_multiplier != 1.0:
            size = np.rint(size * volume_multiplier * volume_power) / volume_power
        out_sizes[i] = size
        out_commands[i] = command if sound else np.uint8(0)
        if not sound:
            tally[DEFECTIVE] += 1
        if unix > 0:
            tally[FIRST_STAMP] = min(unix, tally[FIRST_STAMP]) if tally[FIRST_STAMP] else unix
            tally[LAST_STAMP] = max(unix, tally[LAST_STAMP])


@_without_counting
def columns(
    keys: Ints,
    sizes: Floats,
    tick_size: float,
    power: float,
    out_prices: Floats,
    out_sizes: Floats,
    missing: NDArray[np.bool_],
) -> None:
    """Rows of the book as columns of prices and sizes; ``missing`` marks columns that lack a level.

    ``power`` is ten to the decimals of the tick size, 0 where products with it are exact. Eight rows
    are turned at a time: a fixed number becomes straight code, and fills a cache line of each column.
    """
    count, width = keys.shape
    for begin in range(0, count - ROW_BLOCK + 1, ROW_BLOCK):
        for column in range(width):
            lacks = 0
            for k in range(ROW_BLOCK):
                out_prices[column, begin + k] = np.float64(keys[begin + k, column]) * tick_size
            for k in range(ROW_BLOCK):
                size = sizes[begin + k, column]
                out_sizes[column, begin + k] = size
                lacks += size <= 0.0
            missing[column] |= lacks > 0
    for row in range(count - count % ROW_BLOCK, count):
        for column in range(width):
            out_prices[column, row] = np.float64(keys[row, column]) * tick_size
            out_sizes[column, row] = sizes[row, column]
            missing[column] |= sizes[row, column] <= 0.0
    if power > 0.0:
        for column in range(width):
            for row in range(count):
                out_prices[column, row] = np.rint(out_prices[column, row] * power) / power
