"""A bar table as people keep it (stamps, float prices, volume) as engine bars on an exact grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis.bar_lengths import bar_length
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.errors import ContractError, UsageError
from zanzibar_assets.vocabulary import US_PER_SECOND

STAMP = "ts_utc"
PRICES = ("open", "high", "low", "close")
MOST_DECIMALS = 10
WHOLE = 2**52
"""Largest price on the grid: whole floats are exact up to twice this."""
GROWTH = 1_000
"""So many times the first bar's price leaves room for."""
NO_TICK = "no tick given: pools need equal prices and a sweep any price beyond; give tick in --params"


@dataclass(frozen=True, slots=True)
class Grid:
    """Prices are multiples of ``step / 10**decimals``; a tick is ``per_tick`` of them, if it was given."""

    decimals: int
    step: int
    per_tick: int | None

    def prices(self, units: Ints) -> Floats:
        """Prices of whole units: the nearest floats, so 189 tenths are 18.9 and not a neighbour of it."""
        found: Floats = (units * self.step).astype(np.float64) / 10.0**self.decimals
        return found

    def level_units(self, price: float) -> int:
        """Whole units of a price that is asked for; raises UsageError when it lies between two of them."""
        per_unit = self.per_tick or 1
        units = round(price * 10.0**self.decimals / (self.step * per_unit)) * per_unit
        if abs(float(self.prices(np.array([units]))[0]) - price) <= 4 * np.spacing(abs(price)):
            return units
        size = (
            f"a multiple of the tick of {self.tick:g}" if self.tick else f"at most {self.decimals} decimals"
        )
        raise UsageError(
            f"level {price} lies between two prices",
            expected=size,
            action="give a level that can be traded at",
        )

    def floor_units(self, distance: float) -> int:
        """Most whole units that a distance holds."""
        return int(np.floor(distance * 10**self.decimals / self.step + 1e-9))

    def tick_units(self, name: str, ticks: int, untold: int) -> int:
        """Whole units of a number of ticks; ``untold`` without a tick, where it is the parameter's default.

        Raises UsageError naming the parameter for another number of ticks whose size was not given.
        """
        if self.per_tick is not None:
            return ticks * self.per_tick
        if ticks == untold:
            return untold
        raise UsageError(
            f"{name} {ticks} counts ticks, and no tick is given",
            expected=f"tick, or {name} {untold}",
            action='give {"tick": N} in --params',
        )

    @property
    def tick(self) -> float | None:
        """Size of a tick, where it was given."""
        return None if self.per_tick is None else self.step * self.per_tick / 10.0**self.decimals


@dataclass(frozen=True, slots=True)
class BarInput:
    """Bars on their grid with open and close stamps (UTC microseconds); ``notes`` say what was assumed."""

    block: BarBlock
    opens_us: Ints
    closes_us: Ints
    bar_seconds: float
    grid: Grid
    notes: tuple[str, ...]


def read_bars(
    frame: pl.DataFrame, *, tick: float | None, bar_seconds: float | None, volume: bool
) -> BarInput:
    """Bars of a table with ``ts_utc`` (bar open), open, high, low, close and, where asked, volume.

    An optional ``session`` column tells sessions apart. Without ``bar_seconds`` the commonest step is
    the bar length; without ``tick`` prices are compared on a grid finer than they are, and nothing
    is counted in ticks. Raises
    ContractError, naming the first bar that is wrong, for missing columns, stamps that are not ascending
    or repeated, values that are absent or not finite, and bars whose high is below their low.
    """
    needed = [STAMP, *PRICES, *(["volume"] if volume else [])]
    _check_columns(frame, needed)
    stamps = _stamps(frame)
    _check_order(stamps)
    prices = np.array([_values(frame, name) for name in PRICES]).reshape(4, frame.height)
    _check_ranges(prices)
    grid, notes = grid_of(prices, tick)
    seconds, how = bar_length(stamps, bar_seconds)
    size = _values(frame, "volume") if volume else np.zeros(frame.height)
    if (size < 0).any():
        raise _wrong(
            "a volume is negative", int(np.argmax(size < 0)), "volumes of 0 or more", "check the file"
        )
    sessions = frame["session"].rle_id().to_numpy().astype(np.int64) if "session" in frame.columns else None
    block = BarBlock(
        np.ascontiguousarray(np.rint(prices * 10.0**grid.decimals / grid.step).astype(np.int64)),
        size,
        np.zeros(frame.height, np.int64) if sessions is None else sessions,
    )
    return BarInput(block, stamps, stamps + round(seconds * US_PER_SECOND), seconds, grid, (*notes, *how))


def _check_columns(frame: pl.DataFrame, needed: list[str]) -> None:
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise ContractError(
            f"the bar table lacks {', '.join(missing)}",
            expected=f"columns {', '.join(needed)}",
            got=f"columns {', '.join(frame.columns) or 'none'}",
            action="rename or add the columns",
        )


