"""One allocation for all columns of a frame, from Arrow's memory pool.

Fresh memory costs more than filling it does: the system clears each page first. Arrow's pool takes
large pages and keeps what a released frame leaves for the next one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE_BYTES = 64
SKEW_BYTES = 17 * LINE_BYTES
"""Between columns, as those a whole number of pages apart would all meet in the same cache sets."""


class Arena:
    """Columns cut one after the other from one block; it lives as long as any of them."""

    def __init__(self, *columns: tuple[int, Any]) -> None:
        """Room for columns of (length, dtype), which mean nothing until they are filled."""
        import pyarrow as pa

        wanted = sum(_stride(count, kind) for count, kind in columns) + LINE_BYTES
        memory = np.frombuffer(pa.allocate_buffer(wanted), dtype=np.uint8)
        self._memory = memory[-memory.ctypes.data % LINE_BYTES :]
        self._used = 0

    def take(self, count: int, kind: Any) -> NDArray[Any]:
        """The next column."""
        column: NDArray[Any] = self.take_rows(1, count, kind)[0, :count]
        return column

    def take_rows(self, rows: int, count: int, kind: Any) -> NDArray[Any]:
        """The next columns of one length and dtype as rows, each a little longer than ``count``."""
        begin, self._used = self._used, self._used + rows * _stride(count, kind)
        block: NDArray[Any] = self._memory[begin : self._used].view(kind)
        return block.reshape(rows, -1)


def _stride(count: int, kind: Any) -> int:
    """Bytes from one column to the next: whole cache lines."""
    size = int(np.dtype(kind).itemsize) * count
    return -(-size // LINE_BYTES) * LINE_BYTES + SKEW_BYTES
