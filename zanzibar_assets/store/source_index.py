"""Which bytes of which source files belong to which partition.

Files are looked up by the patterns of instruments.yaml; a file's split into sessions is kept while
its size and modification time stay the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zanzibar_assets.calendars import SessionWindow, is_session, session_window
from zanzibar_assets.config import Config, stable_hash
from zanzibar_assets.errors import ConfigError
from zanzibar_assets.ingestion.sources import (
    SourceFile,
    SourceSlice,
    find_sources,
    select_slices,
    session_slices,
    slice_fingerprint,
)
from zanzibar_assets.instruments import Instrument, Instruments
from zanzibar_assets.store.inputs import SOURCE_PREFIX
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import InputRecord

INBOX = "inbox"


class SourceIndex:
    """Source files of one configuration, split by session."""

    def __init__(self, config: Config, instruments: Instruments) -> None:
        self.config = config
        self.instruments = instruments
        self._slices: dict[tuple[Path, int, int], list[SourceSlice]] = {}
        self._fingerprints: dict[tuple[Path, int, int, int, int], str] = {}

    def files(self, kind: str, instrument: Instrument | None = None) -> list[SourceFile]:
        """Files of a kind (``scid`` or ``depth``) that feed the active instruments, by path."""
        if self.config.sierra_dir is None:
            return []
        wanted = [instrument] if instrument else self._active()
        found = find_sources(self.config.sierra_dir, wanted, self.config.depth_dir)
        return [f for f in found if f.kind == kind]

    def sessions(self, kind: str, instrument: Instrument) -> list[str]:
        """Sessions for which the files of an instrument hold at least one record."""
        return sorted({s.session for f in self.files(kind, instrument) for s in self._split(f, instrument)})

    def slices(self, kind: str, key: PartitionKey) -> list[SourceSlice]:
        """Byte ranges that belong to a market partition, in file order; front contract only."""
        if key.instrument is None or key.session is None:
            return []
        instrument = self.instruments[key.instrument]
        found = [
            piece
            for file in self.files(kind, instrument)
            for piece in self._split(file, instrument)
            if piece.session == key.session
        ]
        return select_slices(found, instrument, key.session)

    def records(self, kind: str, key: PartitionKey) -> list[InputRecord]:
        """Input records of a partition's source bytes as they are now."""
        if kind == INBOX:
            return self._inbox_records(key)
        return [self.record(piece) for piece in self.slices(kind, key)]

    def record(self, piece: SourceSlice) -> InputRecord:
        """Input record of one byte range: file name, range, blake2b of exactly those bytes."""
        stat = piece.path.stat()
        identity = (piece.path, stat.st_size, stat.st_mtime_ns, piece.first_byte, piece.end_byte)
        if identity not in self._fingerprints:
            self._fingerprints[identity] = slice_fingerprint(piece)
        span = f"bytes {piece.first_byte}-{piece.end_byte}"
        return InputRecord(SOURCE_PREFIX + piece.path.name, span, self._fingerprints[identity])

    def narrative_window(self, session: str) -> SessionWindow | None:
        """Window in which a narrative belongs to a session: the team's main calendar.

        That is the calendar of the first active instrument that has closed days, else the first;
        None when that calendar has no such session.
        """
        active = self._active()
        if not active:
            raise ConfigError("no instruments are configured", action="set `instruments` in zanzibar.yaml")
        main = next((i for i in active if i.calendar != "24/7"), active[0])
        return session_window(main, session) if is_session(main, session) else None

    def _inbox_records(self, key: PartitionKey) -> list[InputRecord]:
        from zanzibar_assets.ingestion.inbox import read_inbox

        window = self.narrative_window(key.session or "")
        if window is None:
            return []
        found = read_inbox(self.config.inbox, window.starts_us, window.close_us)
        content = stable_hash([found.frame.to_dicts(), list(map(str, found.problems))], 16)
        return [InputRecord(SOURCE_PREFIX + INBOX, f"published in {key.session}", content)]

    def _active(self) -> Sequence[Instrument]:
        return [self.instruments[name] for name in sorted(self.config.instruments)]

    def _split(self, file: SourceFile, instrument: Instrument) -> list[SourceSlice]:
        stat = file.path.stat()
        identity = (file.path, stat.st_size, stat.st_mtime_ns)
        if identity not in self._slices:
            self._slices[identity] = session_slices(file, instrument)
        return self._slices[identity]
