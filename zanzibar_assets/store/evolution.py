"""Stored partitions of older contract versions in the form of today's contract, on reading.

The stored bytes and their fingerprint stay as they are. Each older version of each table has an
entry in ``MIGRATIONS``: a function that makes the next version of a frame, saying nothing that the
older one did not know, or ``Rebuild`` with the reason why that cannot be done. Tables that cannot be
built again (what came from files that may be gone, what happened at the terminal) need a function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from zanzibar_assets.contracts.registry import TABLES, conform
from zanzibar_assets.errors import StaleInput, StoreError

if TYPE_CHECKING:
    from zanzibar_assets.store.manifest import Manifest, PartitionRecord
    from zanzibar_assets.store.partition_store import PartitionStore

Migration = Callable[[pl.DataFrame], pl.DataFrame]
"""Frame of one version to the frame of the next."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A step that no function can take: what the next version holds was not known to the older one."""

    reason: str


def _clean_ticks_1(frame: pl.DataFrame) -> pl.DataFrame:
    """Version 1 kept no row under another stamp than its own, and marked none."""
    return frame.with_columns(late_us=pl.lit(0, pl.Int64), flag=pl.lit(None, pl.String))


def _trained_model_1(frame: pl.DataFrame) -> pl.DataFrame:
    """Version 1 calibrated nothing."""
    return frame.with_columns(calibration=pl.lit('{"method": "none"}'))


MIGRATIONS: dict[tuple[str, int], Migration | Rebuild] = {
    ("clean_ticks", 1): _clean_ticks_1,
    ("trained_model", 1): _trained_model_1,
    ("clean_dom", 1): Rebuild("version 1 does not say which rows end a snapshot"),
    ("volume_profile", 1): Rebuild("version 1 has no smoothed volume and no nodes"),
    ("vwap", 1): Rebuild("version 1 has no bands around the rolling VWAP and no developing nodes"),
    ("liquidity_features", 1): Rebuild("version 1 lacks features that are computed from the book and ticks"),
    ("technical_factors", 1): Rebuild("version 1 lacks factors that are computed from bars"),
    ("feature_matrix", 1): Rebuild("version 1 lacks features that are computed from the session's tables"),
    ("labels", 1): Rebuild("version 1 walked bars, not trades"),
    ("points_of_interest", 1): Rebuild("version 1 has no event ids, references and definitions"),
    ("liquidity_features", 2): Rebuild("version 2 has no ratio at the bars' extremes"),
    ("regimes", 1): Rebuild("version 1 has no filtered trend and liquidity regimes"),
    ("event_hit_rates", 1): Rebuild("version 1 has no interval of the hit rate"),
    ("correlations", 1): Rebuild("version 1 has no DCC correlation and no correlations of ticks"),
}
"""(table, version that was stored) -> the step to the next version."""


def obstacle(table: str, version: int) -> str | None:
    """Why a stored version cannot be read as today's contract; None when it can."""
    if version > TABLES[table].version:
        return "it was written by a newer Zanzibar"
    for step in range(version, TABLES[table].version):
        found = MIGRATIONS.get((table, step))
        if found is None:
            return f"no migration from version {step} is known"
        if isinstance(found, Rebuild):
            return found.reason
    return None


def migrate(table: str, version: int, frame: pl.DataFrame) -> pl.DataFrame:
    """Frame of a stored version in the form of today's contract.

    Raises StaleInput when the partition has to be built again instead.
    """
    reason = obstacle(table, version)
    if reason is not None:
        raise StaleInput(
            f"{table} is stored in version {version} of its contract",
            expected=f"version {TABLES[table].version}",
            got=reason,
            action=f"materialize {table} again",
        )
    for step in range(version, TABLES[table].version):
        change = MIGRATIONS[table, step]
        assert not isinstance(change, Rebuild)
        frame = change(frame)
    return conform(table, frame)


def load(store: PartitionStore, record: PartitionRecord) -> pl.DataFrame:
    """Frame of a record, verified, in the form of today's contract.

    Raises StoreError when the record has no frame, MissingInput and CorruptPartition as the store
    does, StaleInput when its version cannot be migrated.
    """
    frame = load_as_stored(store, record)
    if record.table not in TABLES or record.schema_version == TABLES[record.table].version:
        return frame
    return migrate(record.table, record.schema_version, frame)


def load_where_possible(store: PartitionStore, record: PartitionRecord) -> pl.DataFrame:
    """Frame of a record in the form of today's contract or, where that cannot be had, as it is stored."""
    if record.table in TABLES and obstacle(record.table, record.schema_version) is None:
        return load(store, record)
    return load_as_stored(store, record)


def is_stored(manifest: Manifest, store: PartitionStore, record: PartitionRecord) -> bool:
    """Whether the bytes of a record, current or replaced, are still there."""
    table, key, version, fingerprint = record.table, record.key, record.schema_version, record.fingerprint
    if fingerprint is None:
        return False
    if fingerprint in store.kept(table, key, version):
        return True
    now = manifest.get(table, key)
    replaced = now is None or now.fingerprint not in (None, fingerprint)  # a blocked build moves no bytes
    return not replaced and store.exists(table, key, version, fingerprint)


def load_as_stored(store: PartitionStore, record: PartitionRecord) -> pl.DataFrame:
    """Frame of a record, verified, with the columns that it was written with."""
    if record.fingerprint is None:
        raise StoreError(f"{record.table} {record.key} has no stored frame", got=record.verdict.value)
    return store.read(record.table, record.key, record.schema_version, record.fingerprint)
