"""The depth archive: only files at rest, read back, never overwritten, bit for bit when restored."""

import json
import os
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import StoreError, UsageError
from zanzibar_assets.ingestion import depth_archive_files
from zanzibar_assets.ingestion.depth_archive import (
    archive_depth,
    archived_files,
    restore,
    unarchived,
    versions_of,
)
from zanzibar_assets.ingestion.sources import find_sources
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.vocabulary import to_us
from zanzibar_assets_tests.builders.sierra import depth, us, write_depth
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

NAME = "ESH24-CME.2024-01-03.depth"
LATER = us("2024-01-05T12:00:00")
WRITTEN = to_us(datetime(2024, 1, 4, 0, 0, 3, tzinfo=UTC)) * 1_000


@pytest.fixture
def source(tmp_path):
    (tmp_path / "sierra").mkdir()
    path = write_depth(
        tmp_path / "sierra" / NAME,
        *(depth(f"2024-01-03T15:00:{n:02d}", 2, 100.0, n + 1, flags=1) for n in range(50)),
    )
    os.utime(path, ns=(WRITTEN, WRITTEN))
    return path


def test_what_is_archived_comes_back_bit_for_bit(source, tmp_path):
    archive, content = tmp_path / "archive", source.read_bytes()
    (note,) = archive_depth([source], archive, LATER).archived
    assert (note.version, note.bytes, note.symbol) == (1, len(content), "ESH24-CME")
    assert note.archived_at == "2024-01-05T12:00:00Z"
    stored = archive / "ESH24-CME" / f"{NAME}.zst"
    assert note.compressed_bytes == stored.stat().st_size < len(content)
    source.unlink()
    back = restore(archive, NAME, tmp_path / "back")
    assert (back.read_bytes(), back.stat().st_mtime_ns) == (content, WRITTEN)
    assert restore(archive, NAME, tmp_path / "back") == back  # there already, and the same
    assert not list(tmp_path.rglob("*.part"))


@given(st.binary(min_size=1, max_size=400), st.integers(1, 50))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_any_bytes_come_back_at_any_block_size(tmp_path_factory, content, block):
    folder = tmp_path_factory.mktemp("any")
    path = folder / NAME
    path.write_bytes(content)
    os.utime(path, ns=(WRITTEN, WRITTEN))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(depth_archive_files, "BLOCK_BYTES", block)
        archive_depth([path], folder / "archive", LATER)
        assert restore(folder / "archive", NAME, folder / "out").read_bytes() == content


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ("2024-01-03T23:59:59", "still growing"),
        ("2024-01-04T00:09:00", "written to less than ten minutes ago: looked at again next time"),
        ("2024-01-04T00:10:04", None),
    ],
)
def test_only_files_at_rest_are_taken(source, tmp_path, now, reason):
    done = archive_depth([source], tmp_path / "archive", us(now))
    assert done.left == (((NAME, reason),) if reason else ())
    assert len(done.archived) == (reason is None)


def test_other_files_are_none_of_its_business(tmp_path):
    for name in ("ESH24-CME.scid", "ESH24-CME.depth", "ESH24-CME.2024-13-40.depth"):
        (tmp_path / name).write_bytes(b"x")
    done = archive_depth(tmp_path.iterdir(), tmp_path / "archive", LATER)
    assert (done.archived, done.left) == ((), ())


def test_a_second_run_does_nothing_and_a_touched_file_is_known_by_its_bytes(source, tmp_path):
    archive = tmp_path / "archive"
    archive_depth([source], archive, LATER)
    before = sorted((p, p.stat().st_mtime_ns) for p in archive.rglob("*") if p.is_file())
    assert archive_depth([source], archive, LATER).unchanged == (NAME,)
    os.utime(source, ns=(WRITTEN + 5, WRITTEN + 5))
    assert archive_depth([source], archive, LATER).unchanged == (NAME,)
    assert sorted((p, p.stat().st_mtime_ns) for p in archive.rglob("*") if p.is_file()) == before


