"""A COPY stream on its way to the server: encoded and hashed ahead by a thread of its own.

While the driver sends one piece, the next ones are made; at most ``AHEAD`` pieces wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from zanzibar_assets.store.copy_format import Digest

AHEAD = 3


class CopySource:
    """The stream as psycopg2 reads it; ``digest`` and ``count`` hold once it is read to its end.

    An error of the encoding is raised by ``read``. Leaving the ``with`` block ends the thread.
    """

    def __init__(self, pieces: Iterator[bytes], digest: Digest) -> None:
        self.digest = digest
        self.count = 0
        self._pieces = pieces
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="copy-encoder")
        self._ahead: deque[Future[bytes]] = deque()
        self._rest = memoryview(b"")

    def __enter__(self) -> CopySource:
        self._ahead.extend(self._encoder.submit(self._make) for _ in range(AHEAD))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._encoder.shutdown(cancel_futures=True)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        if not self._rest:
            piece = self._ahead.popleft().result()
            self._ahead.append(self._encoder.submit(self._make))
            if len(piece) <= size:
                return piece
            self._rest = memoryview(piece)
        found, self._rest = self._rest[:size], self._rest[size:]
        return bytes(found)

    def _make(self) -> bytes:
        """The next piece; empty at the end, however often it is asked for."""
        piece = next(self._pieces, b"")
        self.digest.update(piece)
        self.count += len(piece)
        return piece
