"""Which bytes of which source files belong to which partition: one look at the folder a step."""

from __future__ import annotations

from collections.abc import Sequence

from zanzibar_assets.calendars import SessionWindow, is_session, session_at, session_window
from zanzibar_assets.config import Config, stable_hash
from zanzibar_assets.errors import ConfigError
from zanzibar_assets.ingestion.depth_opening import opening_slices
from zanzibar_assets.ingestion.roll_sources import roll_slices
from zanzibar_assets.ingestion.scid import holds_bars, scale_of
from zanzibar_assets.ingestion.sources import (
    Selection,
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
from zanzibar_assets.vocabulary import to_us

INBOX = "inbox"
ROLL = "roll"
DEPTH_OPENING = "depth_opening"
READ_AS = "read as"
LAST_US = 2_145_916_800_000_000
"""2038-01-01: past every stamp that a narrative can carry."""


class SourceIndex:
    """Source files of one configuration, split by session."""

    def __init__(self, config: Config, instruments: Instruments, now_us: int) -> None:
        self.config = config
        self.instruments = instruments
        self.now_us = now_us
        self._files: dict[str, list[SourceFile]] = {}
        self._fingerprints: dict[SourceSlice, str] = {}

    def files(self, instrument: Instrument) -> list[SourceFile]:
        """Files that feed an instrument, as they stood at the first look."""
        if self.config.sierra_dir is None:
            raise ConfigError(
                "no Sierra folder is configured",
                action="set `sierra_dir` in zanzibar.yaml or give --sierra-data",
            )
        if instrument.id not in self._files:
            found = find_sources(
                self.config.sierra_dir, [instrument], self.config.depth_dir, self.config.restored_depth_dir
            )
            self._files[instrument.id] = found
        return self._files[instrument.id]

    def sessions(self, instrument: Instrument) -> list[str]:
        """Sessions for which the tick files of an instrument hold at least one record."""
        ticks = [file for file in self.files(instrument) if file.kind == "scid"]
        return sorted({piece.session for file in ticks for piece in session_slices(file, instrument)})

    def selection(self, key: PartitionKey) -> Selection:
        """Byte ranges that a market partition is built from, and why these."""
        instrument = self.instruments[str(key.instrument)]
        return select_slices(self.files(instrument), instrument, str(key.session), self.now_us)

    def slices(self, kind: str, key: PartitionKey) -> Sequence[SourceSlice]:
        """Byte ranges of one kind (``scid``, ``depth``, ``depth_opening`` or ``roll``) of a market partition.

        ``roll``: the new contract's ticks of the session before, where the contract changes.
        ``depth_opening``: from the last snapshot before the session to its first depth record.
        """
        if kind == ROLL:
            instrument = self.instruments[str(key.instrument)]
            return roll_slices(self.files(instrument), instrument, str(key.session))
        if kind == DEPTH_OPENING:
            instrument = self.instruments[str(key.instrument)]
            return opening_slices(self.files(instrument), instrument, str(key.session), self.now_us)
        selection = self.selection(key)
        return selection.ticks if kind == "scid" else selection.depth

    def records(self, kind: str, key: PartitionKey) -> list[InputRecord]:
        """Input records of a partition's source bytes as they are now."""
        if kind == INBOX:
            return self._inbox_records(key)
        return [*(self.record(piece) for piece in self.slices(kind, key)), *self.reading_records(kind, key)]

    def holds(self, kind: str, key: PartitionKey, recorded: Sequence[InputRecord]) -> bool:
        """Whether the sources hold exactly what was recorded; ranges are compared before bytes are hashed."""
        if kind != INBOX:
            spans = [_span(piece) for piece in self.slices(kind, key)]
            spans += [(record.table, record.key) for record in self.reading_records(kind, key)]
            if spans != [(record.table, record.key) for record in recorded]:
                return False
        return list(recorded) == self.records(kind, key)

    def reading_records(self, kind: str, key: PartitionKey) -> list[InputRecord]:
        """Whether files that do not declare their records were read as bars or as ticks.

        A file may show itself as one of bars only after a session that was built before.
        """
        if kind != "scid":
            return []
        instrument = self.instruments[str(key.instrument)]
        found = []
        for file in dict.fromkeys(piece.file for piece in self.slices(kind, key)):
            scale = scale_of(file.symbol, instrument)
            if scale.records == "auto":
                bars = holds_bars(file.path, file.header, scale)
                found.append(
                    InputRecord(SOURCE_PREFIX + file.path.name, READ_AS, "bars" if bars else "ticks")
                )
        return found

    def record(self, piece: SourceSlice) -> InputRecord:
        """Input record of one byte range: file name, range, blake2b of exactly those bytes."""
        if piece not in self._fingerprints:
            self._fingerprints[piece] = slice_fingerprint(piece)
        return InputRecord(*_span(piece), self._fingerprints[piece])

    def narrative_window(self, session: str) -> SessionWindow | None:
        """Window in which a narrative belongs to a session: the team's main calendar.

        That is the calendar of the first active instrument that has closed days, else the first;
        None when that calendar has no such session.
        """
        active = self._active()
        if not active:
            raise ConfigError("no instruments are configured", action="set `instruments` in zanzibar.yaml")
        main = self._main_calendar(active)
        return session_window(main, session) if is_session(main, session) else None

    def inbox_sessions(self) -> dict[str, str]:
        """Sessions of the narratives in the inbox with a mark of their content."""
        from zanzibar_assets.ingestion.inbox import read_inbox

        active = self._active()
        if not active or not self.config.inbox.is_dir():
            return {}
        main = self._main_calendar(active)
        found = read_inbox(self.config.inbox, 0, LAST_US)
        rows: dict[str, list[str]] = {}
        for row in found.frame.to_dicts():
            rows.setdefault(session_at(main, to_us(row["event_ts"])), []).append(row["sha256"])
        return {session: stable_hash(sorted(marks)) for session, marks in rows.items()}

    def _inbox_records(self, key: PartitionKey) -> list[InputRecord]:
        from zanzibar_assets.ingestion.inbox import read_inbox

        window = self.narrative_window(str(key.session))
        if window is None or not self.config.inbox.is_dir():
            return []
        found = read_inbox(self.config.inbox, window.starts_us, window.close_us)
        content = stable_hash([found.frame.to_dicts(), list(map(str, found.problems))], 16)
        return [InputRecord(SOURCE_PREFIX + INBOX, f"published in {key.session}", content)]

    @staticmethod
    def _main_calendar(active: Sequence[Instrument]) -> Instrument:
        return next((i for i in active if i.calendar != "24/7"), active[0])

    def _active(self) -> Sequence[Instrument]:
        return [self.instruments[name] for name in sorted(self.config.instruments)]


def _span(piece: SourceSlice) -> tuple[str, str]:
    return SOURCE_PREFIX + piece.file.path.name, f"bytes {piece.first_byte}-{piece.end_byte}"
