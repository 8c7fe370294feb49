"""What a single look at a row cannot tell: its place in time, and whether its price can be believed.

Both screens run down the file once and know only what stands before the row, so the rows of a
prefix are judged as in the whole. Long runs take the compiled loops of ``_screen_kernels``, which
must equal the plain ones below.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.config import CleaningConfig

Ints = NDArray[np.int64]
Codes = NDArray[np.uint8]

NONE, LATE, SET_BACK, ASIDE, CONFIRMED = range(5)
"""Verdicts: in order, dated later, clock set back, put aside as an outlier, jump confirmed."""
BACK_ROWS = 3
"""Rows in a row far behind the clock that tell that the stamp ahead of them was false."""
COMPILED_FROM_ROWS = 20_000
"""Shorter runs are screened sooner than the compiled loops are loaded."""


@dataclass(frozen=True, slots=True)
class Band:
    """Limits of the outlier screen in the units of its input; see ``CleaningConfig``."""

    window: int
    mads: float
    min_ticks: int
    min_fraction: float
    confirm: int
    stale_us: int

    @classmethod
    def of(cls, config: CleaningConfig) -> Band:
        """Band of a configuration."""
        return cls(
            config.outlier_window, config.outlier_mads, config.outlier_min_ticks,
            config.outlier_min_pct / 100.0, config.outlier_confirm,
            config.outlier_stale_seconds * 1_000_000,
        )  # fmt: skip


def date_rows(stamps_us: Ints, far_us: int) -> tuple[Ints, Codes]:
    """When each row (in file order) could first be known, and LATE, SET_BACK or NONE for each.

    A stamp behind the clock (the latest one before it) is dated at the clock. Rows more than
    ``far_us`` behind wait: ``BACK_ROWS`` of them in order set the clock back to their own stamps,
    fewer are dated at the clock.
    """
    if len(stamps_us) < 2 or bool((stamps_us[1:] >= stamps_us[:-1]).all()):
        return stamps_us.copy(), np.zeros(len(stamps_us), dtype=np.uint8)
    if len(stamps_us) < COMPILED_FROM_ROWS:
        return date_rows_plainly(stamps_us, far_us)
    from zanzibar_assets.ingestion import _screen_kernels as kernels

    dated, verdicts = stamps_us.copy(), np.zeros(len(stamps_us), dtype=np.uint8)
    kernels.date_rows(np.ascontiguousarray(stamps_us), far_us, BACK_ROWS, dated, verdicts)
    return dated, verdicts


def date_rows_plainly(stamps_us: Ints, far_us: int) -> tuple[Ints, Codes]:
    """``date_rows`` row by row in plain Python."""
    stamps = stamps_us.tolist()
    dated, verdicts = list(stamps), [NONE] * len(stamps)
    clock: int | None = None
    waiting: list[int] = []
    for i, stamp in enumerate(stamps):
        if clock is None or stamp >= clock - far_us:
            _settle(waiting, clock, dated, verdicts)
            if clock is not None and stamp < clock:
                dated[i], verdicts[i] = clock, LATE
            else:
                clock = stamp
            continue
        if waiting and stamp < stamps[waiting[-1]]:
            _settle(waiting, clock, dated, verdicts)
        waiting.append(i)
        if len(waiting) == BACK_ROWS:
            for j in waiting:
                verdicts[j] = SET_BACK
            clock = stamp
            waiting.clear()
    _settle(waiting, clock, dated, verdicts)
    return np.array(dated, dtype=np.int64), np.array(verdicts, dtype=np.uint8)


def _settle(waiting: list[int], clock: int | None, dated: list[int], verdicts: list[int]) -> None:
    """Rows that waited in vain were late: they are dated at the clock."""
    for j in waiting:
        dated[j], verdicts[j] = int(clock or 0), LATE
    waiting.clear()


def screen_prices(prices: Ints, stamps_us: Ints, band: Band) -> tuple[Ints, Codes]:
    """When each trade price (ticks, in the order known) could be believed, and its verdict.

    The first ``confirm`` trades, and those after a silence of ``stale_us``, are taken as they are.
    Afterwards a price outside the band around the median of the last ``window`` accepted ones is
    put aside (ASIDE). When ``confirm`` trades in a row stand outside near one another the level is
    new: they are accepted (CONFIRMED), dated at the last of them, and the window begins with them.
    """
    if len(prices) < COMPILED_FROM_ROWS:
        return screen_prices_plainly(prices, stamps_us, band)
    from zanzibar_assets.ingestion import _screen_kernels as kernels

    dated, verdicts = stamps_us.copy(), np.zeros(len(prices), dtype=np.uint8)
    kernels.screen_prices(
        np.ascontiguousarray(prices), np.ascontiguousarray(stamps_us), band.window, band.mads,
        band.min_ticks, band.min_fraction, band.confirm, band.stale_us, dated, verdicts,
    )  # fmt: skip
    return dated, verdicts


def screen_prices_plainly(prices: Ints, stamps_us: Ints, band: Band) -> tuple[Ints, Codes]:
    """``screen_prices`` trade by trade in plain Python."""
    dated, verdicts = stamps_us.copy(), np.zeros(len(prices), dtype=np.uint8)
    seen = _Window(band)
    run: list[int] = []
    last: int | None = None
    for i, (price, stamp) in enumerate(zip(prices.tolist(), stamps_us.tolist(), strict=True)):
        if last is not None and stamp - last > band.stale_us:
            seen.clear()
            run.clear()
        last = stamp
        width = seen.half_width()
        if width is None or abs(price - seen.median()) <= width:
            run.clear()
            seen.add(price)
            continue
        if run and abs(price - int(prices[run[0]])) > width:
            run.clear()
        run.append(i)
        verdicts[i] = ASIDE
        if len(run) == band.confirm:
            seen.clear()
            for j in run:
                dated[j], verdicts[j] = stamp, CONFIRMED
                seen.add(int(prices[j]))
            run.clear()
    return dated, verdicts


class _Window:
    """The last accepted prices: a queue and the same prices sorted."""

    def __init__(self, band: Band) -> None:
        self.band = band
        self.queue: deque[int] = deque()
        self.ordered: list[int] = []

    def clear(self) -> None:
        self.queue.clear()
        self.ordered.clear()

    def add(self, price: int) -> None:
        self.queue.append(price)
        insort(self.ordered, price)
        if len(self.queue) > self.band.window:
            del self.ordered[bisect_left(self.ordered, self.queue.popleft())]

    def median(self) -> int:
        return self.ordered[(len(self.ordered) - 1) // 2]

    def half_width(self) -> float | None:
        """Half width of the band in ticks, None while too little is known."""
        if len(self.queue) < self.band.confirm:
            return None
        middle = self.median()
        distances = sorted(abs(price - middle) for price in self.ordered)
        mad = distances[(len(distances) - 1) // 2]
        return max(float(self.band.min_ticks), self.band.min_fraction * abs(middle), self.band.mads * mad)
