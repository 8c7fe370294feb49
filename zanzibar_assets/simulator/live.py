"""Appending a session as a running chart program does: in flushes, sometimes cut inside a record.

Time is injected: ``advance(now_us)`` appends what had happened by then. What a flush leaves torn
the next one completes; after ``finish`` the files hold the same bytes as written in one go.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.simulator.encode import FilePart, SessionRecords
from zanzibar_assets.simulator.narratives import Narrative
from zanzibar_assets.simulator.streams import stream
from zanzibar_assets.vocabulary import US_PER_SECOND

MIN_FLUSH_US, MAX_FLUSH_US = 1 * US_PER_SECOND, 9 * US_PER_SECOND
"""Bounds of the pause between flushes; the chart program's default is about five seconds."""
TORN_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Appended:
    """One flush to one file: ``bytes`` added at ``offset``; ``torn`` when it ends inside a record."""

    path: Path
    offset: int
    bytes: int
    torn: bool


@dataclass(slots=True)
class _Feed:
    path: Path
    payload: bytes
    stamps_us: NDArray[np.int64]
    ends: NDArray[np.int64]
    may_tear: bool
    written: int = 0


class LiveWriter:
    """Appends one session of any number of instruments, and its narratives as they arrive."""

    def __init__(
        self,
        out_dir: Path,
        sessions: Sequence[SessionRecords],
        seed: int,
        narratives: Sequence[Narrative] = (),
        *,
        torn_share: float = TORN_SHARE,
    ) -> None:
        self._rng = stream(seed, "live", *(f"{s.instrument} {s.session}" for s in sessions))
        self._torn_share = torn_share
        self._feeds = [_feed(out_dir, part) for session in sessions for part in session.parts]
        if narratives:
            self._feeds.append(_narrative_feed(out_dir, narratives))

    @property
    def first_us(self) -> int:
        """Stamp of the first record."""
        return min(int(feed.stamps_us[0]) for feed in self._feeds if len(feed.stamps_us))

    @property
    def last_us(self) -> int:
        """Stamp of the last record."""
        return max(int(feed.stamps_us[-1]) for feed in self._feeds if len(feed.stamps_us))

    @property
    def done(self) -> bool:
        """True when every byte is written."""
        return all(feed.written == len(feed.payload) for feed in self._feeds)

    def advance(self, now_us: int) -> list[Appended]:
        """Append all that happened up to and including ``now_us``; the last record may stay torn."""
        found = []
        for feed in self._feeds:
            ready = int(np.searchsorted(feed.stamps_us, now_us, side="right"))
            until = int(feed.ends[ready - 1]) if ready else feed.written
            torn = feed.may_tear and until > feed.written and self._rng.random() < self._torn_share
            if torn:
                length = until - (int(feed.ends[ready - 2]) if ready > 1 else 0)
                until = max(feed.written, until - int(self._rng.integers(1, min(length, 24))))
            found.extend(_append(feed, until, torn))
        return found

    def finish(self) -> list[Appended]:
        """Append whatever is left."""
        return [flush for feed in self._feeds for flush in _append(feed, len(feed.payload), False)]

    def run(self, pace: Callable[[int], None], report: Callable[[list[Appended]], None]) -> None:
        """Flush at random pauses until all is written; ``pace(now_us)`` is called before each flush."""
        now = self.first_us
        while now < self.last_us:
            now += int(self._rng.integers(MIN_FLUSH_US, MAX_FLUSH_US))
            pace(now)
            report(self.advance(now))
        report(self.finish())


def _append(feed: _Feed, until: int, torn: bool) -> list[Appended]:
    if until <= feed.written:
        return []
    feed.path.parent.mkdir(parents=True, exist_ok=True)
    with feed.path.open("ab") as file:
        offset = file.tell()
        file.write(feed.payload[feed.written : until])
    flushed = Appended(feed.path, offset, until - feed.written, torn)
    feed.written = until
    return [flushed]


def _feed(out_dir: Path, part: FilePart) -> _Feed:
    """Bytes of a part; the header leads when the file does not exist yet."""
    path = out_dir / part.path
    header = b"" if path.exists() else part.header
    size = part.records.dtype.itemsize
    ends = len(header) + size * np.arange(1, len(part.records) + 1, dtype=np.int64)
    return _Feed(path, header + part.records.tobytes(), part.stamps_us, ends, may_tear=True)


def _narrative_feed(out_dir: Path, narratives: Sequence[Narrative]) -> _Feed:
    ordered = sorted(narratives, key=lambda item: item.received_us)
    lines = [narrative_line(item) for item in ordered]
    return _Feed(
        out_dir / NARRATIVES,
        b"".join(lines),
        np.array([item.received_us for item in ordered], dtype=np.int64),
        np.cumsum([len(line) for line in lines], dtype=np.int64),
        may_tear=False,
    )


NARRATIVES: Final = Path("inbox") / "narratives.jsonl"
"""Where the narratives lie in the output folder; nothing else lies in that folder."""


def narrative_line(item: Narrative) -> bytes:
    """The narrative's line of the inbox file."""
    return json.dumps(item.line, ensure_ascii=False).encode() + b"\n"
