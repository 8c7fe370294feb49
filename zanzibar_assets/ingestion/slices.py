"""Which records of a Sierra file belong to which session, and which files a session is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.calendars import session_at, session_closes, session_window
from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.record_blocks import hash_range, load_records, record_blocks
from zanzibar_assets.ingestion.rolls import front_contract
from zanzibar_assets.ingestion.scid import holds_bars, scale_of
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import US_PER_SECOND

INDEX_CHUNK_RECORDS = 1 << 16
"""2.6 MB of an intraday file: a block stays in the processor's cache, twice as fast as a map of the file."""
FLUSH_GRACE_US = 60 * US_PER_SECOND
"""Sierra flushes every few seconds: a session's last bar is final this long after the close."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Sierra file of a known instrument as it stood when it was found.

    ``contract`` is the month code and two-digit year (``H24``), None for instruments without
    expiry; ``modified_ns`` tells a file that was rewritten since from the same one.
    """

    path: Path
    symbol: str
    kind: Literal["scid", "depth"]
    instrument_id: str
    contract: str | None
    simulated: bool
    header_bytes: int
    record_bytes: int
    records: int
    torn_bytes: int
    modified_ns: int

    @property
    def header(self) -> formats.FileHeader:
        """The header as it was found."""
        return formats.FileHeader(
            self.kind, self.header_bytes, self.record_bytes, formats.FORMAT_VERSION,
            self.simulated, self.records, self.torn_bytes,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceSlice:
    """Records ``[first_record, last_record)`` of a file, bytes ``[first_byte, end_byte)``, of one session."""

    file: SourceFile
    session: str
    first_record: int
    last_record: int

    @property
    def first_byte(self) -> int:
        """Offset of the first record's first byte."""
        return self.file.header_bytes + self.first_record * self.file.record_bytes

    @property
    def end_byte(self) -> int:
        """Offset just after the last record."""
        return self.file.header_bytes + self.last_record * self.file.record_bytes

    @property
    def records(self) -> int:
        """Number of records in the slice."""
        return self.last_record - self.first_record


@dataclass(frozen=True, slots=True)
class Selection:
    """The slices one session is built from, the contract chosen and why (empty: the front one)."""

    ticks: tuple[SourceSlice, ...] = ()
    depth: tuple[SourceSlice, ...] = ()
    contract: str | None = None
    reason: str = ""
    passed_over: tuple[str, ...] = ()


def first_stamp_us(path: Path, header: formats.FileHeader) -> int | None:
    """First true stamp among a file's first thousand records (UTC microseconds), None when there is none."""
    stamps, valid = formats.unix_stamps(load_records(path, header, 0, min(header.records, 1_000))["stamp"])
    return int(stamps[valid][0]) if valid.any() else None


@lru_cache(maxsize=4096)
def _slices(file: SourceFile, instrument: Instrument) -> tuple[SourceSlice, ...]:
    keys, closes, first_open = session_closes(instrument)
    runs: list[tuple[int, int]] = []  # (first record, session index), -1 while no stamp was true
    current = -1
    blocks = record_blocks(file.path, file.kind, file.header_bytes, 0, file.records, INDEX_CHUNK_RECORDS)
    for start, records in blocks:
        unix, valid = formats.unix_stamps(records["stamp"])
        valid &= (unix >= first_open) & (unix < closes[-1])
        for position, session in _session_runs(unix, valid, closes, current):
            if not runs or session != current:
                runs.append((start + position, session))
            current = session
    if not runs or runs == [(0, -1)]:
        return ()
    if runs[0][1] < 0:  # leading impossible stamps have no predecessor: they go with the first true one
        runs[:2] = [(0, runs[1][1])]
    ends = [first for first, _ in runs[1:]] + [file.records]
    return tuple(
        SourceSlice(file, keys[session], first, end) for (first, session), end in zip(runs, ends, strict=True)
    )


def _session_runs(
    unix: NDArray[np.int64], valid: NDArray[np.bool_], closes: NDArray[np.int64], current: int
) -> list[tuple[int, int]]:
    """Where the session changes within a run of stamps, as (position, session index).

    ``current`` is the session before the run (-1: none yet); the first pair stands at position 0.
    """
    if valid.all() and (len(unix) < 2 or bool((unix[1:] >= unix[:-1]).all())):
        first, last = (int(np.searchsorted(closes, t, side="right")) for t in (unix[0], unix[-1]))
        bounds = np.searchsorted(unix, closes[first:last], side="left")
        index = np.arange(first, last + 1)
        starts = np.concatenate(([0], bounds))
        filled = np.concatenate((starts[1:], [len(unix)])) > starts  # sessions without a record drop out
        starts, index = starts[filled], index[filled]
    else:
        session = np.searchsorted(closes, unix, side="right")
        carried = np.maximum.accumulate(np.where(valid, np.arange(len(unix)), -1))
        session = np.where(carried >= 0, session[np.maximum(carried, 0)], current)
        starts = np.flatnonzero(np.concatenate(([True], session[1:] != session[:-1])))
        index = session[starts]
    return [(int(p), int(s)) for p, s in zip(starts, index, strict=True)]


def session_slices(file: SourceFile, instrument: Instrument) -> list[SourceSlice]:
    """Contiguous record ranges of a file by session, in file order; every record is in exactly one.

    A session owns ``[previous close, close)``; stamps out of order give it several ranges, an
    impossible stamp goes with the record before it. A file without one true stamp gives none.
    """
    return list(_slices(file, instrument))


def slice_fingerprint(slice_: SourceSlice) -> str:
    """blake2b (16 bytes, hex) of exactly the slice's bytes; SourceError when the file lost some of them."""
    return hash_range(slice_.file.path, slice_.first_byte, slice_.end_byte)


def settled_before_us(instrument: Instrument, now_us: int) -> int:
    """Instant before which records are of sessions that are over, flushes included (UTC microseconds)."""
    return session_window(instrument, session_at(instrument, now_us - FLUSH_GRACE_US)).starts_us


def settled(part: SourceSlice, instrument: Instrument, now_us: int) -> SourceSlice:
    """The slice without the last record of a file of bars whose session runs on.

    Sierra may rewrite that record in place; it is taken when another follows or the session is over.
    """
    file = part.file
    if file.kind != "scid" or part.last_record != file.records:
        return part
    header = file.header
    if not holds_bars(file.path, header, scale_of(file.symbol, instrument)):
        return part
    stamps, valid = formats.unix_stamps(
        load_records(file.path, header, file.records - 1, file.records)["stamp"]
    )
    if not valid[0] or int(stamps[0]) < settled_before_us(instrument, now_us):
        return part
    return replace(part, last_record=part.last_record - 1)


def select_slices(
    files: Sequence[SourceFile], instrument: Instrument, session: str, now_us: int | None = None
) -> Selection:
    """The session's tick and depth slices from the front contract by the roll rule.

    With ``now_us`` a bar that can still change is held back (see ``settled``). When only one other
    contract covers the session it is taken and ``reason`` says so; when several others do and the
    front one does not, nothing is taken and ``reason`` says why.
    """
    slices = [
        part
        for file in files
        if file.instrument_id == instrument.id
        for part in session_slices(file, instrument)
        if part.session == session
    ]
    if not slices:
        return Selection(reason=f"no source file of {instrument.id} covers session {session}")
    present = sorted({part.file.contract or "" for part in slices})
    front = front_contract(instrument, session) or ""
    chosen, reason = front, ""
    if front not in present:
        named = ", ".join(present)
        if len(present) > 1:
            return Selection(
                reason=f"front contract {front} has no file; {named} cover {session}, none is the front one"
            )
        chosen, reason = (
            present[0],
            f"front contract {front} has no file; {named} is the only one that covers {session}",
        )
    taken = [part for part in slices if (part.file.contract or "") == chosen]
    if now_us is not None:
        taken = [part for part in (settled(part, instrument, now_us) for part in taken) if part.records]
    return Selection(
        ticks=_one_symbol(taken, "scid"),
        depth=_one_symbol(taken, "depth"),
        contract=chosen or None,
        reason=reason,
        passed_over=tuple(name for name in present if name != chosen),
    )


def _one_symbol(slices: Sequence[SourceSlice], kind: str) -> tuple[SourceSlice, ...]:
    """Slices of one kind; two symbols of one contract would count every trade twice."""
    taken = tuple(part for part in slices if part.file.kind == kind)
    symbols = sorted({part.file.symbol for part in taken})
    if len(symbols) > 1:
        raise SourceError(
            f"several symbols feed {taken[0].file.instrument_id} in session {taken[0].session}",
            got=", ".join(symbols),
            action="keep one symbol of a contract in the Sierra folder",
        )
    return tuple(sorted(taken, key=lambda part: (_start_us(part), part.file.path.name, part.first_record)))


def _start_us(part: SourceSlice) -> int:
    """First true stamp of the slice's file: orders files of one session, whatever their names say."""
    stamp = first_stamp_us(part.file.path, part.file.header)
    return -1 if stamp is None else stamp
