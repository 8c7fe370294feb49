"""``.depth`` file to the top ten every 100 ms, beside hftbacktest's ROIVector depth."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zanzibar_assets.benchmarks.measure import Figure, side_by_side
from zanzibar_assets.ingestion import book, formats, scid
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.bulk import write_bulk

ROUNDS = 5
LEVELS, EVERY_US = 10, 100_000
PEER = "hftbacktest ROIVectorMarketDepth, events preloaded"
PEER_SCRIPT = Path(__file__).with_name("hftbacktest_depth.py")
PEER_SECONDS = 900
MARKETS = {"dense": 200_000, "sparse": 6_000}
"""Trades a simulated session, which its depth follows."""


def measure(
    folder: Path, records: int, seed: int, peer_python: Path | None, say: Callable[[str], None]
) -> list[Figure]:
    """Figures of a dense and of a sparse simulated book of ``records`` records each."""
    instrument = load_instruments()["SIM_ES"]
    figures = []
    for name, trades in MARKETS.items():
        path = write_bulk(folder / name, instrument, records, seed, trades).depth
        scale = scid.scale_of(symbol_of(path), instrument)
        say(f"{name} book of {records} simulated records: ours")
        rows = _replay(path, scale)
        ours = side_by_side({"ours": lambda p=path, s=scale: _replay(p, s)}, ROUNDS)["ours"]  # type: ignore[misc]
        say(f"{name} book: peer")
        peer_seconds, note = _peer_seconds(path, scale, peer_python)
        figures.append(Figure(f"depth_file_to_top10_{name}", ours, "s", PEER, peer_seconds, note))
        figures.append(Figure(f"rows_{name}", rows, "rows"))
        figures.append(Figure(f"depth_rate_{name}", records / ours / 1e6, "million records/s"))
    return figures


def _replay(path: Path, scale: scid.Scale) -> int:
    state = book.Book(LEVELS, EVERY_US)
    return sum(frame.height for frame in book.replay_file(path, scale, state, book.ReplayTally()))


def _peer_seconds(path: Path, scale: scid.Scale, python: Path | None) -> tuple[float | None, str | None]:
    """Median seconds of the peer, run by an interpreter that has it; None and why when it cannot be."""
    if python is None:
        return None, "no interpreter with hftbacktest was given (--peer-python)"
    header = formats.read_header(path)
    arrays, _ = book.depth_arrays(np.array(formats.map_records(path, header)), scale)
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.npz"
        np.savez(
            events, stamps=arrays.stamps_us, ticks=arrays.keys, sizes=arrays.sizes, commands=arrays.commands
        )
        try:
            done = subprocess.run(
                [str(python), str(PEER_SCRIPT), str(events), str(scale.tick_size), str(ROUNDS)],
                capture_output=True, text=True, timeout=PEER_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, f"the peer did not run: {error}"
    if done.returncode:
        return None, f"the peer failed: {done.stderr.strip()[-300:]}"
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return float(
        found["median_seconds"]
    ), f"the peer stepped through {found['steps']} instants, empty ones too"
