"""The Parquet lake: one file a partition, replaced atomically, verified on read.

``<root>/<table>/v<schema>/instrument=ES/session=2025-01-06/part.parquet``. A write goes to a
temporary name in the same folder, is synced, then replaces the old file, so that a kill leaves
either the old partition or the new one. The same frame gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from zanzibar_assets.errors import CorruptPartition, MissingInput
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.partition_store import DATABASE_PREFIX, Written

if TYPE_CHECKING:
    import polars as pl

TEMPORARY_SUFFIX = ".partial"


class Lake:
    """Reads and writes partitions under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, table: str, key: PartitionKey, version: int) -> Path:
        """File of a partition."""
        folder = self.root / table / f"v{version}"
        if key.instrument is not None:
            folder = folder / f"instrument={key.instrument}"
        if key.session is not None:
            folder = folder / f"session={key.session}"
        return folder / "part.parquet"

    def write(self, table: str, key: PartitionKey, version: int, frame: pl.DataFrame) -> Written:
        """Replace a partition atomically."""
        target = self.path(table, key, version)
        target.parent.mkdir(parents=True, exist_ok=True)
        writer = f"{threading.get_ident()}.{os.getpid()}"
        temporary = target.with_name(f"{target.name}.{writer}{TEMPORARY_SUFFIX}")
        try:
            with temporary.open("wb") as stream:
                frame.write_parquet(stream, compression="zstd", compression_level=3, statistics=True)
                stream.flush()
                os.fsync(stream.fileno())
            content = temporary.read_bytes()
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return Written(fingerprint_bytes(content), len(content), frame.height)

    def read(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> pl.DataFrame:
        """Frame of a partition; its bytes must hash to ``fingerprint``.

        Raises MissingInput when there is no file, CorruptPartition when the bytes differ.
        """
        import polars as pl

        path = self.path(table, key, version)
        if not _is_of_a_file(fingerprint):
            raise MissingInput(
                f"{table} {key} was written to another store than the Parquet lake",
                got=fingerprint,
                action=f"configure the database that it was written to, or materialize {table} {key} again",
            )
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise MissingInput(
                f"{table} {key} is in the manifest but its file is gone",
                expected=str(path),
                action=f"materialize {table} {key} again",
            ) from None
        found = fingerprint_bytes(content)
        if found != fingerprint:
            raise CorruptPartition(
                f"stored bytes of {table} {key} are not what was written",
                expected=fingerprint,
                got=found,
                action=f"materialize {table} {key} again; check the disk",
            )
        return pl.read_parquet(content)

    def exists(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> bool:
        """Whether a file is there and the fingerprint is one of files."""
        return _is_of_a_file(fingerprint) and self.path(table, key, version).exists()

    def location(self, table: str, key: PartitionKey, version: int) -> str:
        """Path of the partition's file."""
        return str(self.path(table, key, version))

    def describe(self) -> str:
        """The kind of store."""
        return "Parquet files"

    def sweep(self) -> int:
        """Remove temporary files of writers that are gone; returns how many."""
        removed = 0
        for leftover in self.root.rglob(f"*{TEMPORARY_SUFFIX}"):
            writer = leftover.name.removesuffix(TEMPORARY_SUFFIX).rsplit(".", 1)[-1]
            if not (writer.isdigit() and _alive(int(writer))):
                leftover.unlink(missing_ok=True)
                removed += 1
        return removed


def fingerprint_bytes(content: bytes) -> str:
    """blake2b-128 of bytes, hex."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _is_of_a_file(fingerprint: str) -> bool:
    return not fingerprint.startswith(DATABASE_PREFIX)


def _alive(process_id: int) -> bool:
    if os.name == "nt":
        return process_id == os.getpid()
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no folder handles to sync."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
