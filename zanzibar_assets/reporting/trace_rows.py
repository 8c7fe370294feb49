"""From a deal, an order, an intent or a signal, row by row, to the bar and the ticks it stood on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from zanzibar_assets.errors import MissingInput, StoreError
from zanzibar_assets.ingestion.formats import SCID_HEADER_BYTES, SCID_RECORD_BYTES
from zanzibar_assets.reporting.trace import REBUILT, Link, PathOf, visits, walk
from zanzibar_assets.reporting.trace_links import Found, evidence_id, row_link
from zanzibar_assets.store.inputs import SOURCE_PREFIX
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.versions import Records
from zanzibar_assets.vocabulary import Verdict

if TYPE_CHECKING:
    from zanzibar_assets.store.manifest import PartitionRecord

Load = Callable[["PartitionRecord"], pl.DataFrame]
SEARCHED = (
    ("deal", "fills", "deal_ticket"),
    ("order", "orders", "order_ticket"),
    ("order", "fills", "order_ticket"),
    ("intent", "orders", "intent_id"),
    ("signal", "signals", "signal_id"),
    ("signal", "raw_signals", "signal_id"),
)
"""What an identifier may be, and where it is looked for, in this order."""
TRAINING = "trained_model"


@dataclass(frozen=True, slots=True)
class Trace:
    """The chain, and in plain words what else the identifier could have meant."""

    chain: tuple[Link, ...]
    notes: tuple[str, ...] = ()


def trace(identifier: str, records: Records, load: Load, path_of: PathOf) -> Trace:
    """Chain from an identifier to source bytes.

    ``identifier`` is a deal or order ticket, an intent id or a signal id, or one of them with its
    kind in front (``order:506``). Raises StoreError when nothing carries it.
    """
    reader = _Reader(records, load)
    matches = list(reader.search(identifier))
    if not matches:
        raise StoreError(
            f"nothing carries the identifier {identifier!r}",
            expected="a deal or order ticket, an intent id or a signal id (`order:506` to say which)",
            action="take one from the final screen, the session's page or `zanzibar run --json`",
        )
    first, *others = matches
    reader.follow(first.record)
    notes = [f"{m.kind} {identifier} also stands in {m.record.table} {m.record.key}" for m in others]
    rows = list(reader.rows(first))
    instrument = next((r.row["instrument"] for r in rows if r.row.get("instrument")), None)
    links = [row_link(found, number) for number, found in enumerate(rows)]
    links += reader.market_links(rows, path_of)
    starts = {(r.record.table, str(r.record.key), r.record.fingerprint): r.record for r in rows}
    for record in reader.trainings:
        starts[record.table, str(record.key), record.fingerprint] = record
    deepest = max(link.steps for link in links) + 1
    for link in walk(starts.values(), records, instrument=instrument, path_of=path_of):
        links.append(replace(link, steps=link.steps + deepest))
    return Trace(tuple(links), tuple(notes))


class _Reader:
    """Looks rows up in stored partitions, in the versions that were read; each is loaded once."""

    def __init__(self, records: Records, load: Load) -> None:
        self._records = records
        self._load = load
        self._frames: dict[tuple[str, str, str | None], pl.DataFrame] = {}
        self._as_read: dict[tuple[str, PartitionKey], PartitionRecord] = {}
        self.trainings: list[PartitionRecord] = []
        """Trainings of the models that the rows speak of, whether or not they are the newest."""

    def follow(self, start: PartitionRecord) -> None:
        """Look from now on into what this partition was made from, not into what replaced it."""
        for visit in visits([start], self._records, instrument=None):
            self._as_read.setdefault((visit.record.table, visit.record.key), visit.record)

    def _record(self, table: str, key: PartitionKey) -> PartitionRecord | None:
        found = self._as_read.get((table, key))
        return self._records.get(table, key) if found is None else found

    def frame(self, record: PartitionRecord) -> pl.DataFrame:
        """Frame of a partition."""
        key = (record.table, str(record.key), record.fingerprint)
        if key not in self._frames:
            self._frames[key] = self._load(record)
        return self._frames[key]

    def search(self, identifier: str) -> Iterator[Found]:
        """Rows that carry the identifier: the first kind that has any, newest session first.

        What stands in no current partition is looked for in those that were replaced.
        """
        kind_wanted, _, name = identifier.rpartition(":")
        for of_table in (self._usable, self._replaced):
            for kind, table, column in SEARCHED:
                if kind_wanted not in ("", kind):
                    continue
                found = list(self._matching(kind, of_table(table), column, name))
                if found:
                    yield from found
                    return

    def rows(self, start: Found) -> Iterator[Found]:
        """The start and the rows it came from: deal, order, signal, raw signal."""
        if start.kind == "signal":
            yield from self._signal(start.row["signal_id"], start.record.key)
            return
        yield start
        entry = start
        if start.record.table == "fills":
            entry = self._entry_deal(start)
            if entry is not start:
                yield entry
            order = self._one("order", "orders", start.record, "intent_id", entry.row["intent_id"])
            if order is not None:
                yield order
        if entry.row["signal_id"] is not None:
            yield from self._signal(entry.row["signal_id"], entry.record.key)

    def market_links(self, rows: list[Found], path_of: PathOf) -> list[Link]:
        """Evidence, prediction, features, bar and the bar's ticks behind the raw signal."""
        raw = next((r for r in rows if r.record.table == "raw_signals"), None)
        if raw is None:
            return []
        key, known_at, steps = raw.record.key, raw.row["known_at"], len(rows)
        links = [
            Link(
                kind="evidence",
                id=evidence_id(raw.row),
                fingerprint=raw.record.fingerprint,
                source=f"{raw.record.table} {key}",
                steps=steps,
                detail=raw.row["evidence"],
            )
        ]
        wanted = [("bar", "bars")]
        if raw.row["source"] == "model":
            wanted = [("prediction", "predictions"), ("features", "feature_matrix"), *wanted]
        for kind, table in wanted:
            found = self._at(kind, table, key, known_at)
            if found is not None:
                links.append(row_link(found, steps))
                if kind == "prediction":
                    links.append(self._model_link(str(found.row["model_id"]), str(key.instrument), steps + 1))
                if kind == "bar":
                    links += self._tick_links(found, key, steps + 1, path_of)
        return links

    def _model_link(self, model_id: str, instrument: str, steps: int) -> Link:
        """The training that made the model of a prediction, a champion's as well as the newest."""
        record = self._training(model_id, PartitionKey(instrument))
        if record is None:
            nowhere = "no training of it is known: it stands in the registry of models alone"
            return Link("model", model_id, None, "", state=REBUILT, steps=steps, detail=nowhere)
        self.trainings.append(record)
        through = record.notes.get("through", "an unknown session")
        detail = f"trained through {through}{' SIMULATED' if record.simulated else ''}"
        place = f"{record.table} {record.key}"
        return Link("model", model_id, record.fingerprint, place, steps=steps, detail=detail)

    def _training(self, model_id: str, key: PartitionKey) -> PartitionRecord | None:
        current = self._records.get(TRAINING, key)
        known = [current] if current is not None else []
        known += [version.record for version in self._records.versions(TRAINING, key)]
        usable = [record for record in known if record.verdict is Verdict.OK]
        return next((record for record in usable if self._trained(record) == model_id), None)

    def _trained(self, record: PartitionRecord) -> str | None:
        """Model of a training: from its notes or, where those are older, from what is stored of it."""
        noted = record.notes.get("model_id")
        if noted is not None:
            return str(noted)
        try:
            return str(self.frame(record)["model_id"].item())
        except MissingInput:
            return None  # pruned before trainings noted their model

    def _tick_links(self, bar: Found, key: PartitionKey, steps: int, path_of: PathOf) -> list[Link]:
        """The byte ranges of the records that the bar was built from, one a file."""
        record, raw = self._record("clean_ticks", key), self._record("raw_ticks", key)
        if record is None or record.verdict is not Verdict.OK or raw is None:
            return []
        inside = pl.col("event_ts").is_between(bar.row["event_ts"], bar.row["known_at"], closed="left")
        ticks = self.frame(record).filter(inside)
        if ticks.is_empty():
            return []
        first, last = int(ticks["seq"].min()), int(ticks["seq"].max())  # type: ignore[arg-type]
        begin = SCID_HEADER_BYTES + first * SCID_RECORD_BYTES
        end = SCID_HEADER_BYTES + (last + 1) * SCID_RECORD_BYTES
        names = sorted({i.table.removeprefix(SOURCE_PREFIX) for i in raw.inputs})
        return [
            Link(
                kind="source",
                id=name,
                fingerprint=None,
                source=f"{path_of(name)} bytes {begin}-{end}",
                steps=steps,
                detail=f"records {first} to {last}: {ticks.height} ticks of the bar",
            )
            for name in names
            if len(names) == 1
        ]

    def _matching(self, kind: str, records: list[PartitionRecord], column: str, name: str) -> Iterator[Found]:
        numeric = column.endswith("_ticket")
        if numeric and not (name.isascii() and name.isdigit()):
            return
        value: int | str = int(name) if numeric else name
        for record in sorted(records, key=lambda r: str(r.key.session), reverse=True):
            hits = self.frame(record).filter(pl.col(column) == value)
            if hits.height:
                yield Found(kind, record, hits.row(0, named=True))

    def _usable(self, table: str) -> list[PartitionRecord]:
        return [r for r in self._records.of_table(table) if r.verdict is Verdict.OK]

    def _replaced(self, table: str) -> list[PartitionRecord]:
        """Earlier versions of a table's partitions, those of one partition newest first."""
        return [
            version.record
            for record in self._records.of_table(table)
            for version in self._records.versions(table, record.key)
            if version.record.verdict is Verdict.OK
        ]

    def _one(
        self, kind: str, table: str, beside: PartitionRecord, column: str, value: object
    ) -> Found | None:
        """Row of another table in the same partition."""
        return self._in(kind, table, beside.key, column, value)

    def _in(self, kind: str, table: str, key: PartitionKey, column: str, value: object) -> Found | None:
        record = self._record(table, key)
        if record is None or record.verdict is not Verdict.OK or value is None:
            return None
        hits = self.frame(record).filter(pl.col(column) == value)
        return Found(kind, record, hits.row(0, named=True)) if hits.height else None

    def _entry_deal(self, deal: Found) -> Found:
        """The deal that opened the position of a deal that carries no intent of its own."""
        if deal.row["intent_id"] is not None:
            return deal
        for record in reversed(self._usable("fills")):
            same = (pl.col("position_id") == deal.row["position_id"]) & (
                pl.col("account") == deal.row["account"]
            )
            hits = self.frame(record).filter(same & pl.col("intent_id").is_not_null())
            if hits.height:
                return Found("deal", record, hits.row(0, named=True))
        return deal

    def _signal(self, signal_id: str, key: PartitionKey) -> Iterator[Found]:
        session = PartitionKey(session=key.session)
        kept = self._in("signal", "signals", session, "signal_id", signal_id)
        if kept is not None:
            yield kept
            key = PartitionKey(kept.row["instrument"], key.session)
        if key.instrument is not None:
            raw = self._in("raw_signal", "raw_signals", key, "signal_id", signal_id)
            if raw is not None:
                yield raw

    def _at(self, kind: str, table: str, key: PartitionKey, known_at: object) -> Found | None:
        return self._in(kind, table, key, "known_at", known_at)
