"""Live tailing: a hostile writer, a reader that is killed and restarted; rows lost, doubled, bytes differing.

Run:  python -m zanzibar_assets_tests.benchmarks.tailing --runs 100
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

TRADES = 500
PAUSE_SECONDS = 0.015
KILL_AFTER_SECONDS = (0.02, 0.5)
LIMIT_SECONDS = 120.0
MOST_KILLS = 60
MODULES = [
    "zanzibar_assets_tests.benchmarks.tailing_reader",
    "zanzibar_assets_tests.benchmarks.tailing_warm",
]


def processes() -> Any:
    """Processes that fork from one which has imported everything and computed nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    return context


def one_run(
    folder: Path, seed: int, *, hostile: bool = True, trades: int = TRADES, most_kills: int = MOST_KILLS
) -> dict[str, Any]:
    """One seeded run in an empty folder: counts of what the writer did, kills, and the comparison."""
    from zanzibar_assets_tests.benchmarks import tailing_reader, tailing_writer

    rng = np.random.default_rng([seed, 1])
    context = processes()
    sierra, home = folder / "sierra", folder / "home"
    clock, done = folder / "clock", folder / "done.json"
    sierra.mkdir(parents=True)
    home.mkdir()
    instruments = tailing_reader.write_instruments(folder / "instruments.yaml")
    grow = (sierra, clock, done, seed, trades, PAUSE_SECONDS, hostile)
    writer = context.Process(target=tailing_writer.write, args=grow)
    writer.start()
    try:
        _wait_for(clock)
        follow = (home, sierra, instruments, clock, done)
        pauses = iter(rng.uniform(*KILL_AFTER_SECONDS, size=most_kills).tolist())
        kills, starts = _kill_and_restart(context, tailing_reader.read, follow, home / "finished", pauses)
    finally:
        writer.join()
    said = json.loads(done.read_text(encoding="utf-8"))
    runs = tailing_reader.Runs(home / "runs.jsonl")
    return {
        "seed": seed,
        "hostile": hostile,
        "kills": kills,
        "reader_starts": starts,
        "builds_asked": len(runs.queued),
        "builds_killed": runs.cut,
        **said["counts"],
        **compare(folder, home, instruments, clock, said["records"]),
    }


def _kill_and_restart(
    context: Any, target: Any, arguments: Any, finished: Path, pauses: Iterator[float]
) -> tuple[int, int]:
    """Start the reader, SIGKILL it after a pause, again and again until it ends by itself."""
    began, kills, starts = time.monotonic(), 0, 0
    while not finished.exists():
        if time.monotonic() - began > LIMIT_SECONDS:
            raise SystemExit(f"the reader did not come to its end within {LIMIT_SECONDS:.0f} s")
        reader: BaseProcess = context.Process(target=target, args=arguments)
        reader.start()
        starts += 1
        # Every kill leaves more time to the next reader, so that one comes to its end.
        reader.join(next(pauses, LIMIT_SECONDS) * (1 + kills / 10))
        if reader.exitcode is None:
            reader.kill()
            reader.join()
            kills += 1
        elif reader.exitcode != 0:
            raise SystemExit(f"the reader ended with exit code {reader.exitcode}")
    return kills, starts


def _wait_for(path: Path) -> None:
    began = time.monotonic()
    while not path.exists():
        if time.monotonic() - began > LIMIT_SECONDS:
            raise SystemExit(f"{path.name} was not written")
        time.sleep(0.01)


def compare(
    folder: Path, home: Path, instruments: Path, clock: Path, records: dict[str, int]
) -> dict[str, Any]:
    """Stored partitions beside a one-pass build of the finished files in a home of its own."""
    from zanzibar_assets.store.source_audit import RAW_TABLES
    from zanzibar_assets_tests.benchmarks.tailing_reader import open_workspace

    fresh = folder / "one_pass"
    fresh.mkdir()
    whole = open_workspace(fresh, folder / "sierra", instruments, clock)
    tailed = open_workspace(home, folder / "sierra", instruments, clock)
    found: Counter[str] = Counter(rows=0, lost=0, doubled=0, other_bytes=0, partitions=0)
    for table in RAW_TABLES:
        for key, outcome in _built(whole, table):
            found.update(_compared(whole, tailed, table, key, outcome))
    for _, kind, _ in tailed.alerts_since(0):
        found[f"alerts_{kind}"] += 1
    found["lost"] += max(0, sum(records.values()) - found["rows"])
    for workspace in (whole, tailed):
        workspace.database.close()
    return dict(found)


def _built(workspace: Any, table: str) -> Iterator[tuple[Any, Any]]:
    from zanzibar_assets.orchestration.table_asset import SPECS
    from zanzibar_assets.store.builder import build_partition
    from zanzibar_assets.store.keys import PartitionKey

    for instrument in workspace.active_instruments():
        for session in workspace.sources.sessions(instrument):
            key = PartitionKey(instrument.id, session)
            yield key, build_partition(workspace, SPECS[table], key)


def _compared(whole: Any, tailed: Any, table: str, key: Any, outcome: Any) -> dict[str, int]:
    """Rows of the one-pass build that are not stored, stored rows that it does not have, differing bytes."""
    record = tailed.manifest.get(table, key)
    expected = outcome.frame
    if record is None or record.fingerprint is None:
        return {"rows": expected.height, "lost": expected.height, "other_bytes": 1, "partitions": 1}
    stored = tailed.lake.read(table, key, record.schema_version, record.fingerprint)
    lost, doubled = rows_apart(expected, stored)
    version = record.schema_version
    paths = [Path(workspace.lake.location(table, key, version)) for workspace in (whole, tailed)]
    return {
        "rows": expected.height,
        "lost": lost,
        "doubled": doubled,
        "other_bytes": int(paths[0].read_bytes() != paths[1].read_bytes()),
        "partitions": 1,
    }


def rows_apart(expected: Any, stored: Any) -> tuple[int, int]:
    """Expected rows that are not stored, and stored rows beyond those."""
    lost = expected.join(stored, on=expected.columns, how="anti", nulls_equal=True).height
    return lost, stored.height - (expected.height - lost)


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over the runs; ``clean`` runs lost, doubled and changed nothing."""
    sums: Counter[str] = Counter()
    for result in results:
        sums.update({name: count for name, count in result.items() if name not in ("seed", "hostile")})
    clean = [r for r in results if not (r["lost"] or r["doubled"] or r["other_bytes"])]
    unclean = [r["seed"] for r in results if r not in clean]
    hostile = sum(r["hostile"] for r in results)
    return {"runs": len(results), "hostile_runs": hostile, "clean": len(clean), "unclean": unclean, **sums}


def main() -> None:
    """Run the benchmark and print its document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--trades", type=int, default=TRADES)
    asked = parser.parse_args()
    results = []
    began = time.monotonic()
    for seed in range(asked.first_seed, asked.first_seed + asked.runs):
        folder = Path(tempfile.mkdtemp(prefix="zanzibar-tailing-"))
        # Every fourth run is of a writer that only appends and rewrites its last bar.
        result = one_run(folder, seed, hostile=seed % 4 != 0, trades=asked.trades)
        results.append(result)
        if not (result["lost"] or result["doubled"] or result["other_bytes"]):
            shutil.rmtree(folder)
    document = {"simulated": True, "seconds": round(time.monotonic() - began, 1), **summary(results)}
    print(json.dumps(document, indent=2))  # noqa: T201 - the document is this script's result


if __name__ == "__main__":
    main()
