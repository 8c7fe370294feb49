from __future__ import annotations

import os
import subprocess
import sys

import polars as pl
import pytest

from zanzibar_assets.errors import CorruptPartition, MissingInput
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import TEMPORARY_SUFFIX, Lake

KEY = PartitionKey("ES", "2025-01-06")
FRAME = pl.DataFrame({"a": list(range(1000)), "b": [x / 7 for x in range(1000)]})


def test_what_is_written_is_read(tmp_path):
    lake = Lake(tmp_path)
    written = lake.write("bars", KEY, 1, FRAME)
    assert written.rows == 1000
    assert lake.read("bars", KEY, 1, written.fingerprint).equals(FRAME)


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    first = Lake(tmp_path / "a").write("bars", KEY, 1, FRAME)
    second = Lake(tmp_path / "b").write("bars", KEY, 1, FRAME.clone())
    assert first == second
    changed = FRAME.with_columns(pl.col("b") + 1e-9)
    assert Lake(tmp_path / "c").write("bars", KEY, 1, changed).fingerprint != first.fingerprint


@pytest.mark.parametrize("position", [4, 200, -9])
def test_a_flipped_bit_is_found(tmp_path, position):
    lake = Lake(tmp_path)
    written = lake.write("bars", KEY, 1, FRAME)
    path = lake.path("bars", KEY, 1)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CorruptPartition, match="not what was written"):
        lake.read("bars", KEY, 1, written.fingerprint)


def test_a_file_that_is_gone_is_named(tmp_path):
    lake = Lake(tmp_path)
    written = lake.write("bars", KEY, 1, FRAME)
    lake.path("bars", KEY, 1).unlink()
    with pytest.raises(MissingInput, match="its file is gone"):
        lake.read("bars", KEY, 1, written.fingerprint)


def test_sweep_removes_what_dead_writers_left_and_nothing_else(tmp_path):
    lake = Lake(tmp_path)
    lake.write("bars", KEY, 1, FRAME)
    folder = lake.path("bars", KEY, 1).parent
    asks = [sys.executable, "-c", "import os; print(os.getpid())"]
    done = subprocess.run(asks, capture_output=True, check=True)
    dead = folder / f"part.parquet.{int(done.stdout)}{TEMPORARY_SUFFIX}"
    mine = folder / f"part.parquet.{os.getpid()}{TEMPORARY_SUFFIX}"
    dead.write_bytes(b"torn")
    mine.write_bytes(b"being written")
    assert lake.sweep() == 1
    assert not dead.exists()
    assert mine.exists()
    assert lake.path("bars", KEY, 1).exists()


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
import polars as pl
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake

lake, key = Lake(Path(sys.argv[1])), PartitionKey("ES", "2025-01-06")
real = os.fsync
def killed(handle):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = killed
lake.write("bars", key, 1, pl.DataFrame({"a": [1], "b": [2.0]}))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL is a POSIX signal")
def test_a_killed_writer_leaves_the_old_partition(tmp_path):
    lake = Lake(tmp_path)
    written = lake.write("bars", KEY, 1, FRAME)
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert lake.read("bars", KEY, 1, written.fingerprint).equals(FRAME)
    assert lake.sweep() == 1
