"""The Parquet lake: one file a partition, replaced atomically, verified on read, its past kept.

``<root>/<table>/v<schema>/instrument=ES/session=2025-01-06/part.parquet`` is the current file. A
write goes to a temporary name in the same folder, is synced, then replaces the old file, so that a
kill leaves either the old partition or the new one. The same frame gives the same bytes. What is
replaced keeps a second name first, ``<root>/_versions/<table>/v<schema>/.../<fingerprint>.parquet``,
by which its fingerprint still finds it; the current bytes are never among them. ``<root>/_locks``
lets writers of one partition come one after the other.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from zanzibar_assets.errors import CorruptPartition, MissingInput, StoreError
from zanzibar_assets.store.disk import (
    TEMPORARY_SUFFIX,
    explained,
    keep_as,
    process_lives,
    write_durably,
)
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.locks import holding
from zanzibar_assets.store.partition_store import DATABASE_PREFIX, Written

if TYPE_CHECKING:
    import polars as pl

VERSIONS = "_versions"
LOCKS = "_locks"


class Lake:
    """Reads and writes partitions under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, table: str, key: PartitionKey, version: int) -> Path:
        """File of a partition."""
        return self.root / _folder(table, key, version) / "part.parquet"

    def kept_path(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> Path:
        """File of a replaced partition."""
        return self.root / VERSIONS / _folder(table, key, version) / f"{fingerprint}.parquet"

    def write(self, table: str, key: PartitionKey, version: int, frame: pl.DataFrame) -> Written:
        """Replace a partition atomically; other bytes than these stay readable by their fingerprint.

        Raises StoreError, with the old partition in place, when the disk is full, read-only or
        closed to this user.
        """
        content = _encode(table, frame)
        written = Written(fingerprint_bytes(content), len(content), frame.height)
        target = self.path(table, key, version)
        with (
            explained(f"writing {table} {key}", target),
            holding(self.root / LOCKS, f"{table}_v{version} {key}"),
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            current = fingerprint_bytes(target.read_bytes()) if target.exists() else written.fingerprint

            def keep_old() -> None:
                if current != written.fingerprint:
                    self._keep(target, self.kept_path(table, key, version, current), current)

            write_durably(target, content, keep_old)
            self.kept_path(table, key, version, written.fingerprint).unlink(missing_ok=True)
        return written

    def read(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> pl.DataFrame:
        """Frame of the partition, or of a replaced one, whose bytes hash to ``fingerprint``.

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
        found = []
        # a writer may move the bytes from one name to the other meanwhile: the third look finds them
        for place in (path, self.kept_path(table, key, version, fingerprint), path):
            try:
                with explained(f"reading {table} {key}", place):
                    content = place.read_bytes()
            except FileNotFoundError:
                continue
            found.append(fingerprint_bytes(content))
            if found[-1] == fingerprint:
                return pl.read_parquet(content)
        if not found:
            raise MissingInput(
                f"{table} {key} is in the manifest but its file is gone",
                expected=str(path),
                action=f"materialize {table} {key} again",
            )
        raise CorruptPartition(
            f"stored bytes of {table} {key} are not what was written",
            expected=fingerprint,
            got=", ".join(dict.fromkeys(found)),
            action=f"materialize {table} {key} again; check the disk",
        )

    def exists(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> bool:
        """Whether the current file is there and, as far as names tell, carries the fingerprint.

        Its bytes are hashed only when the fingerprint has a file among the replaced ones as well:
        then a writer was killed between keeping the old bytes and replacing them.
        """
        path = self.path(table, key, version)
        if not (_is_of_a_file(fingerprint) and path.exists()):
            return False
        if not self.kept_path(table, key, version, fingerprint).exists():
            return True
        return fingerprint_bytes(path.read_bytes()) == fingerprint

    def kept(self, table: str, key: PartitionKey, version: int) -> list[str]:
        """Fingerprints of the replaced partitions that are still there, in order."""
        folder = self.root / VERSIONS / _folder(table, key, version)
        return sorted(path.stem for path in folder.glob("*.parquet"))

    def forget(self, table: str, key: PartitionKey, version: int, fingerprint: str) -> int:
        """Remove a replaced partition for good; the bytes that it took, 0 when it is not kept."""
        path = self.kept_path(table, key, version, fingerprint)
        if not _is_of_a_file(fingerprint) or not path.exists():
            return 0
        size = path.stat().st_size
        with explained(f"removing a version of {table} {key}", path):
            path.unlink()
        return size

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
            if not (writer.isdigit() and process_lives(int(writer))):
                leftover.unlink(missing_ok=True)
                removed += 1
        return removed

    @staticmethod
    def _keep(current: Path, kept: Path, fingerprint: str) -> None:
        if kept.exists():
            if fingerprint_bytes(kept.read_bytes()) == fingerprint:
                return
            kept.unlink()  # it was damaged there; the current file still has these bytes
        keep_as(current, kept)


def fingerprint_bytes(content: bytes | memoryview) -> str:
    """blake2b-128 of bytes, hex."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _encode(table: str, frame: pl.DataFrame) -> memoryview:
    """The file's bytes; nothing of them depends on anything but the frame."""
    from zanzibar_assets.store.parquet_files import write_frame

    opaque = [name for name, kind in frame.schema.items() if kind.is_object()]
    if opaque:
        raise StoreError(
            f"{table} has columns of Python objects",
            got=", ".join(opaque),
            expected="values that Parquet knows",
        )
    stream = io.BytesIO()
    write_frame(frame, stream)
    return stream.getbuffer()


def _folder(table: str, key: PartitionKey, version: int) -> Path:
    folder = Path(table, f"v{version}")
    if key.instrument is not None:
        folder = folder / f"instrument={key.instrument}"
    return folder if key.session is None else folder / f"session={key.session}"


def _is_of_a_file(fingerprint: str) -> bool:
    return not fingerprint.startswith(DATABASE_PREFIX)