def _stamps(frame: pl.DataFrame) -> Ints:
    column = frame[STAMP]
    if not isinstance(column.dtype, pl.Datetime):
        raise ContractError(
            f"{STAMP} is no timestamp",
            expected="timestamps in UTC, the open of each bar",
            got=str(column.dtype),
            action=f"cast {STAMP} to a UTC timestamp",
        )
    if column.null_count():
        raise _wrong(
            f"{STAMP} is absent", int(column.is_null().arg_max() or 0), "a stamp on every bar", "fill it"
        )
    stamps: Ints = column.dt.epoch("us").to_numpy().astype(np.int64)
    return stamps


def _check_order(stamps: Ints) -> None:
    steps = np.diff(stamps)
    if (steps <= 0).any():
        at = int(np.argmax(steps <= 0))
        what = "repeats the stamp of" if steps[at] == 0 else "is earlier than"
        raise _wrong(
            f"it {what} the bar before it",
            at + 1,
            "one bar a stamp, ascending",
            "sort and remove doubles",
        )


def _values(frame: pl.DataFrame, name: str) -> Floats:
    column = frame[name]
    if not column.dtype.is_numeric():
        raise ContractError(
            f"{name} is no number", expected="numbers", got=str(column.dtype), action=f"cast {name}"
        )
    if column.dtype == pl.Float32:
        # Through its shortest decimal: the float32 nearest 0.1 was written for 0.1, not for 0.10000000149.
        column = column.cast(pl.String)
    values: Floats = column.cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all():
        at = int(np.argmin(np.isfinite(values)))
        raise _wrong(f"{name} is {values[at]}", at, "a finite number on every bar", "drop or repair the bar")
    return values


def _check_ranges(prices: Floats) -> None:
    opened, high, low, close = prices
    if (high < low).any():
        at = int(np.argmax(high < low))
        raise _wrong(f"high {high[at]} is below low {low[at]}", at, "high >= low", "drop or repair the bar")
    outside = (np.minimum(opened, close) < low) | (np.maximum(opened, close) > high)
    if outside.any():
        at = int(np.argmax(outside))
        raise _wrong(
            f"open {opened[at]} or close {close[at]} lies outside low {low[at]} to high {high[at]}",
            at,
            "open and close within the bar's range",
            "drop or repair the bar",
        )


def _wrong(what: str, row: int, expected: str, action: str) -> ContractError:
    return ContractError(f"bar {row} (counted from 0): {what}", expected=expected, action=action)


def decimals_of(values: Floats) -> int | None:
    """Fewest decimals that write all values, up to a few units in the last place; None without any."""
    for decimals in range(MOST_DECIMALS + 1):
        scale = 10.0**decimals
        if values.size and float(np.abs(values).max()) * scale > WHOLE:
            return None
        if bool((np.abs(np.rint(values * scale) / scale - values) <= 4 * np.spacing(np.abs(values))).all()):
            return decimals
    return None


def grid_of(prices: Floats, tick: float | None) -> tuple[Grid, list[str]]:
    """Grid that holds the prices: the tick's own where they lie on it, else a fine decimal one."""
    if tick is None:
        decimals, notes = _fine_grid(prices)
        return Grid(decimals, 1, None), [*notes, NO_TICK]
    own = decimals_of(np.array([tick])) if tick > 0 and np.isfinite(tick) else None
    if own is None:
        raise ContractError(
            f"tick {tick} is no price step", expected=f"above 0, at most {MOST_DECIMALS} decimals"
        )
    step = round(tick * 10**own)
    units = prices * 10.0**own / step
    off = int((np.abs(units - np.rint(units)) > 1e-6).sum())
    if not off:
        return Grid(own, step, 1), []
    decimals, notes = _fine_grid(prices, own)
    notes.append(f"{off} prices lie off the tick of {tick:g}; they are kept and compared as they are")
    return Grid(decimals, 1, step * 10 ** (decimals - own)), notes


def _fine_grid(prices: Floats, least: int = 0) -> tuple[int, list[str]]:
    """Decimals finer than prices have, by the size of the first bar's alone: later bars change nothing.

    Raises ContractError when a price has grown too large for so many decimals.
    """
    first = float(np.abs(prices[:, :1]).max(initial=1.0))
    decimals = max(least, min(MOST_DECIMALS, int(np.floor(np.log10(WHOLE / (GROWTH * first))))), 0)
    top = np.abs(prices).max(axis=0, initial=0.0)
    large = top * 10.0**decimals > WHOLE
    if large.any():
        at = int(np.argmax(large))
        raise _wrong(
            f"its price {top[at]:g} is too large to be compared on {decimals} decimals with the first bar's",
            at,
            f"prices up to {GROWTH} times those of the first bar",
            "split the file",
        )
    scale = 10.0**decimals
    finer = np.abs(np.rint(prices * scale) / scale - prices) > 4 * np.spacing(np.abs(prices))
    if not finer.any():
        return decimals, []
    return decimals, [f"prices lie on no decimal grid; they are compared on {decimals} decimals"]
