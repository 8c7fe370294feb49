"""Long simulated ``.depth`` files of deep books, for measuring replay: a dense and a sparse market."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from zanzibar_assets.calendars import session_window
from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.formats import pack_depth_header
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.contracts import contract_of
from zanzibar_assets.simulator.encode import DEPTH_FOLDER, encode_depth
from zanzibar_assets.simulator.options import shape_of
from zanzibar_assets.simulator.path import utc_day
from zanzibar_assets.simulator.streams import stream_key
from zanzibar_assets.vocabulary import US_PER_SECOND

SESSION: Final = "2025-01-07"
LOG_ROWS: Final = 500_000


@dataclass(frozen=True, slots=True)
class DeepShape:
    """A deep book: levels a side, mean ticks between them, batches a second, seconds of a mean pause
    (one wait in a hundred), and how many levels from the touch an event lies on average."""

    levels: int
    gap_ticks: int
    batches_per_second: float
    pause_seconds: float
    reach: float


DENSE: Final = DeepShape(levels=800, gap_ticks=1, batches_per_second=400.0, pause_seconds=0.05, reach=12.0)
"""A busy book, shaped like ES or BTCUSDT in a fast market: every tick holds a level."""
SPARSE: Final = DeepShape(levels=60, gap_ticks=12, batches_per_second=1.0, pause_seconds=120.0, reach=4.0)
"""A holiday book: few events, minutes of silence, levels far apart."""


def write_deep_book(out_dir: Path, instrument: Instrument, records: int, seed: int, shape: DeepShape) -> Path:
    """Write one ``.depth`` file of exactly ``records`` records and return its path.

    It starts with a snapshot, repeats one every ten minutes and runs past its UTC day where it must.
    The last batch may be unfinished. Raises UsageError for a real instrument.
    """
    from zanzibar_assets.simulator._deep_book_kernel import Deep, run_deep, start_book
    from zanzibar_assets.simulator._levels_kernel import DEPTH_COLUMNS, TRADE_COLUMNS, Book, Log

    if not instrument.simulated:
        raise UsageError(f"{instrument.id} is no simulated instrument", expected="SIM_ES, SIM_NQ or SIM_BTC")
    look = shape_of(instrument.id, instrument.simulated)
    symbol = look.symbol.format(contract=contract_of(instrument, SESSION))
    opened = session_window(instrument, SESSION).open_us
    path = out_dir / DEPTH_FOLDER / f"{symbol}.{utc_day(opened)}.depth"
    path.parent.mkdir(parents=True, exist_ok=True)
    room = shape.levels * 3 // 2 + 8
    price, size, orders = (np.zeros((2, room), dtype=np.int64) for _ in range(3))
    book = Book(price, size, orders, np.zeros(2, dtype=np.int64))
    log = Log(
        np.zeros((max(LOG_ROWS, 8 * room), DEPTH_COLUMNS), dtype=np.int64),
        np.zeros((0, TRADE_COLUMNS), dtype=np.int64),
        np.zeros(2, dtype=np.int64),
    )
    key = stream_key(seed, "deep book", instrument.id) & (2**64 - 1)
    state, clock = np.array([key], dtype=np.uint64), np.array([opened, opened])
    deep = Deep(
        shape.levels,
        shape.gap_ticks,
        US_PER_SECOND / shape.batches_per_second,
        shape.pause_seconds * US_PER_SECOND,
        shape.reach,
    )
    start_book(book, log, state, opened, round(look.start_price / instrument.tick_size), deep)
    source = instrument.source_of(symbol)
    assert source is not None, "a simulated instrument's own symbol feeds it"
    with path.open("wb") as file:
        file.write(pack_depth_header(simulated=True))
        left = records
        while left > 0:
            log.used[0] = 0
            run_deep(book, log, state, clock, deep)
            rows = log.depth[: min(left, int(log.used[0]))]
            file.write(encode_depth(rows, instrument, source).tobytes())
            left -= len(rows)
    return path
