"""A session's byte ranges read once: the bytes that are decoded are the bytes that are hashed.

A file may grow, be cut or be replaced between two looks at it. Each range is therefore read
through one opening of its file, in blocks, and its hash is taken of these very blocks. Where the
range was read by an earlier build, the hash at that build's end is taken on the way, so that a
file that only grew is told from one that was corrected: by its content, never by its size.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.record_blocks import dtype_of, open_file, read_block
from zanzibar_assets.ingestion.slices import SourceFile, SourceSlice

READ_RECORDS = 500_000
"""Records read and decoded at a time."""


@dataclass(frozen=True, slots=True)
class ReadRange:
    """Bytes ``[first_byte, end_byte)`` of a file as a build read them, with their blake2b."""

    name: str
    first_byte: int
    end_byte: int
    fingerprint: str


@dataclass(slots=True)
class SliceBytes:
    """One slice to be read; after its blocks were consumed it knows their fingerprint.

    ``earlier_end`` is where an earlier build's range of the same start ended, None for none.
    """

    part: SourceSlice
    earlier_end: int | None = None
    fingerprint: str = ""
    earlier_fingerprint: str = ""
    _digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def blocks(self) -> Iterator[tuple[int, NDArray[np.void]]]:
        """(index of the first record, records) in file order; SourceError when the file is another now."""
        part, file = self.part, self.part.file
        dtype = dtype_of(file.kind)
        with open_file(file.path) as stream:
            size = os.fstat(stream.fileno()).st_size
            _same_layout(stream.read(formats.DEPTH_HEADER_BYTES), size, file)
            for start in range(part.first_record, part.last_record, READ_RECORDS):
                count = min(READ_RECORDS, part.last_record - start)
                offset = file.header_bytes + start * dtype.itemsize
                block = read_block(stream, str(file.path), dtype, offset, count)
                self._hash(block.data.cast("B"), offset)
                yield start, block
        self.fingerprint = self._digest.hexdigest()

    def _hash(self, block: memoryview, offset: int) -> None:
        earlier = -1 if self.earlier_end is None else self.earlier_end - offset
        if 0 < earlier <= len(block):
            self._digest.update(block[:earlier])
            self.earlier_fingerprint = self._digest.hexdigest()
            block = block[earlier:]
        self._digest.update(block)

    @property
    def range(self) -> ReadRange:
        """What was read."""
        part = self.part
        return ReadRange(part.file.path.name, part.first_byte, part.end_byte, self.fingerprint)


def _same_layout(start: bytes, size: int, file: SourceFile) -> None:
    header = formats.parse_header(start, size, str(file.path))
    known = (file.kind, file.header_bytes, file.record_bytes, file.simulated)
    found = (header.kind, header.header_bytes, header.record_bytes, header.simulated)
    if found != known:
        raise SourceError(
            f"{file.path} was replaced while it was read",
            expected=f"kind, header, record size, simulated {known}",
            got=str(found),
            action="look for the sources again",
        )


def open_slices(slices: Sequence[SourceSlice], earlier: Sequence[ReadRange] = ()) -> list[SliceBytes]:
    """The slices to be read, each with the end of the earlier build's range of the same start."""
    ends = {(read.name, read.first_byte): read.end_byte for read in earlier}
    return [SliceBytes(part, ends.get((part.file.path.name, part.first_byte))) for part in slices]


@dataclass(frozen=True, slots=True)
class Growth:
    """How the bytes read relate to an earlier build's; ``corrected``: some of those are gone or changed."""

    text: str
    corrected: bool


def growth(earlier: Sequence[ReadRange], taken: Sequence[SliceBytes]) -> Growth | None:
    """What became of the bytes of an earlier build; None when there was none or nothing changed.

    Only when each earlier range is the verified beginning of one read now did the files grow.
    """
    now = {(piece.part.file.path.name, piece.part.first_byte): piece for piece in taken}
    if not earlier or [piece.range for piece in taken] == list(earlier):
        return None
    for read in earlier:
        piece = now.get((read.name, read.first_byte))
        span = f"bytes {read.first_byte}-{read.end_byte} of {read.name}"
        if piece is None or piece.part.end_byte < read.end_byte:
            return Growth(f"truncated: {span} are not all there any more; read whole", corrected=True)
        if piece.earlier_fingerprint != read.fingerprint:
            return Growth(f"rewritten: {span} are other ones now; read whole", corrected=True)
    before = sum(read.end_byte - read.first_byte for read in earlier)
    added = sum(piece.part.end_byte - piece.part.first_byte for piece in taken) - before
    return Growth(f"grown: {added} bytes after {before} that are the same", corrected=False)
