"""Backfill of simulated sessions: time in Dagster and in our code; kill -9 in the middle, again.

Run:  python -m zanzibar_assets_tests.benchmarks.backfill --sessions 60 --folder FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.build import simulate
from zanzibar_assets.simulator.options import SimulatorOptions

NAMES = ("SIM_ES", "SIM_NQ")
VARYING = ("run_id", "written_us")


def command(sierra: Path, sessions: list[str]) -> list[str]:
    """The backfill command over the whole range."""
    chosen = [part for name in NAMES for part in ("--instrument", name)]
    dates = ["--from", sessions[0], "--to", sessions[-1]]
    start = [sys.executable, "-m", "zanzibar_assets.cli", "backfill"]
    return [*start, *chosen, *dates, "--sierra-data", str(sierra), "--json"]


def environment(home: Path) -> dict[str, str]:
    """Environment of a run in a home of its own."""
    return {**os.environ, "ZANZIBAR_HOME": str(home)}


def prepare(home: Path, sierra: Path) -> None:
    """A home that reads the simulated narratives."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "zanzibar.yaml").write_text(f"inbox_dir: {sierra / 'inbox'}\n", encoding="utf-8")


def undisturbed(home: Path, sierra: Path, sessions: list[str]) -> dict[str, object]:
    """Run to the end; the command's own document."""
    prepare(home, sierra)
    done = subprocess.run(
        command(sierra, sessions), env=environment(home), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"backfill failed: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    document: dict[str, object] = json.loads(done.stdout)
    return document


def killed(home: Path, sierra: Path, sessions: list[str], after_partitions: int) -> int:
    """Start, SIGKILL once that many partitions are stored; how many were."""
    prepare(home, sierra)
    process = subprocess.Popen(
        command(sierra, sessions), env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    stored = 0
    while process.poll() is None and stored < after_partitions:
        time.sleep(0.05)
        stored = sum(1 for _ in (home / "lake").rglob("part.parquet"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    return stored


def lake_bytes(home: Path) -> dict[str, bytes]:
    """Every file of the lake by its path."""
    root = home / "lake"
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def metadata(home: Path) -> list[tuple[object, ...]]:
    """Every row of the manifest but for run ids and times."""
    with sqlite3.connect(home / "zanzibar.sqlite") as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(partitions)")]
        kept = ", ".join(name for name in names if name not in VARYING)
        return sorted(connection.execute(f"SELECT {kept} FROM partitions").fetchall(), key=repr)


def compare(first: Path, second: Path) -> dict[str, object]:
    """Whether two homes hold the same bytes and the same metadata."""
    a, b = lake_bytes(first), lake_bytes(second)
    different = sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))
    return {
        "files": len(a),
        "different_files": different[:10],
        "metadata_rows": len(metadata(first)),
        "metadata_equal": metadata(first) == metadata(second),
    }


def main() -> None:
    """Run the benchmark and print its document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--trades", type=int, default=6_000)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder for files and homes")
    asked = parser.parse_args()
    folder: Path = asked.folder.resolve()
    known = load_instruments()
    options = SimulatorOptions(trades_per_session=asked.trades)
    made = simulate(folder / "sierra", [known[n] for n in NAMES], asked.sessions, 7, options)
    sessions = sorted(made.sessions)
    whole = undisturbed(folder / "whole", folder / "sierra", sessions)
    half = int(str(whole["partitions"])) // 2
    stored = killed(folder / "killed", folder / "sierra", sessions, half)
    resumed = undisturbed(folder / "killed", folder / "sierra", sessions)
    seconds, ours = float(str(whole["seconds"])), float(str(whole["seconds_in_builders"]))
    partitions = int(str(whole["partitions"]))
    print(  # noqa: T201 - the document is this script's result
        json.dumps(
            {
                "sessions": len(sessions),
                "partitions": partitions,
                "seconds": seconds,
                "ours_ms_per_partition": round(ours / partitions * 1e3, 2),
                "dagster_ms_per_partition": round((seconds - ours) / partitions * 1e3, 2),
                "killed_after": stored,
                "resumed": {k: resumed[k] for k in ("built", "up_to_date", "failed", "seconds")},
                "comparison": compare(folder / "whole", folder / "killed"),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
