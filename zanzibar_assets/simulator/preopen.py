"""A little quoting before an open that follows a long pause; the book is crossed there for a while.

Real feeds quote, and are crossed, before the open of a trading week. A session that opens right
after the previous one's close has no room for it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.options import shape_of
from zanzibar_assets.simulator.path import FairPath
from zanzibar_assets.simulator.streams import stream
from zanzibar_assets.vocabulary import US_PER_SECOND

QUOTED_US: Final = 900 * US_PER_SECOND
CROSSED_FROM_US: Final = 300 * US_PER_SECOND
CROSSED_UNTIL_US: Final = 60 * US_PER_SECOND
LEVELS: Final = 5
CHANGES: Final = 40
CLEAR, ADD, MODIFY, DELETE = 1, 2, 4, 6

Ints = NDArray[np.int64]


def quote_before_open(instrument: Instrument, path: FairPath, seed: int) -> Ints:
    """Depth rows (columns as in ``Tape.depth``) of the last minutes before the open; maybe none."""
    window = path.clock.window
    if window.open_us - window.starts_us < 2 * QUOTED_US:
        return np.empty((0, 6), dtype=np.int64)
    rng = stream(seed, "preopen", instrument.id, path.session)
    mean = shape_of(instrument.id, instrument.simulated).level_units
    middle = int(np.exp(path.open_log) / instrument.tick_size)
    begins = window.open_us - QUOTED_US
    rows = [[begins, CLEAR, 0, 0, 0, 0]]
    for side in range(2):
        for level in range(LEVELS):
            price = middle + (2 * side - 1) * (level + 1)
            rows.append([begins, ADD + side, 0, 1 + level, price, 1 + int(mean * rng.random())])
    rows[-1][2] = 1
    changes = np.sort(rng.integers(begins + US_PER_SECOND, window.open_us, CHANGES)) // 1_000 * 1_000
    for stamp in changes:
        side, level = int(rng.integers(2)), int(rng.integers(LEVELS))
        price = middle + (2 * side - 1) * (level + 1)
        rows.append([int(stamp), MODIFY + side, 1, 1 + level, price, 1 + int(mean * rng.random())])
    through = middle + 2
    rows.append([window.open_us - CROSSED_FROM_US, ADD, 1, 1, through, 1 + int(mean * rng.random())])
    rows.append([window.open_us - CROSSED_UNTIL_US, DELETE, 1, 0, through, 0])
    table = np.array(rows, dtype=np.int64)
    return table[np.argsort(table[:, 0], kind="stable")]
