"""Everything a build needs, opened once: configuration, instruments, lake, manifest, sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zanzibar_assets.config import Config
from zanzibar_assets.instruments import Instrument, Instruments, load_instruments
from zanzibar_assets.store import alerts, config_versions, ledger, ledger_filling
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import InputRecord, Manifest, PartitionRecord
from zanzibar_assets.store.opening import open_database, open_partition_store
from zanzibar_assets.store.trials import TrialRows
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.database import Transaction
    from zanzibar_assets.store.partition_store import PartitionStore
    from zanzibar_assets.store.source_index import SourceIndex

_FILLED: set[object] = set()
"""Metadata stores whose ledgers this process has looked through."""


class Workspace:
    """One home folder opened for building; ``clock_us`` is the only clock and it is passed in."""

    def __init__(self, config: Config, clock_us: Callable[[], int], run_id: str = "") -> None:
        self.config = config
        self.clock_us = clock_us
        self.run_id = run_id
        self.full_search = False
        """Whether trainings of this run search as widely as the weekly one."""
        self.instruments: Instruments = load_instruments(config.instruments_file)
        self.database = open_database(config)
        self.manifest = Manifest(self.database)
        self.lake: PartitionStore = open_partition_store(config)
        self._sources: SourceIndex | None = None
        self._noted: Config | None = None

    @property
    def sources(self) -> SourceIndex:
        """Index of the source files, made on first use."""
        if self._sources is None:
            from zanzibar_assets.store.source_index import SourceIndex

            self._sources = SourceIndex(self.config, self.instruments, self.clock_us())
        return self._sources

    @property
    def training_config(self) -> Config:
        """The configuration that models are trained with: a full search proposes more trials."""
        if not self.full_search:
            return self.config
        model = self.config.model.model_copy(update={"search_trials": self.config.model.full_search_trials})
        return self.config.model_copy(update={"model": model})

    def active_instruments(self) -> list[Instrument]:
        """The configured instruments in order of their ids."""
        return [self.instruments[name] for name in sorted(self.config.instruments)]

    def source_records(self, kind: str, key: PartitionKey) -> list[InputRecord]:
        """What the source files hold for a partition now."""
        return self.sources.records(kind, key)

    def keep(self, record: PartitionRecord, frame: pl.DataFrame, reason: str = "") -> None:
        """Put a built partition into the manifest; in the same transaction its rows into their ledger.

        With a workspace's first partition its configuration is written down too, and ledgers that
        partitions from before the ledgers lack are filled.
        """
        rows = None
        if record.verdict is Verdict.OK and record.fingerprint is not None:
            rows = ledger.entries(record.table, record.key, record.fingerprint, frame)

        def also(transaction: Transaction) -> None:
            if rows is not None:
                rows(transaction)
            if self._noted is not self.config:
                text = config_versions.canonical(self.config, self.active_instruments())
                config_versions.note_use(transaction, text, record.written_us)

        self.manifest.put(record, reason, also)
        if self._noted is None and self.database.place not in _FILLED:
            _FILLED.add(self.database.place)
            for problem in ledger_filling.fill(self.database, self.lake):
                self.raise_alert("ledger", problem)
        self._noted = self.config

    def last_session(self, table: str, instrument: str) -> str | None:
        """Newest usable session of a table for an instrument."""
        found = [r.key.session for r in self.manifest.of_table(table, instrument) if r.verdict is Verdict.OK]
        return max((s for s in found if s is not None), default=None)

    def sessions_built(self, table: str, instruments: Sequence[str]) -> list[str]:
        """Sessions for which a table has a usable partition of any of the instruments."""
        sessions = {
            r.key.session
            for name in instruments
            for r in self.manifest.of_table(table, name)
            if r.verdict is Verdict.OK and r.key.session is not None
        }
        return sorted(sessions)

    def trial_rows(self) -> TrialRows:
        """Rows of the trial registry."""
        return TrialRows(self.database, self.clock_us)

    def alerts_since(self, stamp_us: int) -> list[tuple[int, str, str]]:
        """(raised, kind, detail) of the alerts raised from an instant on, newest first."""
        return alerts.since(self.database, stamp_us)

    def raise_alert(self, kind: str, detail: str) -> None:
        """Keep an alert for people."""
        alerts.add(self.database, self.clock_us(), kind, detail)
