"""What a depth file holds of the book a session begins with: from the last snapshot before it on.

Depth files are cut at UTC midnight and sessions at the exchange's close: a session often begins in
the middle of a file. Its book is then built from the snapshot before, in the same file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.formats import DepthCommand
from zanzibar_assets.ingestion.record_blocks import record_blocks
from zanzibar_assets.ingestion.slices import SourceFile, SourceSlice, select_slices
from zanzibar_assets.instruments import Instrument

BLOCK_RECORDS = 1 << 16


def opening_slices(
    files: Sequence[SourceFile], instrument: Instrument, session: str, now_us: int | None = None
) -> tuple[SourceSlice, ...]:
    """Record ranges from the last snapshot before each depth slice of a session to that slice.

    A slice at a file's start, or after a part of the file without a snapshot, has none.
    """
    found = []
    for part in select_slices(files, instrument, session, now_us).depth:
        first = last_snapshot(part.file, part.first_record)
        if first is not None:
            found.append(SourceSlice(part.file, session, first, part.first_record))
    return tuple(found)


def last_snapshot(file: SourceFile, end: int) -> int | None:
    """Index of the last CLEAR before record ``end`` whose batch ended before it, None without one."""
    last_end = -1
    for stop in range(end, 0, -BLOCK_RECORDS):
        start = max(0, stop - BLOCK_RECORDS)
        ((_, block),) = record_blocks(file.path, file.kind, file.header_bytes, start, stop, BLOCK_RECORDS)
        ends = np.flatnonzero(block["flags"] & formats.END_OF_BATCH)
        if last_end < 0 and len(ends):
            last_end = start + int(ends[-1])
        sound = formats.unix_stamps(block["stamp"])[1]
        clears = start + np.flatnonzero((block["command"] == DepthCommand.CLEAR) & sound)
        clears = clears[clears <= last_end]
        if len(clears):
            return int(clears[-1])
    return None
