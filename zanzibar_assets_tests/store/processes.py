"""Several real processes that do the same thing to a metadata database at the same moment."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPENING = """
import sys
from pathlib import Path
from zanzibar_assets.store import migration, schema, upsert
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets.store.places import PostgresSchema, SqliteFile
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets_tests.reporting.frames import record
number = int(sys.argv[1])
place = {place}
print('ready', flush=True)
sys.stdin.readline()
"""


def place_text(place, url=""):
    """Python text that makes the same place in another process."""
    if place.kind == "sqlite":
        return f"SqliteFile(Path({str(place.path)!r}))"
    return f"PostgresSchema(PostgresLink({url!r}), {place.schema!r})"


def run_at_once(place, url, program, count):
    """Run a program in several processes that start it together; returns what each printed.

    Raises AssertionError with the process's own words when one of them fails.
    """
    text = OPENING.replace("{place}", place_text(place, url)) + program
    with ExitStack() as stack:
        started = [stack.enter_context(_started(text, number)) for number in range(count)]
        for process in started:
            assert process.stdout.readline() == "ready\n", process.communicate()[1]
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        printed = [process.communicate(timeout=120) for process in started]
    for process, (_, problem) in zip(started, printed, strict=True):
        assert process.returncode == 0, problem
    return [out for out, _ in printed]


@contextmanager
def _started(text, number):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", text, str(number)],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
