"""``.depth`` file to the top ten every 100 ms, beside hftbacktest's ROIVector depth.

Ours reads the file, decodes and replays it and builds polars frames; the peer has its events in
memory already and writes the same rows into arrays. The rows are compared, instant by instant.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.benchmarks.measure import Figure
from zanzibar_assets.benchmarks.peer_process import PeerProcess
from zanzibar_assets.ingestion import book, book_frames, formats, scid
from zanzibar_assets.ingestion.depth_arrays import depth_arrays
from zanzibar_assets.ingestion.record_blocks import load_records
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.deep_book import DENSE, SPARSE, write_deep_book
from zanzibar_assets.vocabulary import US_PER_SECOND

ROUNDS = 7
LEVELS, EVERY_US, HOUR_US = 10, 100_000, 3_600 * US_PER_SECOND
WANTED = 1.5
PEER = "hftbacktest ROIVectorMarketDepth, events preloaded"
PEER_SCRIPT = Path(__file__).with_name("hftbacktest_depth.py")
HOW_TO_INSTALL = (
    "the peer was not measured: it pins another numpy and needs an environment of its own: "
    "python -m venv PEER && PEER/bin/pip install hftbacktest, then --peer-python PEER/bin/python"
)
MARKETS = {"dense": DENSE, "sparse": SPARSE}


class Rows(NamedTuple):
    """Grid rows: instants (us), ticks and sizes of shape (rows, 2 * levels); size 0 = no level."""

    stamps: NDArray[np.int64]
    ticks: NDArray[np.int64]
    sizes: NDArray[np.float64]


class Pair(NamedTuple):
    """Seconds by the clock and seconds of the processor."""

    clock: float
    processor: float


class Timed(NamedTuple):
    """Medians of ours, of ours with a row an hour, and of the peer where there is one."""

    ours: Pair
    replay: Pair
    peer: Pair | None
    note: str


def measure(
    folder: Path, records: int, seed: int, peer_python: Path | None, say: Callable[[str], None]
) -> list[Figure]:
    """Figures of a dense and of a sparse simulated book of ``records`` records each."""
    instrument = load_instruments()["SIM_ES"]
    figures, per_record = [], {}
    if peer_python is None:
        say(HOW_TO_INSTALL)
    for name, shape in MARKETS.items():
        say(f"{name} book of {records} simulated records")
        path = write_deep_book(folder / name, instrument, records, seed, shape)
        scale = scid.scale_of(symbol_of(path), instrument)
        rows = grid_rows(path, scale)
        found = _timed(path, scale, rows, peer_python, say)
        figures += _figures(name, found, len(rows.stamps), records)
        per_record[name] = found.replay.processor
    cost = per_record["sparse"] / per_record["dense"]
    note = "a row an hour: what an event costs by itself; below 1 a holiday's event is the cheaper one"
    return [*figures, Figure("event_cost_sparse_to_dense", cost, "ratio", note=note)]


def _figures(name: str, found: Timed, rows: int, records: int) -> list[Figure]:
    what = f"depth_file_to_top10_{name}"
    clock, processor = found.peer or (None, None)
    per_event = 1e9 / records
    return [
        Figure(what, found.ours.clock, "s", PEER, clock, found.note, WANTED),
        Figure(f"{what}_processor", found.ours.processor, "s", PEER, processor, found.note, WANTED),
        Figure(f"rows_{name}", rows, "rows"),
        Figure(f"per_event_{name}", found.ours.processor * per_event, "ns"),
        Figure(f"per_event_with_a_row_an_hour_{name}", found.replay.processor * per_event, "ns"),
    ]


def grid_rows(path: Path, scale: scid.Scale) -> Rows:
    """Our rows in ticks and sizes."""
    records = load_records(path, header := formats.read_header(path), 0, header.records)
    state = book.Book(LEVELS, EVERY_US)
    arrays, _ = depth_arrays(records, scale)
    tops = [state.feed(arrays)[0], state.finish()]
    return Rows(
        *(np.concatenate(part) for part in zip(*((t.stamps_us, t.keys, t.sizes) for t in tops), strict=True))
    )


def _replay(path: Path, scale: scid.Scale, every_us: int) -> Pair:
    began, worked = time.perf_counter(), time.process_time()
    state = book.Book(LEVELS, every_us)
    for _ in book_frames.replay_file(path, scale, state, book_frames.ReplayTally()):
        pass
    return Pair(time.perf_counter() - began, time.process_time() - worked)


def _medians(pairs: Sequence[Pair]) -> Pair:
    clock, processor = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Pair(clock, processor)


def _timed(
    path: Path, scale: scid.Scale, rows: Rows, python: Path | None, say: Callable[[str], None]
) -> Timed:
    """Ours and the peer's, taking turns, so that both meet the same load."""
    for every_us in (EVERY_US, HOUR_US):  # compiles
        _replay(path, scale, every_us)
    if python is None:
        turns = [(_replay(path, scale, EVERY_US), _replay(path, scale, HOUR_US)) for _ in range(ROUNDS)]
        ours, replay = (_medians(pairs) for pairs in zip(*turns, strict=True))
        return Timed(ours, replay, None, HOW_TO_INSTALL)
    events, peer_rows = path.with_name("events.npz"), path.with_name("rows.npz")
    _write_events(path, scale, events)
    arguments = [str(events), str(scale.tick_size), str(len(rows.stamps) + 1_000), str(peer_rows)]
    with PeerProcess(python, PEER_SCRIPT, arguments, path.with_name("peer.err")) as peer:
        peer.answer()
        events.unlink()
        note = compared(rows, peer_rows)
        say(note)
        three = []
        for _ in range(ROUNDS):
            found = _replay(path, scale, EVERY_US)
            answer = peer.ask("run")
            theirs = Pair(answer["seconds"], answer["processor_seconds"])
            three.append((found, theirs, _replay(path, scale, HOUR_US)))
    ours, theirs, replay = (_medians(pairs) for pairs in zip(*three, strict=True))
    return Timed(ours, replay, theirs, note)


