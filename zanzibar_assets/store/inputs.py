"""What a builder reads: other partitions, verified, recorded and refused when they do not fit.

Every read is recorded with the fingerprint found, so that the manifest can say what a partition
was made from, whether it is up to date, and whether two inputs belong together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zanzibar_assets.calendars import SessionWindow, is_session, previous_sessions, session_window
from zanzibar_assets.contracts.registry import TABLES, empty
from zanzibar_assets.errors import BlockedInput, MissingInput, StaleInput, StoreError
from zanzibar_assets.store.evolution import load
from zanzibar_assets.store.keeping import MIGRATED_FROM
from zanzibar_assets.store.keys import SOURCE_PREFIX as SOURCE_PREFIX
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import (
    ABSENT,
    KNOWN_LATER,
    UP_TO,
    CheckOutcome,
    InputRecord,
    PartitionRecord,
)
from zanzibar_assets.vocabulary import Grain, Verdict

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.config import Config
    from zanzibar_assets.instruments import Instrument
    from zanzibar_assets.store.workspace import Workspace

SESSIONS_LOOKED_BACK = 10
"""Sessions of a market that never closes which may fall into the longest holidays of another."""


@dataclass(slots=True)
class Inputs:
    """The reading side of one build."""

    workspace: Workspace
    key: PartitionKey
    through: str | None = None
    records: list[InputRecord] = field(default_factory=list)
    checks: list[CheckOutcome] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False

    @property
    def config(self) -> Config:
        """Configuration of the code location."""
        return self.workspace.config

    @property
    def instrument(self) -> Instrument:
        """Instrument of the partition."""
        if self.key.instrument is None:
            raise StoreError(f"partition {self.key} has no instrument")
        return self.workspace.instruments[self.key.instrument]

    @property
    def session(self) -> str:
        """Session of the partition."""
        if self.key.session is None:
            raise StoreError(f"partition {self.key} has no session")
        return self.key.session

    @property
    def window(self) -> SessionWindow:
        """Session window on the instrument's own calendar."""
        return session_window(self.instrument, self.session)

    def session_start_us(self) -> int:
        """When the session starts for the account: the first of the active instruments' windows."""
        windows = [
            session_window(instrument, self.session).starts_us
            for instrument in self.workspace.active_instruments()
            if is_session(instrument, self.session)
        ]
        if not windows:
            raise StoreError(f"{self.session} is no session of any active instrument")
        return min(windows)

    def read(self, table: str, key: PartitionKey | None = None) -> pl.DataFrame:
        """Partition of another table that belongs to this one (same instrument, same session).

        Raises MissingInput, BlockedInput, StaleInput or CorruptPartition.
        """
        return self._load(self._usable(table, key or self.key.at_grain(TABLES[table].grain)))

    def history(self, table: str, sessions: int) -> pl.DataFrame:
        """Up to ``sessions`` earlier sessions, oldest first, with a ``session`` column.

        Sessions that were never built are recorded as absent, so that building them later makes
        this partition stale; blocked ones are left out and recorded as blocked.
        """
        frame, found = self._history_of(self.instrument, table, sessions)
        if found:
            self.notes["history_sessions"] = found
        return frame

    def across_history(self, table: str, sessions: int) -> dict[str, pl.DataFrame]:
        """``history`` of each configured instrument, on its own calendar, by instrument."""
        return {
            instrument.id: self._history_of(instrument, table, sessions)[0]
            for instrument in self.workspace.active_instruments()
        }

    def _history_of(self, instrument: Instrument, table: str, sessions: int) -> tuple[pl.DataFrame, int]:
        import polars as pl

        frames = []
        for session in previous_sessions(instrument, self.session, sessions):
            key = PartitionKey(instrument.id, session)
            record = self.workspace.manifest.get(table, key)
            if record is None or record.verdict is not Verdict.OK:
                self.records.append(InputRecord(table, str(key), record.state if record else ABSENT))
                continue
            frames.append(self._load(self._usable(table, key)).with_columns(session=pl.lit(session)))
        if not frames:
            return empty(table).with_columns(session=pl.lit(None, pl.String)), 0
        return pl.concat(frames), len(frames)

    def through_session(self, table: str, until: str | None = None) -> pl.DataFrame:
        """All usable sessions of the instrument up to ``through``, with a ``session`` column.

        ``until`` reads up to another session: what a model saw, whatever the run was asked for. The
        partition is still known as one of the run's ``through`` (or of ``until``, if that is later), so
        that the same run finds it up to date.
        """
        import polars as pl

        asked = self.through or until or self.workspace.last_session(table, self.instrument.id)
        if asked is None:
            return empty(table).with_columns(session=pl.lit(None, pl.String))
        through = until or asked
        self.notes["through"] = max(asked, through)
        found = self.workspace.manifest.of_table(table, self.instrument.id, through)
        key = f"{self.instrument.id}|{UP_TO}{through}"
        self.records.append(InputRecord(table, key, self.workspace.manifest.query_fingerprint(found)))
        frames = []
        for record in found:
            if record.verdict is Verdict.OK and record.key.session is not None:
                self._refuse_stale(record)
                frames.append(self._load(record).with_columns(session=pl.lit(record.key.session)))
        return pl.concat(frames) if frames else empty(table).with_columns(session=pl.lit(None, pl.String))

    def account_sessions(self, table: str) -> dict[str, pl.DataFrame]:
        """Frames of the configured account by session, up to and including this one.

        Sessions that the home traded on another account are left out.
        """
        frames = {}
        account = self.config.execution.account
        for record in self.workspace.manifest.of_table(table, through=self.session):
            if record.verdict is not Verdict.OK or record.notes.get("account") != account:
                continue
            self.records.append(InputRecord(table, str(record.key), record.state))
            frames[str(record.key.session)] = self._load(record)
        return frames

    def across(self, table: str) -> dict[str, pl.DataFrame]:
        """Frames of the configured instruments for this session (or of the instruments' own tables).

        An instrument whose calendar is closed has a typed empty frame. One that is blocked, was
        never built, or was estimated from this session or later is left out, recorded as such and
        named in the notes: nothing may trade on it.
        """
        frames: dict[str, pl.DataFrame] = {}
        for instrument in self.workspace.active_instruments():
            market = TABLES[table].grain is Grain.MARKET
            key = PartitionKey(instrument.id, self.session if market else None)
            record = self.workspace.manifest.get(table, key)
            state = self.workspace.manifest.as_of_state(record, self.key.session)
            if record is None or state != record.fingerprint:
                self.records.append(InputRecord(table, str(key), state))
                self.notes.setdefault("left_out", []).append(f"{instrument.id}: {table} is {state}")
                continue
            frames[instrument.id] = self._load(self._usable(table, key))
        return frames

    def across_frame(self, table: str) -> pl.DataFrame:
        """``across`` as one frame, ordered by ``known_at``."""
        import polars as pl

        frames = list(self.across(table).values())
        return pl.concat(frames).sort("known_at", maintain_order=True) if frames else empty(table)

    def optional(self, table: str) -> pl.DataFrame:
        """Like ``read``, but typed empty when never built or known only after this session."""
        key = self.key.at_grain(TABLES[table].grain)
        record = self.workspace.manifest.get(table, key)
        state = self.workspace.manifest.as_of_state(record, self.key.session)
        if record is None or state == KNOWN_LATER:
            self.records.append(InputRecord(table, str(key), state))
            self.notes.setdefault("left_out", []).append(f"{table} {key} is {state}")
            return empty(table)
        return self.read(table)

    def last_prices(self) -> dict[str, float]:
        """Last close known when the session's narratives begin, by the narratives' name of the market.

        A market that trades while the team's main calendar is closed has earlier sessions that end
        after narratives of this one came in: later closes of those are not for them.
        """
        window = self.workspace.sources.narrative_window(self.session)
        if window is None:
            return {}
        prices: dict[str, float] = {}
        for instrument in self.workspace.active_instruments():
            for session in self._newest_begun(instrument, window.starts_us):
                key = PartitionKey(instrument.id, session)
                record = self.workspace.manifest.get("bars", key)
                if record is None or record.verdict is not Verdict.OK:
                    self.records.append(InputRecord("bars", str(key), record.state if record else ABSENT))
                    continue
                frame = self._load(self._usable("bars", key))
                known = frame.filter(frame["known_at"].dt.epoch("us") <= window.starts_us)
                if known.height:
                    prices[instrument.narrative_id] = float(known["close"][-1])
        return prices

    def _newest_begun(self, instrument: Instrument, instant_us: int) -> list[str]:
        """The newest session of an instrument, before this one, that had begun by an instant."""
        earlier = previous_sessions(instrument, self.session, SESSIONS_LOOKED_BACK)
        begun = [s for s in earlier if session_window(instrument, s).starts_us < instant_us]
        return begun[-1:]

    def read_inbox(self) -> pl.DataFrame:
        """Narratives of this session; unreadable ones are named in a check."""
        from zanzibar_assets.ingestion.inbox import read_inbox

        self.records += self.workspace.source_records("inbox", self.key)
        window = self.workspace.sources.narrative_window(self.session)
        if window is None:
            self.notes["closed_day"] = "no session of the team's main calendar"
            return empty("raw_narratives")
        found = read_inbox(self.config.inbox, window.starts_us, window.close_us)
        problems = [str(problem) for problem in found.problems]
        self.check(
            "inbox_is_readable",
            not problems,
            "; ".join(problems) or f"{found.frame.height} narratives",
            blocking=False,
        )
        self.simulated = self.simulated or bool(found.frame["simulated"].any())
        return found.frame

    def check(self, name: str, passed: bool, detail: str, *, blocking: bool = True) -> None:
        """Report a domain check of the partition."""
        self.checks.append(CheckOutcome(name, passed, detail, blocking))

    def is_open_day(self) -> bool:
        """False when the partition is a closed day of the instrument's own calendar."""
        return self.key.grain is not Grain.MARKET or is_session(self.instrument, self.session)

    def _usable(self, table: str, key: PartitionKey) -> PartitionRecord:
        record = self.workspace.manifest.get(table, key)
        if record is None:
            raise MissingInput(f"{table} {key} was never built", action=f"materialize {table} {key} first")
        if record.verdict is not Verdict.OK:
            raise BlockedInput(
                f"{table} {key} is {record.verdict.value}",
                got="; ".join(record.reasons),
                action=f"mend its cause, then materialize {table} {key} again",
            )
        self._refuse_stale(record)
        self.records.append(InputRecord(table, str(key), record.state))
        return record

    def _refuse_stale(self, record: PartitionRecord) -> None:
        for made_from in record.inputs:
            if made_from.table.startswith(SOURCE_PREFIX):
                continue
            if not self.workspace.manifest.is_current(made_from, record.key.session):
                current = self.workspace.manifest.state_of(made_from.table, made_from.key)
                raise StaleInput(
                    f"{record.table} {record.key} was computed from another "
                    f"{made_from.table} {made_from.key}",
                    expected=f"{made_from.table} {made_from.key} at {made_from.fingerprint}",
                    got=current,
                    action=f"materialize {record.table} {record.key} again",
                )

    def _load(self, record: PartitionRecord) -> pl.DataFrame:
        self.simulated = self.simulated or record.simulated
        if self.key.grain is Grain.INSTRUMENT and "through" in record.notes:
            self.notes.setdefault("through", record.notes["through"])
        if record.fingerprint is None:
            raise BlockedInput(f"{record.table} {record.key} has no stored frame")
        if record.schema_version != TABLES[record.table].version:
            self.notes.setdefault(MIGRATED_FROM, {})[record.table] = record.schema_version
        return load(self.workspace.lake, record)
