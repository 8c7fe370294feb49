"""Rolling sums, totals and last values of series that come in blocks, with a state that is plain JSON.

Totals add from left to right and a rolling sum is the difference of two of them, so the blocks a
series is cut into leave no trace in the bits. What is kept of a series is the totals of its window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints
from zanzibar_assets.errors import ContractError

_RELATIVE_ZERO = 1e-12


def plain(values: Floats) -> list[float | None]:
    """Numbers for JSON, None for NaN."""
    return [None if value != value else value for value in values.tolist()]


def array(saved: Sequence[float | None]) -> Floats:
    """Array of ``plain`` numbers."""
    return np.array([np.nan if value is None else value for value in saved], dtype=np.float64)


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient; NaN where the denominator is zero or NaN."""
    usable = np.isfinite(denominator) & (denominator != 0.0)
    quotient: Floats = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=usable)
    return quotient


class Running:
    """What series leave behind, by name; the first block of a name starts it.

    A name stands for one series and one window: use another one for another.
    """

    def __init__(self) -> None:
        self._held: dict[str, Floats] = {}

    def value(self, name: str) -> float | None:
        """A single number kept under a name, None before one was."""
        held = self._held.get(name)
        return None if held is None else float(held[-1])

    def keep(self, name: str, value: float) -> float:
        """Keep a single number."""
        self._held[name] = np.array([value])
        return value

    def first(self, name: str, values: Floats) -> float:
        """First value of the whole series, 0 while it has none."""
        held = self.value(name)
        if held is not None:
            return held
        return self.keep(name, float(values[0])) if len(values) else 0.0

    def totals(self, name: str, values: Floats) -> Floats:
        """Sum of the series up to each of these values."""
        found = self._continued(name, values)[-len(values) :] if len(values) else np.empty(0)
        if len(values):
            self._held[name] = found[-1:].copy()
        return found

    def _continued(self, name: str, values: Floats) -> Floats:
        """Totals held, then those up to each new value."""
        held = self._held.get(name, np.zeros(1))
        new = np.cumsum(np.concatenate((held[-1:], values)), dtype=np.float64)
        return np.concatenate((held[:-1], new))

    def sum(self, name: str, values: Floats, window: int) -> Floats:
        """Sum of the last ``window`` values, the current one included; fewer at the start."""
        total = self._continued(name, values)
        ends = np.arange(len(total) - len(values), len(total))
        sums: Floats = total[ends] - total[np.maximum(ends - window, 0)]
        self._held[name] = total[-window:].copy()
        return sums

    def joined(self, name: str, values: Floats, keep: int) -> Floats:
        """The last ``keep`` values before these (fewer at the start), then these."""
        found = np.concatenate((self._held.get(name, np.empty(0)), values))
        self._held[name] = found[-keep:].copy()
        return found

    def shifted(self, name: str, values: Floats) -> Floats:
        """The value before each of these; NaN at the start."""
        known = len(self._held.get(name, ())) > 0
        found = self.joined(name, values, 1)
        return found[:-1] if known else np.concatenate(([np.nan], found[:-1]))[: len(values)]

    def mean(self, name: str, values: Floats, window: int, min_rows: int) -> Floats:
        """Mean of the finite values among the last ``window``; NaN with fewer than ``min_rows``."""
        finite = np.isfinite(values)
        count = self.sum(f"{name}.count", finite.astype(np.float64), window)
        sums = self.sum(f"{name}.sum", np.where(finite, values, 0.0), window)
        return divide(sums, np.where(count >= min_rows, count, np.nan))

    def slope(self, name: str, x: Floats, y: Floats, window: int, min_rows: int) -> Floats:
        """Least-squares slope of y on x over the last ``window`` rows; NaN where x does not vary."""
        usable = np.isfinite(x) & np.isfinite(y)
        xs, ys = np.where(usable, x, 0.0), np.where(usable, y, 0.0)
        count, sum_x, sum_xx, sum_xy, sum_y = (
            self.sum(f"{name}.{part}", values, window)
            for part, values in (
                ("count", usable.astype(np.float64)), ("x", xs), ("xx", xs * xs), ("xy", xs * ys), ("y", ys)
            )
        )  # fmt: skip
        n = np.where(count >= min_rows, count, np.nan)
        covariance, variance = sum_xy - sum_x * sum_y / n, sum_xx - sum_x**2 / n
        return divide(covariance, np.where(variance > _RELATIVE_ZERO * sum_xx, variance, np.nan))

    def snapshot(self) -> dict[str, Any]:
        """The numbers kept, for JSON."""
        return {name: plain(held) for name, held in self._held.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take the numbers of a snapshot."""
        self._held = {name: array(held) for name, held in saved.items()}


def frame_state(frame: pl.DataFrame) -> dict[str, list[Any]]:
    """Columns of a frame as plain lists (stamps as microseconds), for JSON."""
    stamped = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(stamped).to_physical()).to_dict(as_series=False)


def frame_of(saved: Mapping[str, list[Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Frame of a ``frame_state``."""
    return pl.DataFrame(
        [pl.Series(name, saved[name], dtype=_plain(kind)).cast(kind) for name, kind in schema.items()]
    )


def _plain(kind: Any) -> Any:
    return pl.Int64 if isinstance(kind, pl.Datetime) else kind


def in_order(known_us: Ints, after_us: int, what: str) -> None:
    """Refuse rows that are not in time order, or known by what was already worked on."""
    if len(known_us) and (int(known_us[0]) <= after_us or bool((np.diff(known_us) < 0).any())):
        raise ContractError(
            f"{what} do not follow what was given before",
            expected=f"rows in the order known, after {after_us} us",
            got=f"{int(known_us.min())} .. {int(known_us.max())} us",
            action="give every row once, in time order, and a time only when all known by it is given",
        )
