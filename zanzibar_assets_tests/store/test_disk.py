"""What the disk refuses is said in plain words, and the old partition stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store import disk
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake

resource = pytest.importorskip("resource", reason="limits on files are POSIX")
KEY = PartitionKey("ES", "2025-01-06")
SMALL = pl.DataFrame({"a": list(range(100))})


def noise(rows):
    """Rows that do not compress."""
    return pl.DataFrame({"a": np.random.default_rng(1).integers(0, 2**62, rows)})


@pytest.fixture
def small_files(tmp_path):
    """Files of at most 64 kB, as the system's limit has it: EFBIG instead of its signal."""
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_the_disk_cuts_short_leaves_the_old_partition(tmp_path, small_files):
    lake = Lake(tmp_path)
    written = lake.write("bars", KEY, 1, SMALL)
    with pytest.raises(StoreError, match=r"writing bars ES\|2025-01-06 was not done: the file is larger"):
        lake.write("bars", KEY, 1, noise(50_000))
    assert lake.read("bars", KEY, 1, written.fingerprint).equals(SMALL)
    assert lake.kept("bars", KEY, 1) == []
    assert not list(tmp_path.rglob("*.partial"))


@pytest.fixture
def small_disk(tmp_path):
    """A memory disk of one megabyte; only root may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(options, check=False, capture_output=True).returncode
    ):
        pytest.skip("no right to mount a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_keeps_the_old_partition(small_disk):
    lake = Lake(small_disk / "lake")
    written = lake.write("bars", KEY, 1, SMALL)
    with pytest.raises(StoreError, match="the disk is full") as caught:
        lake.write("bars", KEY, 1, noise(500_000))
    assert str(small_disk) in str(caught.value)
    assert "free space" in caught.value.action
    assert lake.read("bars", KEY, 1, written.fingerprint).equals(SMALL)
    again = lake.write("bars", KEY, 1, noise(1_000))
    assert lake.read("bars", KEY, 1, again.fingerprint).equals(noise(1_000))
    assert lake.read("bars", KEY, 1, written.fingerprint).equals(SMALL)


def test_a_read_only_disk_is_named(small_disk):
    lake = Lake(small_disk / "lake")
    written = lake.write("bars", KEY, 1, SMALL)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="mounted read-only"):
        lake.write("bars", KEY, 1, noise(10))
    assert lake.read("bars", KEY, 1, written.fingerprint).equals(SMALL)


CLOSED = """
import os, sys
from pathlib import Path
import polars as pl
from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
key, frame = PartitionKey("ES", "2025-01-06"), pl.DataFrame({"a": [1]})
Lake(Path(sys.argv[2])).write("bars", key, 1, frame)  # every library is loaded
if os.geteuid() == 0:
    os.setuid(65534)
try:
    Lake(Path(sys.argv[1])).write("bars", key, 1, frame)
except StoreError as error:
    print(error)
"""


def test_a_folder_that_is_closed_to_us_is_named(tmp_path):
    folder = tmp_path / "lake"
    folder.mkdir()
    folder.chmod(0o555)
    tmp_path.chmod(0o755)
    asks = [sys.executable, "-c", CLOSED, str(folder), str(tmp_path / "open")]
    done = subprocess.run(asks, capture_output=True, text=True, check=False)
    assert "no right to write there" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "x"), OSError("failed to write: No space left on device (os error 28)")],
    ids=["with number", "number in the text"],
)
def test_a_full_disk_is_known_however_a_library_says_it(error, tmp_path):
    with pytest.raises(StoreError, match="the disk is full"), disk.explained("writing", tmp_path):
        raise error


def test_other_errors_pass(tmp_path):
    with pytest.raises(FileNotFoundError), disk.explained("reading", tmp_path):
        (tmp_path / "nothing").read_bytes()


def test_where_links_are_not_known_the_bytes_are_copied(tmp_path, monkeypatch):
    def refuse(*names):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    lake = Lake(tmp_path)
    old = lake.write("bars", KEY, 1, SMALL)
    lake.write("bars", KEY, 1, noise(10))
    assert lake.read("bars", KEY, 1, old.fingerprint).equals(SMALL)
