"""What ``export`` reads: a session's stored tables, the chart's symbol, the instant to look from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from zanzibar_assets.calendars import parse_session, session_window
from zanzibar_assets.config import Config, load_config
from zanzibar_assets.errors import UsageError
from zanzibar_assets.instruments import Instrument, load_instruments
from zanzibar_assets.reporting.exports.marks import TABLES
from zanzibar_assets.store.evolution import load_where_possible
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets.store.opening import metadata_place, open_database, open_partition_store
from zanzibar_assets.vocabulary import from_us

if TYPE_CHECKING:
    from zanzibar_assets.store.partition_store import PartitionStore

PER_SESSION = ("signals",)
NEEDED = "vwap"


@dataclass(frozen=True, slots=True)
class Stored:
    """One session's frames by table, the instrument, the file symbol of its ticks, and what is amiss."""

    instrument: Instrument
    session: str
    tables: dict[str, pl.DataFrame]
    symbol: str | None
    notes: tuple[str, ...]

    @property
    def price_multiplier(self) -> float:
        """True price over the price in the file and so on its chart; 1 where the symbol is unknown."""
        source = self.instrument.source_of(self.symbol) if self.symbol else None
        return source.price_multiplier if source else 1.0


def read_session(name: str, session: str) -> Stored:
    """Stored tables of an instrument's session.

    Raises UsageError when instrument, session or home is unknown or holds nothing of the session.
    """
    config = load_config()
    instrument = load_instruments(config.instruments_file).resolve(name)
    day = parse_session(session)
    if not metadata_place(config).exists():
        raise UsageError(
            f"{config.home} holds nothing yet", action="run `zanzibar demo` or `zanzibar run` first"
        )
    return _read(config, instrument, day)


def _read(config: Config, instrument: Instrument, session: str) -> Stored:
    manifest, lake = Manifest(open_database(config)), open_partition_store(config)
    tables, notes = {}, []
    for table in TABLES:
        key = session if table in PER_SESSION else f"{instrument.id}|{session}"
        frame, note = _frame(manifest, lake, table, key)
        if frame is not None:
            tables[table] = frame
        if note:
            notes.append(note)
    if NEEDED not in tables:
        keys = [str(record.key).partition("|") for record in manifest.of_table(NEEDED)]
        stored = [day for name, _, day in keys if name == instrument.id]
        raise UsageError(
            f"{instrument.id} has no stored session {session}",
            expected=f"one of {', '.join(stored[-5:])}" if stored else "a session that was built",
            action="name one of these, or build it with `zanzibar backfill`",
        )
    ticks, _ = _frame(manifest, lake, "clean_ticks", f"{instrument.id}|{session}")
    symbol = ticks["contract"][-1] if ticks is not None and ticks.height else None
    return Stored(instrument, session, tables, symbol, tuple(notes))


def _frame(
    manifest: Manifest, lake: PartitionStore, table: str, key: str
) -> tuple[pl.DataFrame | None, str | None]:
    record = manifest.get(table, PartitionKey.parse(key))
    if record is None:
        return None, f"{table} {key} was not built: its marks are missing"
    if record.fingerprint is None:
        return None, f"{table} {key} is {record.verdict.value}: its marks are missing"
    return load_where_possible(lake, record), None


def looked_from(stored: Stored, as_of: str | None) -> datetime:
    """The instant whose knowledge is exported: ``as_of``, else the session's end.

    Raises UsageError for text that is no time, has no zone, or lies before the session.
    """
    window = session_window(stored.instrument, stored.session)
    if as_of is None:
        return from_us(window.close_us)
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"--as-of {as_of!r} is no instant",
            expected="ISO time with its zone, such as 2025-01-06T15:30:00Z",
            got="no zone" if moment is not None else "not a time",
        )
    if moment < from_us(window.starts_us):
        raise UsageError(
            f"--as-of {as_of} lies before the session",
            expected=f"{from_us(window.starts_us):%Y-%m-%dT%H:%M:%SZ} or later",
        )
    return moment.astimezone(UTC)