def test_a_corrected_source_makes_a_second_version_and_the_first_stays(source, tmp_path):
    archive, first = tmp_path / "archive", source.read_bytes()
    archive_depth([source], archive, LATER)
    second = first[:-24] + depth("2024-01-03T15:00:59", 3, 101.0, 9, flags=1)
    source.write_bytes(second)
    os.utime(source, ns=(WRITTEN + 7, WRITTEN + 7))
    (note,) = archive_depth([source], archive, LATER).archived
    assert (note.version, note.file) == (2, f"{NAME}.v2.zst")
    assert [version.version for version in versions_of(archive, source)] == [1, 2]
    assert restore(archive, NAME, tmp_path / "one", version=1).read_bytes() == first
    assert restore(archive, NAME, tmp_path / "two").read_bytes() == second
    with pytest.raises(UsageError, match="other content"):
        restore(archive, NAME, tmp_path / "two", version=1)
    source.write_bytes(first)  # as it was at first: known, no third version
    os.utime(source, ns=(WRITTEN + 9, WRITTEN + 9))
    assert archive_depth([source], archive, LATER).archived == ()


def test_flipped_and_missing_bytes_are_found(source, tmp_path):
    archive = tmp_path / "archive"
    archive_depth([source], archive, LATER)
    stored = archive / "ESH24-CME" / f"{NAME}.zst"
    content = stored.read_bytes()
    rng = np.random.default_rng(3)
    damaged = [content[: int(n)] for n in rng.integers(0, len(content), 20)]
    for at in rng.integers(0, len(content), 60).tolist():
        damaged.append(
            content[:at] + bytes([content[at] ^ (1 << int(rng.integers(0, 8)))]) + content[at + 1 :]
        )
    harmless = 0
    for number, other in enumerate(damaged):
        stored.write_bytes(other)
        try:
            back = restore(archive, NAME, tmp_path / str(number))
        except StoreError:
            assert not list((tmp_path / str(number)).iterdir())
        else:  # a flip in a field that says nothing of the content
            harmless += 1
            assert back.read_bytes() == source.read_bytes()
    assert harmless < 10
    stored.unlink()
    with pytest.raises(StoreError, match="not what was archived"):
        restore(archive, NAME, tmp_path / "gone")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return bytes(content)


def forget_hash(stored):
    """Make a copy's note one from before compressed bytes were hashed."""
    note_file = stored.with_name(stored.name + ".json")
    note = json.loads(note_file.read_text(encoding="utf-8"))
    del note["compressed_blake2b"]
    note_file.write_text(json.dumps(note), encoding="utf-8")


@pytest.mark.parametrize("is_old_note", [False, True])
def test_a_damaged_copy_is_made_anew_while_its_source_is_there(source, tmp_path, is_old_note):
    archive = tmp_path / "archive"
    archive_depth([source], archive, LATER)
    stored = archive / "ESH24-CME" / f"{NAME}.zst"
    if is_old_note:
        forget_hash(stored)
        assert archive_depth([source], archive, LATER).unchanged == (NAME,)
    for aside in (f"{NAME}.zst.damaged", f"{NAME}.zst.2.damaged"):
        bad = flip(stored)
        done = archive_depth([source], archive, LATER)
        assert [note.file for note in done.repaired] == [f"{NAME}.zst"]
        assert (done.archived, done.unchanged, done.damaged) == ((), (), ())
        assert (archive / "ESH24-CME" / aside).read_bytes() == bad
    stored.unlink()
    assert len(archive_depth([source], archive, LATER).repaired) == 1
    done = archive_depth([source], archive, LATER)
    assert (done.unchanged, done.repaired, len(versions_of(archive, source))) == ((NAME,), (), 1)
    assert restore(archive, NAME, tmp_path / "back").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("is_old_note", [False, True])
