"""What a look at many source files costs, and a growing session read whole beside appending to it.

Run:  python -m zanzibar_assets_tests.benchmarks.watching
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from zanzibar_assets.benchmarks.measure import machine
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.ingestion import depth, formats, scid
from zanzibar_assets.ingestion.sources import SourceSlice, find_sources, session_slices, slice_fingerprint
from zanzibar_assets.instruments import Instrument, load_instruments
from zanzibar_assets.simulator.bulk import write_bulk
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.source_watch import look, restore
from zanzibar_assets.store.workspace import Workspace

INSTRUMENT = "SIM_BTC"
GROWTH_RECORDS = 1_000
ROUNDS = 5


def cpu_seconds(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each run, in turns, after a round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for measured in range(-1, rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            if measured >= 0:
                seconds[name].append(time.process_time() - began)
    return {name: round(statistics.median(found), 4) for name, found in seconds.items()}


def looks(folder: Path, files: int, records: int) -> dict[str, float | int]:
    """CPU seconds of looks at many depth files: all new, none changed, one grown."""
    sierra = folder / "sierra"
    stored = write_bulk(sierra, load_instruments()[INSTRUMENT], records, 7, 20_000).depth.read_bytes()
    (sierra / "MarketDepthData").mkdir()
    for path in sierra.glob("*.*"):
        path.unlink()
    for number in range(files):
        day = 20_000 + number
        name = time.strftime("%Y-%m-%d", time.gmtime(day * 86_400))
        path = sierra / "MarketDepthData" / f"BTCUSDT_PERP_SIM.{name}.depth"
        path.write_bytes(stored)
        os.utime(path, ns=(1, 1))
    config = load_config(folder / "home", sierra_dir=sierra, instruments=[INSTRUMENT])
    workspace = Workspace(config, lambda: 1_736_000_000_000_000)
    texts: list[str | None] = [None]

    def one() -> None:
        found = look(workspace, restore(workspace, texts[0]), lambda _: {})
        # Nothing is built here: requests are left out, so that the next look is of the files alone.
        texts[0] = replace(found.cursor, asked={}).to_text()

    began = time.process_time()
    one()
    first = time.process_time() - began
    grown = path.read_bytes()

    def growth() -> None:
        with path.open("ab") as stream:
            stream.write(grown[-GROWTH_RECORDS * formats.DEPTH_RECORD_BYTES :])
        one()

    seconds = cpu_seconds({"unchanged": one, "one_grown": growth}, ROUNDS)
    workspace.database.close()
    return {
        "files": files, "records_each": records, "cursor_bytes": len(str(texts[0])),
        "all_new_cpu_s": round(first, 3),
        "unchanged_cpu_s": seconds["unchanged"], "one_grown_cpu_s": seconds["one_grown"],
    }  # fmt: skip


Read = Callable[[list[SourceSlice], Instrument], pl.DataFrame]


def growth(folder: Path, records: int) -> dict[str, dict[str, float]]:
    """CPU seconds of a grown session: all bytes hashed and decoded, or the stored frame and the new rows."""
    instrument = load_instruments()[INSTRUMENT]
    write_bulk(folder / "bulk", instrument, records, 7, records)
    found = {}
    for file in find_sources(folder / "bulk", [instrument]):
        table, read = (
            ("raw_ticks", scid.read_ticks) if file.kind == "scid" else ("raw_depth", depth.read_depth)
        )
        part = max(session_slices(file, instrument), key=lambda piece: piece.records)
        found[table] = _whole_and_appended(folder, table, part, read, instrument)
    return found


def _whole_and_appended(
    folder: Path, table: str, part: SourceSlice, read: Read, instrument: Instrument
) -> dict[str, float]:
    lake, key = Lake(folder / "lake"), PartitionKey(INSTRUMENT, part.session)
    before = replace(part, last_record=part.last_record - GROWTH_RECORDS)
    new = replace(part, first_record=before.last_record)
    earlier = slice_fingerprint(before)
    written = lake.write(table, key, 1, read([before], instrument))

    def appended() -> pl.DataFrame:
        # The same guarantee as reading whole: the earlier bytes are what they were.
        assert slice_fingerprint(before) == earlier
        stored = lake.read(table, key, 1, written.fingerprint)
        return conform(table, pl.concat([stored, read([new], instrument)]).rechunk())

    def whole() -> pl.DataFrame:
        return read([part], instrument)

    assert appended().equals(whole())
    seconds = cpu_seconds({"whole": whole, "appended": appended}, ROUNDS)
    ratio = round(seconds["appended"] / seconds["whole"], 2)
    return {"records": part.records, **seconds, "appended_over_whole": ratio}


def main() -> None:
    """Run the benchmark and print its document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--records", type=int, default=1_000_000)
    asked = parser.parse_args()
    measured = machine()
    with tempfile.TemporaryDirectory(prefix="zanzibar-watching-") as folder:
        document = {
            "simulated": True,
            "looks": looks(Path(folder), asked.files, 20_000),
            "growth": growth(Path(folder), asked.records),
            "machine": measured,
        }
    print(json.dumps(document, indent=2))  # noqa: T201 - the document is this script's result


if __name__ == "__main__":
    main()