def _write_events(path: Path, scale: scid.Scale, events: Path) -> None:
    """The whole batches of the file: what a last one that never ended would change is not shown by us."""
    header = formats.read_header(path)
    records = load_records(path, header, 0, header.records)
    ends = np.flatnonzero(records["flags"] & formats.END_OF_BATCH)
    arrays, _ = depth_arrays(records[: ends[-1] + 1], scale)
    np.savez(events, stamps=arrays.stamps_us, ticks=arrays.keys, sizes=arrays.sizes, commands=arrays.commands)


def compared(ours: Rows, peer_rows: Path) -> str:
    """How many rows are equal, and where the others differ."""
    with np.load(peer_rows) as found:
        peer = Rows(found["stamps"], found["ticks"], found["sizes"])
    common, at_ours, at_peer = np.intersect1d(ours.stamps, peer.stamps, return_indices=True)
    there = ours.sizes[at_ours] > 0
    same = (there == (peer.sizes[at_peer] > 0)) & (ours.sizes[at_ours] == peer.sizes[at_peer])
    same &= ~there | (ours.ticks[at_ours] == peer.ticks[at_peer])
    equal = int(same.all(axis=1).sum())
    only_ours, only_peer = len(ours.stamps) - len(common), len(peer.stamps) - len(common)
    last = only_ours == 1 and len(ours.stamps) > 0 and ours.stamps[-1] not in common[-1:]
    return (
        f"{equal} of {len(ours.stamps)} rows equal in instant, prices and sizes; "
        f"{len(common) - equal} differ, {only_ours} ours only, {only_peer} the peer's only"
        + (": the last instant, before which the peer ends with its data" if last else "")
    )
