"""What happens to stored partitions when the machine fails: kills, full disks, flipped bytes; as JSON.

Run:  python -m zanzibar_assets_tests.benchmarks.store_faults [--kills 60] [--flips 200]
Needs root for the small disk; PostgreSQL is tried where a server is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import psycopg2

from zanzibar_assets.errors import CorruptPartition, MissingInput, StoreError
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake, fingerprint_bytes
from zanzibar_assets.store.partition_store import PartitionStore
from zanzibar_assets.store.postgres import PostgresStore
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets_tests.builders.postgres_server import Server, server_programs

KEY = PartitionKey("ES", "2025-01-06")
LAKE_OPENING = "from zanzibar_assets.store.lake import Lake\nstore = Lake(Path({!r}))"
POSTGRES_OPENING = (
    "from zanzibar_assets.store.postgres import PostgresStore\n"
    "from zanzibar_assets.store.postgres_link import PostgresLink\n"
    "store = PostgresStore(PostgresLink({!r}), {!r})"
)
WRITER = """
import sys
from pathlib import Path
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets_tests.benchmarks.store_faults import KEY, noise
{opening}
number, rows = int(sys.argv[1]), int(sys.argv[2])
store.write("warm", KEY, 1, noise(10, number))
print("writing", flush=True)
while True:
    number += 1
    store.write("bars", KEY, 1, noise(rows, number))
    print(number, flush=True)
"""


def noise(rows: int, seed: int) -> pl.DataFrame:
    """Rows that no compression makes small; another frame for every seed."""
    return pl.DataFrame({"a": np.random.default_rng(seed).integers(0, 2**62, rows), "seed": [seed] * rows})


def kills(
    store: PartitionStore, opening: str, rows: int, times: int, seconds: float, seed: int = 7
) -> dict[str, int]:
    """Writers killed at random instants: what stands afterwards, by its meaning.

    ``old``/``new``: the current partition is the last one that the writer told of, or the next one;
    ``torn``: anything else. ``lost`` counts those of the last replaced ones that cannot be read.
    """
    dice, found, number = random.Random(seed), Counter({"old": 0, "new": 0, "torn": 0, "lost": 0}), 0
    store.write("bars", KEY, 1, noise(rows, 0))
    for _ in range(times):
        told = _killed_writer(opening, rows, number, dice.uniform(0.0, seconds))
        known = {n: _fingerprint(store, rows, n) for n in range(max(0, told - 5), told + 2)}
        standing = next((n for n in (told, told + 1) if _is_current(store, known[n])), None)
        whole = standing is not None and _is(store, rows, standing, known[standing])
        found["torn" if not whole else "old" if standing == told else "new"] += 1
        number = told if standing is None else standing
        found["lost"] += sum(not _is(store, rows, n, known[n]) for n in known if n <= number)
        store.sweep()
    return {"killed": times, "written": number, **found}


def _is_current(store: PartitionStore, fingerprint: str) -> bool:
    if isinstance(store, Lake):
        return fingerprint_bytes(store.path("bars", KEY, 1).read_bytes()) == fingerprint
    return store.exists("bars", KEY, 1, fingerprint)


def _killed_writer(opening: str, rows: int, number: int, seconds: float) -> int:
    """Start a writer, kill it after a while; the last partition that it told of."""
    text = WRITER.format(opening=opening)
    command = [sys.executable, "-c", text, str(number), str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().splitlines()
    return max([number, *(int(line) for line in lines if line.isdigit())])


def _fingerprint(store: PartitionStore, rows: int, number: int) -> str:
    """Fingerprint of a frame in this kind of store, told by a partition that nobody else writes."""
    return store.write("told", KEY, 1, noise(rows, number)).fingerprint


def _is(store: PartitionStore, rows: int, number: int, fingerprint: str) -> bool:
    try:
        return store.read("bars", KEY, 1, fingerprint).equals(noise(rows, number))
    except StoreError:
        return False


def full_disk(store: PartitionStore, rows: int) -> dict[str, object]:
    """Ever more rows until the disk is full: the old partition stays, the error says why."""
    old = noise(100, 1)
    written = store.write("bars", KEY, 1, old)
    message = ""
    try:
        store.write("bars", KEY, 1, noise(rows, 2))
    except StoreError as error:
        message = str(error)
    kept = store.read("bars", KEY, 1, written.fingerprint).equals(old)
    return {"refused": bool(message), "old_partition_whole": kept, "message": message}


def lake_flips(folder: Path, times: int, seed: int = 7) -> dict[str, int]:
    """One bit flipped at a random place of the file, ``times`` times: how many reads noticed."""
    lake, dice = Lake(folder), random.Random(seed)
    written = lake.write("bars", KEY, 1, noise(5_000, 1))
    path = lake.path("bars", KEY, 1)
    content, caught = path.read_bytes(), 0
    assert fingerprint_bytes(content) == written.fingerprint
    for _ in range(times):
        damaged = bytearray(content)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        path.write_bytes(bytes(damaged))
        caught += _notices(lambda: lake.read("bars", KEY, 1, written.fingerprint))
    path.write_bytes(content)
    assert not _notices(lambda: lake.read("bars", KEY, 1, written.fingerprint))
    return {"flipped": times, "caught": caught}


def _notices(read: Callable[[], object]) -> bool:
    try:
        read()
    except (CorruptPartition, MissingInput):
        return True
    return False


def postgres_flips(server: Server, times: int, seed: int = 7) -> dict[str, object]:
    """One bit flipped in the table's file while the server is down: who noticed, or that nothing changed.

    The hole between a page's line pointers and its rows holds nothing and is zero; PostgreSQL's
    checksum covers it all the same.
    """
    dice, found = random.Random(seed), Counter({"by_checksum": 0, "by_our_hash": 0, "unseen": 0})
    store = PostgresStore(PostgresLink(server.url), "flips")
    frame = noise(5_000, 1)
    written = store.write("bars", KEY, 1, frame)
    path = _heap_file(server, "flips.bars_v1")
    store.close()
    server.shut_down()
    content = path.read_bytes()
    for _ in range(times):
        damaged = bytearray(content)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        path.write_bytes(bytes(damaged))
        server.start()
        found[_who_notices(store, written.fingerprint, frame)] += 1
        store.close()
        server.shut_down()
    path.write_bytes(content)
    server.start()
    assert store.read("bars", KEY, 1, written.fingerprint).equals(frame)
    store.close()
    return {"flipped": times, "caught": found["by_checksum"] + found["by_our_hash"], **found}


def _who_notices(store: PartitionStore, fingerprint: str, frame: pl.DataFrame) -> str:
    try:
        found = store.read("bars", KEY, 1, fingerprint)
    except CorruptPartition as error:
        return "by_checksum" if "damaged page" in str(error) else "by_our_hash"
    return "nothing_changed" if found.equals(frame) else "unseen"


def _heap_file(server: Server, table: str) -> Path:
    link = psycopg2.connect(server.url.replace("+psycopg2", ""))
    try:
        with link, link.cursor() as cursor:
            asked = "SELECT pg_relation_filepath(inhrelid) FROM pg_inherits WHERE inhparent = %s::regclass"
            cursor.execute(asked, (table,))
            return server.data / str(cursor.fetchone()[0])
    finally:
        link.close()


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path | None]:
    """A memory disk of that size; None where none can be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="zdisk-"))
    asks = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    mounted = (
        shutil.which("mount") is not None
        and subprocess.run(asks, check=False, capture_output=True).returncode == 0
    )
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def postgres_full_disk(server: Server) -> dict[str, object]:
    """Tables on a tablespace on a small disk: the write is refused, the server and the old rows live."""
    with small_disk(4) as folder:
        if folder is None:
            return {"not_tried": "no right to mount a small disk"}
        space = folder / "space"
        space.mkdir()
        shutil.chown(space, *_owner(server.data))
        store = PostgresStore(PostgresLink(server.url), "small_disk")
        with _superuser(server) as run:
            run(f"CREATE TABLESPACE small LOCATION '{space}'")
            run("ALTER ROLE CURRENT_USER SET default_tablespace = small")
        try:
            found = full_disk(store, 200_000)
            again = store.write("bars", KEY, 1, noise(50, 3))
            found["written_again"] = store.read("bars", KEY, 1, again.fingerprint).height == 50
            return found
        finally:
            store.close()
            with _superuser(server) as run:
                run("ALTER ROLE CURRENT_USER RESET default_tablespace")
                run("DROP SCHEMA small_disk CASCADE")
                run("DROP TABLESPACE small")


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


