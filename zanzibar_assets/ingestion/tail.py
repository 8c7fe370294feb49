"""Where a reader of a growing Sierra file stands, and what a look at the file finds since.

Pure: an open file, its size and a cursor in, an increment out; no clock, nothing kept. The cursor
is a fingerprint of the file and a byte offset. The fingerprint is of content, not of names or
times: a hash of the header with the first records, which appending leaves alone and another file
under the same name does not, and one of the last records before the offset, which no truncation
that was written over again leaves alone.

Records before ``offset`` are final. In a file of bars Sierra may rewrite the last record in place:
it is provisional, stays out of the offset and is handed out when a record follows it or when its
session has closed (its stamp lies before ``final_before_us``, which the caller takes from the
calendar). So no value is built of a bar that can still change. Records of tick and depth files
are final as soon as they are whole; a torn tail waits for its rest.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, BinaryIO

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.record_blocks import dtype_of, read_block

CURSOR_VERSION = 1
HEAD_RECORDS = 16
WINDOW_RECORDS = 64


class Outcome(StrEnum):
    """What a look at a file found."""

    NEW = "new"
    UNCHANGED = "unchanged"
    GROWN = "grown"
    TORN_TAIL = "torn_tail"
    LAST_REWRITTEN = "last_rewritten"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    REPLACED = "replaced"


RESTARTS = (Outcome.NEW, Outcome.TRUNCATED, Outcome.REWRITTEN, Outcome.REPLACED)
"""Outcomes after which the whole file is to be read: nothing taken before it holds any more."""
CORRECTIONS = (Outcome.TRUNCATED, Outcome.REWRITTEN, Outcome.REPLACED)
"""Outcomes that people must hear of: bytes that were taken are gone or other ones now."""


@dataclass(frozen=True, slots=True)
class TailCursor:
    """Bytes before ``offset`` were taken; ``head`` and ``window`` are hashes of what stood there.

    ``head_records`` are hashed with the header, ``window_records`` before the offset. ``last`` is
    the hash of the provisional last record, empty when there is none; ``bars`` whether the records
    were read as bars.
    """

    kind: str = ""
    header_bytes: int = 0
    offset: int = 0
    head: str = ""
    head_records: int = 0
    window: str = ""
    window_records: int = 0
    last: str = ""
    bars: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON form with its version."""
        return {"version": CURSOR_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, document: Any) -> TailCursor:
        """Cursor of its JSON form; SourceError for anything else."""
        if not isinstance(document, dict) or document.get("version") != CURSOR_VERSION:
            raise SourceError("a file cursor cannot be read", expected=f"version {CURSOR_VERSION}")
        known = {field.name: type(field.default) for field in fields(cls)}
        values = {name: value for name, value in document.items() if name != "version"}
        if set(values) != set(known) or any(type(values[name]) is not kind for name, kind in known.items()):
            raise SourceError("a file cursor cannot be read", got=str(document)[:200])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Increment:
    """Records ``[first_record, last_record)`` are to be taken next; ``cursor`` stands behind them.

    After one of ``RESTARTS`` they begin at 0. ``torn_bytes`` of an unfinished record follow.
    """

    outcome: Outcome
    cursor: TailCursor
    first_record: int = 0
    last_record: int = 0
    torn_bytes: int = 0
    detail: str = ""

    @property
    def records(self) -> int:
        """Number of records to be taken."""
        return self.last_record - self.first_record


def advance(
    stream: BinaryIO,
    size: int,
    name: str,
    cursor: TailCursor | None = None,
    *,
    bars: bool = False,
    final_before_us: int = 0,
) -> Increment:
    """What the first ``size`` bytes of an open file hold beyond the cursor.

    ``name`` is for messages. A file that shows itself as one of bars only now counts as new. Raises
    FormatError when the file is no Sierra file (a header that is not whole yet waits), SourceError
    when it was cut meanwhile.
    """
    stream.seek(0)
    start = stream.read(min(size, formats.DEPTH_HEADER_BYTES))
    if formats.header_is_torn(start):
        return _without_header(cursor, size)
    header = formats.parse_header(start, size, name)
    if header.records == 0 and (cursor is None or cursor.offset == 0):
        outcome = Outcome.TORN_TAIL if header.torn_bytes else Outcome.UNCHANGED
        return Increment(outcome, _NOTHING, torn_bytes=header.torn_bytes)
    look = _Look(stream, name, header)
    final = header.records - int(bars and look.last_is_provisional(final_before_us))
    now = replace(look.cursor(final), bars=bars)
    if cursor is None or cursor.offset == 0 or cursor.bars != bars:
        return Increment(Outcome.NEW, now, 0, final, header.torn_bytes)
    broken = look.broken(cursor)
    if broken is not None:
        outcome, detail = broken
        return Increment(outcome, now, 0, final, header.torn_bytes, detail)
    return _continued(cursor, now, header, final)


