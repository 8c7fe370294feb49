"""A bar table as people keep it (stamps, float prices, volume) as engine bars on an exact grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.errors import ContractError
from zanzibar_assets.vocabulary import US_PER_SECOND

STAMP = "ts_utc"
PRICES = ("open", "high", "low", "close")
MOST_DECIMALS = 10
WHOLE = 2**52
"""Largest price on the grid: whole floats are exact up to twice this."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Prices are whole multiples of ``step / 10**decimals``; a tick is ``per_tick`` of them."""

    decimals: int
    step: int
    per_tick: int

    def prices(self, units: Ints) -> Floats:
        """Prices of whole units: the nearest floats, so 189 tenths are 18.9 and not a neighbour of it."""
        found: Floats = (units * self.step).astype(np.float64) / 10.0**self.decimals
        return found

    def units(self, price: float) -> int:
        """Whole units of a price that need not lie on the grid."""
        return round(price * 10.0**self.decimals / self.step)

    def floor_units(self, distance: float) -> int:
        """Most whole units that a distance holds."""
        return int(np.floor(distance * 10**self.decimals / self.step + 1e-9))

    @property
    def tick(self) -> float:
        """Size of a tick."""
        return self.step * self.per_tick / 10.0**self.decimals


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
    the bar length; without ``tick`` the grid is the coarsest decimal one that holds the prices. Raises
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
    seconds, how = _length(stamps, bar_seconds)
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


def _length(stamps: Ints, given: float | None) -> tuple[float, list[str]]:
    """Bar length in seconds and, when it was not given, that it was taken from the stamps."""
    if given is not None:
        return given, []
    steps, counts = np.unique(np.diff(stamps), return_counts=True)
    if not len(steps):
        if not len(stamps):
            return 0.0, []
        raise ContractError(
            "one bar does not tell how long it lasts",
            expected="bar_seconds, or two bars",
            action='give {"bar_seconds": N}',
        )
    common = float(steps[np.argmax(counts)]) / US_PER_SECOND
    return common, [] if len(steps) == 1 else [
        f"bar length {common:g} s, the commonest of {len(steps)} steps"
    ]


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
    """Grid that holds the prices: the tick's own where they lie on it, else a decimal one."""
    if tick is None:
        decimals, notes = _decimal_grid(prices)
        return Grid(decimals, 1, 1), notes
    own = decimals_of(np.array([tick])) if tick > 0 and np.isfinite(tick) else None
    if own is None:
        raise ContractError(
            f"tick {tick} is no price step", expected=f"above 0, at most {MOST_DECIMALS} decimals"
        )
    step = round(tick * 10**own)
    units = prices * 10.0**own / step
    if bool((np.abs(units - np.rint(units)) <= 1e-6).all()):
        return Grid(own, step, 1), []
    decimals, notes = _decimal_grid(prices)
    decimals = max(decimals, own)
    off = int((np.abs(units - np.rint(units)) > 1e-6).sum())
    notes.append(f"{off} prices lie off the tick of {tick:g}; they are kept and compared as they are")
    return Grid(decimals, 1, step * 10 ** (decimals - own)), notes


def _decimal_grid(prices: Floats) -> tuple[int, list[str]]:
    found = decimals_of(prices)
    if found is not None:
        return found, []
    top = float(np.abs(prices).max())
    decimals = max(0, min(MOST_DECIMALS, int(np.floor(np.log10(WHOLE / top)))))
    return decimals, [f"prices lie on no decimal grid; they are compared on {decimals} decimals"]
