"""The one interface through which partitions are stored and read: the Parquet lake or PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.keys import PartitionKey


DATABASE_PREFIX = "pg:"
"""In front of fingerprints of partitions in PostgreSQL: they are hashes of other bytes than a file's."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write produced: blake2b of the stored bytes, their number, the rows."""

    fingerprint: str
    bytes: int
    rows: int


class PartitionStore(Protocol):
    """Frames by table, schema version and partition key; held to one set of contract tests.

    A write replaces the whole partition or, when it fails or is killed, nothing; what it replaces
    stays readable by its fingerprint until it is forgotten. A read names the fingerprint that the
    manifest holds and never returns anything else. The same frame gives the same fingerprint, and
    written again it makes no version; fingerprints of different kinds of store differ, so that a
    partition written to one store is never taken for one of the other.
    """

    def write(self, table: str, key: PartitionKey, version: int, frame: pl.DataFrame) -> Written:
        """Replace a partition atomically; two writers of one partition come one after the other."""
        ...

    def read(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> pl.DataFrame:
        """Frame with that fingerprint: the current one or one that was replaced.

        Raises MissingInput when the store holds no such partition, CorruptPartition when what it
        holds is not what was written.
        """
        ...

    def exists(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> bool:
        """Whether the current partition is the one with this fingerprint; its rows are not checked."""
        ...

    def kept(self, table: str, key: PartitionKey, version: int) -> list[str]:
        """Fingerprints of the replaced partitions that are still there, in order."""
        ...

    def forget(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> int:
        """Remove a replaced partition for good: its size in bytes; 0, and nothing done, when not kept."""
        ...

    def location(self, table: str, key: PartitionKey, version: int) -> str:
        """Where a partition stands, for people; never holds a secret."""
        ...

    def sweep(self) -> int:
        """Remove what killed writers left behind; returns how much."""
        ...

    def describe(self) -> str:
        """Which store this is and what it can do, for people; StoreError when it cannot be reached."""
        ...
