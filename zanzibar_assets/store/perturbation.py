"""Nonsense that a table's contract still allows, for the part of a session that is not known yet.

A random walk by the minute moves every price, a random factor scales every size, and both depend on
the seed and the minute alone: trades, book and bars of one minute move together, so that they still
belong together. What is neither (factors, probabilities) changes places among the rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

TICKS = re.compile(
    r"^(price|bid|ask|open|high|low|close|level|lo|hi|poc|vah|val|bar_poc|[hl]vn_(above|below))_ticks(_\d)?$"
)
PRICES = frozenset(
    {"price", "open", "high", "low", "close", "level", "lo", "hi", "mid", "weighted_mid", "microprice"}
    | {"vwap", "rolling_vwap", "upper_1", "lower_1", "upper_2", "lower_2"}
    | {"rolling_upper_1", "rolling_lower_1", "rolling_upper_2", "rolling_lower_2"}
)
SIZES = re.compile(r"^((bid|ask)_size_\d|size|volume|bid_volume|ask_volume|delta)$")
LARGEST_STEP_TICKS, LARGEST_FACTOR, MINUTES = 9, 5, 4096
US_PER_MINUTE = 60_000_000


def perturbed(frame: pl.DataFrame, tick_size: float, seed: int) -> pl.DataFrame:
    """Frame (not empty, with ``event_ts``) with other prices, sizes and factors; times and order stay."""
    import numpy as np
    import polars as pl

    minutes = frame["event_ts"].dt.epoch("us").to_numpy() // US_PER_MINUTE
    shift, factor = _by_minute(minutes, seed)
    lowest = min((_lowest(frame[name]) for name in frame.columns if TICKS.match(name)), default=1)
    shift = np.maximum(shift, 1 - lowest)
    order = np.random.default_rng([seed, frame.height]).permutation(frame.height)
    changed: list[pl.Series] = []
    for name, kind in frame.schema.items():
        column = frame[name]
        if TICKS.match(name) and kind.is_integer():
            changed.append(column + pl.Series(shift))
        elif name in PRICES:
            changed.append(column + pl.Series(shift * tick_size))
        elif SIZES.match(name):
            changed.append(column * pl.Series(factor))
        elif kind.is_float():
            changed.append(column.gather(order))
    return frame.with_columns(s.rename(name) for s, name in zip(changed, _names(frame), strict=True))


def _names(frame: pl.DataFrame) -> list[str]:
    """Columns that ``perturbed`` changes, in their order."""
    return [
        name
        for name, kind in frame.schema.items()
        if (TICKS.match(name) and kind.is_integer()) or name in PRICES or SIZES.match(name) or kind.is_float()
    ]


def _lowest(column: pl.Series) -> int:
    lowest = column.min()
    return 1 if lowest is None else int(lowest)  # type: ignore[arg-type]


def _by_minute(minutes: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Shift in ticks and factor of sizes of each row, by its minute (of a cycle of almost three days)."""
    import numpy as np

    random = np.random.default_rng(seed)
    steps = random.integers(-LARGEST_STEP_TICKS, LARGEST_STEP_TICKS, MINUTES, endpoint=True)
    factors = random.integers(2, LARGEST_FACTOR, MINUTES, endpoint=True).astype(np.float64)
    place = minutes % MINUTES
    return np.cumsum(steps)[place], factors[place]
