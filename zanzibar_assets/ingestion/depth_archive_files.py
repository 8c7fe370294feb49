"""Files of the depth archive: a copy and its note, how they are written, read and checked.

Bytes are read in blocks: memory does not grow with the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from zanzibar_assets.errors import SourceError, StoreError

LEVEL = 3
BLOCK_BYTES = 1 << 22
NOTE_SUFFIX = ".json"
PART_SUFFIX = ".part"
DAMAGED_SUFFIX = ".damaged"


@dataclass(frozen=True, slots=True)
class Archived:
    """One archived version of a depth file, as its note says. Hashes are blake2b of 16 bytes, in hex.

    ``blake2b`` is that of the source's bytes, ``compressed_blake2b`` that of the stored ones; notes of
    older copies lack the latter.
    """

    source: str
    symbol: str
    version: int
    file: str
    bytes: int
    blake2b: str
    compressed_bytes: int
    modified_ns: int
    archived_at: str
    compressed_blake2b: str | None = None


def stored_path(archive: Path, note: Archived) -> Path:
    """Where the copy of a note lies."""
    return archive / note.symbol / note.file


def is_sound(archive: Path, note: Archived) -> bool:
    """Whether a stored copy still is what was written: size and hash of its bytes, read in full.

    A copy whose note holds no hash of the compressed bytes is unpacked and compared with the source's.
    """
    path = stored_path(archive, note)
    if not path.is_file() or path.stat().st_size != note.compressed_bytes:
        return False
    try:
        if note.compressed_blake2b is not None:
            return digest_of(blocks(path)) == note.compressed_blake2b
        return digest_of(unpacked(path)) == note.blake2b
    except (SourceError, StoreError):  # unreadable is damaged: the disk, or no Zstandard any more
        return False


def put_aside(path: Path) -> None:
    """Rename a damaged copy, so that no earlier one that was put aside is overwritten."""
    aside, number = path.with_name(path.name + DAMAGED_SUFFIX), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.{number}{DAMAGED_SUFFIX}")
    path.replace(aside)


def pack(path: Path, part: Path) -> tuple[str, int]:
    """Compress a file into another; hash and number of the bytes that were read."""
    import pyarrow as pa

    codec = pa.Codec("zstd", compression_level=LEVEL)
    digest, size = hashlib.blake2b(digest_size=16), 0
    with part.open("wb") as stream:
        for block in blocks(path):
            digest.update(block)
            size += len(block)
            stream.write(codec.compress(block, asbytes=True))  # a frame of its own: frames follow one another
        sync(stream)
    return digest.hexdigest(), size


def blocks(path: Path) -> Iterator[bytes]:
    """Bytes of a file in blocks; SourceError when it cannot be read."""
    try:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block
    except OSError as error:
        raise SourceError(f"{path} cannot be read", got=str(error)) from error


def unpacked(path: Path) -> Iterator[bytes]:
    """Blocks of the bytes that a file was made from; StoreError when it cannot be unpacked."""
    import pyarrow as pa

    if not path.exists():
        raise damaged_copy(path)
    try:
        with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block
    except OSError as error:  # pyarrow says so of a frame that is no Zstandard
        raise damaged_copy(path) from error


def damaged_copy(path: Path) -> StoreError:
    """The error for a copy that is missing or other than what was written."""
    return StoreError(
        f"{path} is not what was archived",
        action="check the disk; archive the file again while Sierra Chart still has it",
    )


def digest_of(parts: Iterable[bytes]) -> str:
    """Blake2b of 16 bytes over all blocks, in hex."""
    digest = hashlib.blake2b(digest_size=16)
    for block in parts:
        digest.update(block)
    return digest.hexdigest()


def sync(stream: BinaryIO) -> None:
    """Have what was written on the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def notes_in(folder: Path) -> list[Archived]:
    """Notes of a symbol's folder by source and version; StoreError when one cannot be read."""
    found = []
    for path in sorted(folder.glob(f"*.zst{NOTE_SUFFIX}")) if folder.is_dir() else []:
        try:
            found.append(Archived(**json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"{path} is no note of an archived file", got=str(error), action="restore it from a copy"
            ) from error
    return sorted(found, key=lambda note: (note.source, note.version))


def write_note(path: Path, note: Archived) -> None:
    """Write a note whole or not at all."""
    part = path.with_name(path.name + PART_SUFFIX)
    with part.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(note)) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