def test_a_damaged_copy_without_its_source_is_told_and_left(source, tmp_path, is_old_note):
    archive = tmp_path / "archive"
    archive_depth([source], archive, LATER)
    stored = archive / "ESH24-CME" / f"{NAME}.zst"
    if is_old_note:
        forget_hash(stored)
    bad = flip(stored)
    assert [note.source for note in archive_depth([], archive, LATER).damaged] == [NAME]
    source.write_bytes(source.read_bytes()[:-24] + bytes(24))  # of the same size, but another file
    os.utime(source, ns=(WRITTEN + 7, WRITTEN + 7))
    done = archive_depth([source], archive, LATER)
    assert ([n.version for n in done.damaged], [n.version for n in done.archived]) == ([1], [2])
    assert (done.repaired, stored.read_bytes()) == ((), bad)
    assert not list(archive.rglob("*.part"))


def test_a_version_that_is_not_held_names_those_that_are(source, tmp_path):
    archive_depth([source], tmp_path / "archive", LATER)
    with pytest.raises(UsageError, match=r"no version 9 in the archive; expected: 1$"):
        restore(tmp_path / "archive", NAME, tmp_path / "out", version=9)


def test_a_run_that_was_killed_before_its_note_is_done_again(source, tmp_path):
    archive = tmp_path / "archive"
    archive_depth([source], archive, LATER)
    (archive / "ESH24-CME" / f"{NAME}.zst.json").unlink()
    (archive / "ESH24-CME" / f"{NAME}.zst").write_bytes(b"half")
    assert archived_files(archive) == []
    (note,) = archive_depth([source], archive, LATER).archived
    assert note.version == 1
    assert restore(archive, NAME, tmp_path / "back").read_bytes() == source.read_bytes()


def test_what_is_not_archived_is_told_before_it_is_forgotten(source, tmp_path):
    archive = tmp_path / "archive"
    assert unarchived([source], archive, us("2024-01-24T00:00:00"), 20) == []
    assert unarchived([source], archive, us("2024-01-24T00:00:01"), 20) == [source]
    archive_depth([source], archive, LATER)
    os.utime(source, ns=(WRITTEN + 5, WRITTEN + 5))
    assert unarchived([source], archive, us("2024-02-24T00:00:00"), 20) == []
    with source.open("ab") as stream:
        stream.write(b"\0" * 24)
    assert unarchived([source], archive, us("2024-02-24T00:00:00"), 20) == [source]


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not in the archive"):
        restore(tmp_path, NAME, tmp_path / "out")


def test_restored_files_are_sources_where_sierra_lacks_them(source, tmp_path):
    es, sierra, restored = load_instruments()["ES"], tmp_path / "sierra", tmp_path / "restored"
    archive_depth([source], tmp_path / "archive", LATER)
    restore(tmp_path / "archive", NAME, restored)
    assert [file.path for file in find_sources(sierra, [es], None, restored)] == [source.resolve()]
    source.unlink()
    assert [file.path for file in find_sources(sierra, [es], None, restored)] == [(restored / NAME).resolve()]
    assert find_sources(sierra, [es], None, tmp_path / "none") == []


@needs_real_data
@pytest.mark.parametrize("name", ["ESH24-CME.2023-12-25.depth", "BTCUSDT_PERP_BINANCE.2024-08-08.depth"])
def test_real_files_become_four_times_smaller(tmp_path, name):
    content = (FOLDER / name).read_bytes()
    (tmp_path / name).write_bytes(content)
    os.utime(tmp_path / name, ns=(WRITTEN, WRITTEN))
    now = us("2024-09-01T00:00:00")
    (note,) = archive_depth([tmp_path / name], tmp_path / "archive", now).archived
    assert note.bytes > 4 * note.compressed_bytes
    assert restore(tmp_path / "archive", name, tmp_path / "out").read_bytes() == content
