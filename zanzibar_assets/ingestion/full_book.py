"""The full book of a ``.depth`` file at any instant, from the last snapshot before it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.errors import FormatError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.book_frames import key_prices
from zanzibar_assets.ingestion.depth_arrays import depth_arrays
from zanzibar_assets.ingestion.formats import DepthCommand
from zanzibar_assets.ingestion.record_blocks import record_blocks
from zanzibar_assets.ingestion.scid import Scale

BLOCK_RECORDS = 1 << 17
_SCHEMA = {
    "side": pl.String,
    "price_ticks": pl.Int64,
    "price": pl.Float64,
    "size": pl.Float64,
    "orders": pl.Int64,
}


class FullBook(NamedTuple):
    """All levels at an instant: columns side (bid, ask), price_ticks, price, size (lots), orders.

    Bids come first, each side best first; ``price_ticks`` is null where no tick size is known.
    ``as_of_us`` is the stamp of the last batch in it (None: none came before). ``seeded``: a snapshot
    came before; without one, levels that were there before the file began are missing.
    """

    levels: pl.DataFrame
    as_of_us: int | None
    seeded: bool


class SnapshotIndex(NamedTuple):
    """Positions of CLEAR records in finished batches, and the running stamp when each batch ended."""

    positions: NDArray[np.int64]
    ended_us: NDArray[np.int64]


def book_at(path: Path, instant_us: int, scale: Scale) -> FullBook:
    """The book after all batches stamped strictly before ``instant_us`` (the rule of the grid).

    A batch whose stamp runs back counts with the latest stamp before it, as in the replay. The file's
    snapshots are looked up in one pass, kept for the next call; then only the records from the last
    snapshot on are read. Raises FormatError when the file is no depth file.
    """
    header = formats.read_header(path)
    if header.kind != "depth":
        raise FormatError(f"{path} is no depth file", expected="b'SCDD'", got=f"a .{header.kind} file")
    stat = path.stat()
    index = _index_of(path, header.records, stat.st_mtime_ns)
    usable = int(np.searchsorted(index.ended_us, instant_us, side="left"))
    first = int(index.positions[usable - 1]) if usable else 0
    records, as_of = _batches_before(path, header, first, instant_us)
    if as_of is not None and usable:
        as_of = max(as_of, int(index.ended_us[usable - 1]))
    return FullBook(_levels(records, scale), as_of, usable > 0)


@lru_cache(maxsize=16)
def _index_of(path: Path, records: int, modified_ns: int) -> SnapshotIndex:
    return snapshot_index(path)


def snapshot_index(path: Path) -> SnapshotIndex:
    """Snapshots of a depth file, in file order."""
    header = formats.read_header(path)
    positions: list[int] = []
    ended: list[int] = []
    running = 0
    for start, block in record_blocks(
        path, header.kind, header.header_bytes, 0, header.records, BLOCK_RECORDS
    ):
        stamps, sound = formats.unix_stamps(block["stamp"])
        ends = np.flatnonzero(block["flags"] & formats.END_OF_BATCH)
        reached = np.maximum.accumulate(np.concatenate(([running], stamps[ends])))
        clears = np.flatnonzero((block["command"] == DepthCommand.CLEAR) & sound)
        if len(ends) and len(positions) > len(ended):  # the last block's snapshot ends in this one
            ended += [int(reached[1])] * (len(positions) - len(ended))
        positions += (start + clears).tolist()
        at = np.searchsorted(ends, clears, side="left")
        ended += reached[1:][at[at < len(ends)]].tolist()
        running = int(reached[-1])
    finished = np.array(positions[: len(ended)], dtype=np.int64)
    return SnapshotIndex(finished, np.array(ended, dtype=np.int64))


def _batches_before(
    path: Path, header: formats.FileHeader, first: int, instant_us: int
) -> tuple[NDArray[np.void], int | None]:
    """Records from ``first`` to the last batch that ended strictly before the instant, and its stamp."""
    parts: list[NDArray[np.void]] = []
    as_of: int | None = None
    held: list[NDArray[np.void]] = []
    for block, ends, stamps in _ended(path, header, first):
        late = np.flatnonzero(stamps >= instant_us)
        usable = int(late[0]) if len(late) else len(ends)
        if usable:
            parts += [*held, block[: ends[usable - 1] + 1]]
            held = [block[ends[usable - 1] + 1 :]]
            true = stamps[:usable][stamps[:usable] > 0]
            as_of = max(as_of or 0, int(true.max())) if len(true) else as_of
        else:
            held.append(block)
        if len(late):
            break
    whole = np.concatenate(parts) if parts else np.empty(0, dtype=formats.DEPTH_DTYPE)
    return whole, as_of


def _ended(
    path: Path, header: formats.FileHeader, first: int
) -> Iterator[tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]]:
    """Blocks of records with the positions of their batch ends and those ends' stamps (0: no true one)."""
    for _, block in record_blocks(
        path, header.kind, header.header_bytes, first, header.records, BLOCK_RECORDS
    ):
        ends = np.flatnonzero(block["flags"] & formats.END_OF_BATCH)
        yield block, ends, formats.unix_stamps(block["stamp"][ends])[0]


def _levels(records: NDArray[np.void], scale: Scale) -> pl.DataFrame:
    """What stands after the records: the last word on each price since the last CLEAR."""
    arrays, _ = depth_arrays(records, scale)
    clears = np.flatnonzero(arrays.commands == DepthCommand.CLEAR)
    since = int(clears[-1]) + 1 if len(clears) else 0
    command = arrays.commands[since:]
    frame = pl.DataFrame(
        {
            "command": command,
            "ask": (command & 1).astype(np.int64),
            "key": arrays.keys[since:],
            "size": arrays.sizes[since:],
            "orders": records["num_orders"][since:].astype(np.int64),
        }
    ).filter(pl.col("command").is_between(DepthCommand.ADD_BID, DepthCommand.DELETE_ASK))
    stands = (pl.col("command") < DepthCommand.DELETE_BID) & (pl.col("size") > 0)
    last = frame.unique(["ask", "key"], keep="last").filter(stands)
    best_first = pl.col("key") * (2 * pl.col("ask") - 1)
    last = last.sort("ask", best_first)
    prices = key_prices(last["key"].to_numpy(), scale)
    ticks = pl.col("key") if scale.tick_size is not None else pl.lit(None, dtype=pl.Int64)
    side = pl.when(pl.col("ask") == 1).then(pl.lit("ask")).otherwise(pl.lit("bid"))
    return (
        last.with_columns(pl.Series("price", prices, dtype=pl.Float64))
        .select(side.alias("side"), ticks.alias("price_ticks"), "price", "size", "orders")
        .cast(_SCHEMA)  # type: ignore[arg-type]  # polars takes types by column name
    )