@contextlib.contextmanager
def _superuser(server: Server) -> Iterator[Callable[[str], None]]:
    link = psycopg2.connect(server.url.replace("+psycopg2", ""))
    link.autocommit = True
    try:
        with link.cursor() as cursor:
            yield cursor.execute
    finally:
        link.close()


def of_lake(folder: Path, times: int, flips: int) -> dict[str, object]:
    """All faults on the Parquet lake."""
    root = folder / "killed"
    found: dict[str, object] = {
        "kill": kills(Lake(root), LAKE_OPENING.format(str(root)), 50_000, times, 0.25),
        "flipped_bits": lake_flips(folder / "flipped", flips),
    }
    with small_disk(2) as disk:
        found["full_disk"] = (
            full_disk(Lake(disk / "lake"), 500_000)
            if disk
            else {"not_tried": "no right to mount a small disk"}
        )
    return found


def of_postgres(server: Server, times: int, flips: int) -> dict[str, object]:
    """All faults on PostgreSQL; kills are of the writing client."""
    store = PostgresStore(PostgresLink(server.url), "killed")
    opening = POSTGRES_OPENING.format(server.url, "killed")
    killed = kills(store, opening, 20_000, times, 1.0)
    store.close()
    full = postgres_full_disk(server)
    return {"kill": killed, "full_disk": full, "flipped_bits": postgres_flips(server, flips)}


def main() -> None:
    """Try everything and print one document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--flips", type=int, default=200)
    asked = parser.parse_args()
    document: dict[str, object] = {"load_average": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory(prefix="zfaults-") as folder:
        document["lake"] = of_lake(Path(folder), asked.kills, asked.flips)
    programs = server_programs()
    if programs is None:
        document["postgresql"] = "not tried: no PostgreSQL server is installed here"
    else:
        server = Server(programs)
        try:
            server.start()
            document["postgresql"] = of_postgres(server, asked.kills, asked.flips)
        finally:
            server.stop()
    print(json.dumps(document, indent=2))  # noqa: T201 - the document is this script's result


if __name__ == "__main__":
    main()
