"""The reader of the tailing test: the watch of the files sensor and the builds that it asks for.

Everything is the production code but for Dagster, whose part is played by a file of lines: a run
key is queued once, ever; a queued run is started when the process comes back; a run whose process
was killed counts as finished. The cursor is kept after the runs were queued, as the daemon does.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Literal

import yaml

from zanzibar_assets.config import load_config
from zanzibar_assets.instruments import DEFAULT_FILE
from zanzibar_assets.orchestration.assets import ingestion
from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.store.builder import build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.source_audit import RAW_TABLES
from zanzibar_assets.store.source_watch import look, restore
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets_tests.benchmarks.tailing_writer import BAR_SYMBOL, BARS, TICKS

assert {asset.key.to_user_string() for asset in (ingestion.raw_ticks, ingestion.raw_depth)} == set(RAW_TABLES)
QUIET_LOOKS = 3
"""Looks in a row that find nothing, with the market over, before the reader is done."""


def write_instruments(path: Path) -> Path:
    """The packaged instruments and one of simulated bar records."""
    known = yaml.safe_load(DEFAULT_FILE.read_text(encoding="utf-8"))
    bars = dict(known["instruments"][TICKS])
    source = {**bars["sources"][0], "pattern": f"^{BAR_SYMBOL}$", "records": "bars"}
    known["instruments"][BARS] = bars | {"sources": [source], "name": "Simulated five-minute bars"}
    path.write_text(yaml.safe_dump(known), encoding="utf-8")
    return path


def open_workspace(home: Path, folder: Path, instruments: Path, clock: Path) -> Workspace:
    """A home over the folder; its clock is the writer's market time, and never stands still."""
    config = load_config(
        home, sierra_dir=folder, instruments_file=instruments, instruments=[TICKS, BARS]
    )  # fmt: skip

    def clock_us() -> int:
        # Microseconds of the day keep two builds at one market time apart, as a real clock would.
        return int(clock.read_text(encoding="utf-8")) + time.time_ns() // 1_000 % 86_400_000_000 // 1_000

    return Workspace(config, clock_us)


class Runs:
    """Dagster's part: queued and ended runs, one line each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.queued: dict[str, str] = {}
        self.started: set[str] = set()
        self.ended: set[str] = set()
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in lines:
            self._note(line)
        self.cut = len(self.started - self.ended)
        self.ended |= self.started  # their process is gone

    def _note(self, line: str) -> None:
        try:
            what, run_key, key = json.loads(line)
        except ValueError:  # the kill cut the last line: it was not said
            return
        if what == "queued":
            self.queued[run_key] = key
        else:
            (self.started if what == "started" else self.ended).add(run_key)

    def say(self, what: str, run_key: str, key: str) -> None:
        line = json.dumps([what, run_key, key])
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write("\n" + line)
        self._note(line)

    def queue(self, run_key: str, key: PartitionKey) -> None:
        if run_key not in self.queued:
            self.say("queued", run_key, str(key))

    def states(self, run_keys: list[str]) -> dict[str, Literal["running", "finished"]]:
        return {
            name: "finished" if name in self.ended else "running" for name in run_keys if name in self.queued
        }

    @property
    def waiting(self) -> list[tuple[str, str]]:
        return [(name, key) for name, key in self.queued.items() if name not in self.started]


def read(home: Path, folder: Path, instruments: Path, clock: Path, done: Path) -> None:
    """Process: look, queue, keep the cursor, build; ends when the writer did and nothing is left to do."""
    cursor_file = home / "cursor.json"
    runs = Runs(home / "runs.jsonl")
    quiet = 0
    while quiet < QUIET_LOOKS:
        over = done.exists()
        workspace = open_workspace(home, folder, instruments, clock)
        text = cursor_file.read_text(encoding="utf-8") if cursor_file.exists() else None
        found = look(workspace, restore(workspace, text), runs.states, pause_us=1)
        for request in found.requests:
            runs.queue(request.run_key, request.key)
        temporary = cursor_file.with_suffix(".tmp")
        temporary.write_text(found.cursor.to_text(), encoding="utf-8")
        temporary.replace(cursor_file)
        for run_key, key in runs.waiting:
            runs.say("started", run_key, key)
            step = open_workspace(home, folder, instruments, clock)
            for table in RAW_TABLES:
                build_partition(step, SPECS[table], PartitionKey.parse(key))
            step.database.close()
            runs.say("ended", run_key, key)
        workspace.database.close()
        idle = not found.requests and not found.cursor.asked and not found.left
        quiet = quiet + 1 if over and idle else 0
        time.sleep(0.005)
    (home / "finished").touch()
