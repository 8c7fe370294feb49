"""What became of every table of a session before its report: checks, what was stopped, what was never built.

The tables are those of the registry, which stands in the order of the graph: a new one is covered without
being named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zanzibar_assets.calendars import is_session
from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import ABSENT, KNOWN_LATER
from zanzibar_assets.store.records import CheckOutcome
from zanzibar_assets.vocabulary import Grain, Verdict

if TYPE_CHECKING:
    from zanzibar_assets.store.inputs import Inputs

Stopped = tuple[str, str, str]
"""Table, partition and reason."""


@dataclass(frozen=True, slots=True)
class SessionVerdicts:
    """``checks`` by "table partition"; ``stopped`` have a reason, ``never_built`` nobody tried."""

    checks: dict[str, tuple[CheckOutcome, ...]] = field(default_factory=dict)
    stopped: tuple[Stopped, ...] = ()
    never_built: tuple[tuple[str, str], ...] = ()


def session_verdicts(inputs: Inputs, reader: str) -> SessionVerdicts:
    """Verdicts of every partition of the session that comes before ``reader`` in the graph.

    Market tables of each active instrument, tables of the session, and the instruments' own tables as
    far as they were estimated before this session. They are what the reader tells of,
    not what it is computed from: none is recorded as an input.
    """
    checks: dict[str, tuple[CheckOutcome, ...]] = {}
    stopped: list[Stopped] = []
    never: list[tuple[str, str]] = []
    for table, key in _partitions(inputs, reader):
        record = inputs.workspace.manifest.get(table, key)
        state = inputs.workspace.manifest.as_of_state(record, inputs.session)
        if record is None or state == ABSENT:
            if _expected(inputs, key):
                never.append((table, str(key)))
        elif state != KNOWN_LATER:
            checks[f"{table} {key}"] = record.checks
            if record.verdict is Verdict.BLOCKED:
                stopped.append((table, str(key), "; ".join(record.reasons)))
    return SessionVerdicts({k: v for k, v in checks.items() if v}, tuple(stopped), tuple(never))


def _partitions(inputs: Inputs, reader: str) -> Iterator[tuple[str, PartitionKey]]:
    names = list(TABLES)
    for table in names[: names.index(reader)]:
        if TABLES[table].grain is Grain.SESSION:
            yield table, PartitionKey(session=inputs.session)
            continue
        market = TABLES[table].grain is Grain.MARKET
        for instrument in inputs.workspace.active_instruments():
            yield table, PartitionKey(instrument.id, inputs.session if market else None)


def _expected(inputs: Inputs, key: PartitionKey) -> bool:
    """False for a market that was closed: nobody has to build its empty tables."""
    if key.grain is not Grain.MARKET:
        return True
    return is_session(inputs.workspace.instruments[str(key.instrument)], inputs.session)