_NOTHING = TailCursor()


def _without_header(cursor: TailCursor | None, size: int) -> Increment:
    if cursor is None or cursor.offset == 0:
        return Increment(Outcome.TORN_TAIL if size else Outcome.UNCHANGED, _NOTHING, torn_bytes=size)
    detail = f"{size} bytes are left of {cursor.offset} that were taken"
    return Increment(Outcome.TRUNCATED, _NOTHING, torn_bytes=size, detail=detail)


def _continued(cursor: TailCursor, now: TailCursor, header: formats.FileHeader, final: int) -> Increment:
    """The increment of a file that still begins with all that was taken."""
    first = (cursor.offset - header.header_bytes) // header.record_bytes
    if final > first:
        return Increment(Outcome.GROWN, now, first, final, header.torn_bytes)
    outcome = Outcome.TORN_TAIL if header.torn_bytes else Outcome.UNCHANGED
    if now.last and cursor.last and now.last != cursor.last:
        outcome = Outcome.LAST_REWRITTEN
    return Increment(outcome, now, first, first, header.torn_bytes)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at an open file."""

    stream: BinaryIO
    name: str
    header: formats.FileHeader

    def _records(self, first: int, last: int) -> Any:
        header = self.header
        offset = header.header_bytes + first * header.record_bytes
        return read_block(self.stream, self.name, dtype_of(header.kind), offset, last - first)

    def last_is_provisional(self, final_before_us: int) -> bool:
        """Whether the session of the last record runs on; a record with an impossible stamp has none."""
        if not self.header.records:
            return False
        last = self._records(self.header.records - 1, self.header.records)
        stamps, valid = formats.unix_stamps(last["stamp"])
        return bool(valid[0]) and int(stamps[0]) >= final_before_us

    def _head(self, records: int) -> str:
        self.stream.seek(0)
        return _hash(self.stream.read(self.header.header_bytes), self._records(0, records).tobytes())

    def _window(self, end: int, records: int) -> str:
        return _hash(self._records(end - records, end).tobytes())

    def cursor(self, final: int) -> TailCursor:
        """Where a reader stands that took the first ``final`` records."""
        header = self.header
        head, window = min(final, HEAD_RECORDS), min(final, WINDOW_RECORDS)
        last = _hash(self._records(final, header.records).tobytes()) if final < header.records else ""
        return TailCursor(
            header.kind, header.header_bytes, header.header_bytes + final * header.record_bytes,
            self._head(head), head, self._window(final, window), window, last,
        )  # fmt: skip

    def broken(self, cursor: TailCursor) -> tuple[Outcome, str] | None:
        """What became of the bytes that were taken, None when all of them are there."""
        header = self.header
        taken, odd = divmod(cursor.offset - cursor.header_bytes, header.record_bytes)
        other_layout = (header.kind, header.header_bytes) != (cursor.kind, cursor.header_bytes) or odd
        if other_layout or (
            header.records >= cursor.head_records and self._head(cursor.head_records) != cursor.head
        ):
            return Outcome.REPLACED, "another file lies under this name: its header or first records differ"
        if header.records < taken:
            left = header.header_bytes + header.records * header.record_bytes
            return Outcome.TRUNCATED, f"{left} bytes are left of {cursor.offset} that were taken"
        if self._window(taken, cursor.window_records) != cursor.window:
            return Outcome.REWRITTEN, f"the records before byte {cursor.offset} are other ones now"
        return None


def _hash(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
