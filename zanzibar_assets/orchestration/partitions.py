"""The one partition scheme. Belongs here: partition definitions, mappings and key registration.

Instruments and sessions are dynamic partitions: the keys come from the exchanges' calendars when
data for them appears (or when a range is asked for), never from date arithmetic. Keys are kept
sorted, since range selections in the UI and in range runs follow the stored order.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Grain

SESSION_DIMENSION = "session"
INSTRUMENT_DIMENSION = "instrument"
SESSIONS = dg.DynamicPartitionsDefinition(name="trading_session")
INSTRUMENTS = dg.DynamicPartitionsDefinition(name="instrument")
MARKET = dg.MultiPartitionsDefinition({INSTRUMENT_DIMENSION: INSTRUMENTS, SESSION_DIMENSION: SESSIONS})

DEFINITIONS: dict[Grain, dg.PartitionsDefinition] = {
    Grain.MARKET: MARKET,
    Grain.SESSION: SESSIONS,
    Grain.INSTRUMENT: INSTRUMENTS,
}


def mapping(upstream: Grain, downstream: Grain) -> dg.PartitionMapping:
    """How partitions of one grain feed partitions of another."""
    if upstream is downstream:
        return dg.IdentityPartitionMapping()
    pair = {upstream, downstream}
    if pair == {Grain.MARKET, Grain.SESSION}:
        return dg.MultiToSingleDimensionPartitionMapping(SESSION_DIMENSION)
    if pair == {Grain.MARKET, Grain.INSTRUMENT}:
        return dg.MultiToSingleDimensionPartitionMapping(INSTRUMENT_DIMENSION)
    return dg.AllPartitionMapping()


def dagster_key(key: PartitionKey) -> str:
    """Dagster's form of a partition key."""
    if key.grain is Grain.MARKET:
        return dg.MultiPartitionKey(
            {INSTRUMENT_DIMENSION: str(key.instrument), SESSION_DIMENSION: str(key.session)}
        )
    return str(key)


def register(instance: dg.DagsterInstance, instruments: Iterable[str], sessions: Iterable[str]) -> None:
    """Make partition keys known, keeping each dimension sorted."""
    _register_sorted(instance, str(INSTRUMENTS.name), set(instruments))
    _register_sorted(instance, str(SESSIONS.name), set(sessions))


def _register_sorted(instance: dg.DagsterInstance, name: str, keys: set[str]) -> None:
    known = list(instance.get_dynamic_partitions(name))
    wanted = sorted({*known, *keys})
    if wanted == known:
        return
    # Storage keeps insertion order. Keys after the first that is out of place are added again;
    # what was materialized for them is stored under the key itself and stays.
    same = next((i for i, (a, b) in enumerate(zip(known, wanted, strict=False)) if a != b), len(known))
    for key in known[same:]:
        instance.delete_dynamic_partition(name, key)
    instance.add_dynamic_partitions(name, wanted[same:])
