"""``ticks`` and ``book``: paths they refuse, rows put aside, warnings, what errors tell to do."""

import json
import os
import struct

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.commands import _decode_book, _decode_quarantine
from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets_tests.builders.sierra import (
    DEPTH_HEADER,
    SCID_HEADER,
    depth,
    trade,
    write_depth,
    write_scid,
)

T = "2024-01-03T15:00:00"
DEPTH_NAME = "ESH24-CME.2024-01-03.depth"


def run(*arguments):
    result = CliRunner().invoke(root, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def refused(kind, *arguments):
    """Text of the error, and what was said on standard error before it."""
    result = CliRunner().invoke(root, [*map(str, arguments)])
    assert isinstance(result.exception, kind), result.output
    return str(result.exception), result.stderr


def source_of(name, folder):
    if name == "ticks":
        return write_scid(folder / "ESH24-CME.scid", trade(T, 4800.25, 4800.0, 4800.25))
    return write_depth(folder / DEPTH_NAME, depth(T, 1), depth(T, 2, 4800.0, 5, flags=1))


@pytest.mark.parametrize("name", ["ticks", "book"])
@pytest.mark.parametrize("option", ["--out", "--quarantine"])
@pytest.mark.parametrize("kind", ["fifo", "link", "dangling", "part"])
def test_only_new_and_regular_files_are_written(tmp_path, name, option, kind):
    source, out = source_of(name, tmp_path), tmp_path / "o.parquet"
    target = tmp_path / "target"
    if kind == "fifo":
        os.mkfifo(out)
    elif kind == "part":
        out.with_name("o.parquet.part").symlink_to(target)
    else:
        out.symlink_to(target)
    if kind != "dangling":
        target.write_bytes(b"precious")
    before = sorted((p.name, p.lstat().st_mode, p.lstat().st_ino) for p in tmp_path.iterdir())
    said, _ = refused(UsageError, name, source, option, out)
    assert "expected: a new file or a regular one" in said
    assert ("got: a FIFO" if kind == "fifo" else "got: a symbolic link") in said
    assert "what to do" in said
    assert before == sorted((p.name, p.lstat().st_mode, p.lstat().st_ino) for p in tmp_path.iterdir())
    assert kind == "dangling" or target.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["ticks", "book"])
def test_a_regular_file_is_written_over(tmp_path, name):
    source, out = source_of(name, tmp_path), tmp_path / "o.parquet"
    out.write_bytes(b"of yesterday")
    run(name, source, "--out", out)
    assert pl.read_parquet(out).height == 1


@pytest.mark.parametrize(("name", "suffix"), [("ticks", "scid"), ("ticks", "txt"), ("book", "depth")])
def test_a_source_that_is_no_regular_file_is_refused_at_once(tmp_path, name, suffix):
    path = tmp_path / f"ESH24-CME.{suffix}"
    os.mkfifo(path)
    said, _ = refused(UsageError, name, path)
    assert "expected: a regular file; got: a FIFO; what to do" in said
    assert CliRunner().invoke(root, [name, str(tmp_path)]).exit_code == 2


@pytest.mark.parametrize(("out", "aside"), [("a", "a"), ("a", "a.part"), ("a.part", "a"), ("a", "../x/a")])
def test_rows_and_rows_put_aside_never_share_a_file(tmp_path, out, aside):
    folder = tmp_path / "x"
    folder.mkdir()
    refused(
        UsageError, "ticks", source_of("ticks", folder), "--out", folder / out, "--quarantine", folder / aside
    )
    assert len(list(folder.iterdir())) == 1


def test_quarantined_ticks_are_written_with_their_bytes(tmp_path):
    header = b"SCID" + struct.pack("<IIHHI", 60, 40, 1, 0, 0) + b"\0" * 40
    path = write_scid(
        tmp_path / "ESH24-CME.scid",
        *[trade(T, 4800.25, 4800.0, 4800.25)] * 7,
        trade(T, 4800.1, 4800.0, 4800.25, size=9),
        trade(5, 4800.25, 4800.0, 4800.25, size=2),
        header=header,
    )
    found, _ = run("ticks", path, "--quarantine", tmp_path / "q.parquet", "--out", tmp_path / "o.parquet")
    rows = pl.read_parquet(tmp_path / "q.parquet")
    assert rows.columns == ["seq", "byte_offset", "rule", "price", "size", "ts_utc"]
    assert rows["byte_offset"].to_list() == [60 + 7 * 40, 60 + 8 * 40]
    assert rows["rule"].to_list() == ["off_grid", "impossible_stamp"]
    assert rows["price"].to_list() == pytest.approx([4800.1, 4800.25])
    assert rows["size"].to_list() == [9.0, 2.0]
    assert rows["ts_utc"].is_null().to_list() == [False, True]
    assert pl.read_parquet(tmp_path / "o.parquet").height == 7
    assert [one["byte_offset"] for one in found["quarantine_sample"]] == rows["byte_offset"].to_list()


@pytest.mark.parametrize("name", ["ticks", "book"])
def test_nothing_put_aside_gives_a_typed_empty_table(tmp_path, name):
    found, _ = run(name, source_of(name, tmp_path), "--quarantine", tmp_path / "q.parquet")
    assert (found["quarantined_by"], found["quarantine_sample"], found["warnings"]) == ({}, [], [])
    rows = pl.read_parquet(tmp_path / "q.parquet")
    assert (rows.height, rows.schema["byte_offset"]) == (0, pl.Int64)


def test_quarantined_depth_is_written_and_counted_once(tmp_path):
    path = write_depth(
        tmp_path / DEPTH_NAME,
        depth(T, 1), depth(T, 2, 100.0, 5), depth(T, 3, 100.1, 6, flags=1),
        depth(T, 9, 100.0, 1), depth(T, 2, -1.0, 1, flags=1),
        depth(T, 2, 99.75, 1), depth(T, 200, 99.75, 1),
    )  # fmt: skip
    found, _ = run("book", path, "--quarantine", tmp_path / "q.parquet")
    figures = ("records", "applied", "quarantined", "unfinished_records", "batches", "quarantined_batches")
    assert [found[name] for name in figures] == [7, 2, 4, 1, 1, 1]
    assert found["quarantined_by"] == {"nonpositive_price": 1, "off_grid": 1, "unknown_command": 2}
    rows = pl.read_parquet(tmp_path / "q.parquet")
    assert rows["byte_offset"].to_list() == [64 + 24 * seq for seq in (2, 3, 4, 6)]
    assert rows["rule"].to_list() == ["off_grid", "unknown_command", "nonpositive_price", "unknown_command"]


@pytest.mark.parametrize("block", [1, 3, 1 << 17])
def test_every_record_of_random_bytes_counts_once(tmp_path, monkeypatch, block):
    monkeypatch.setattr(_decode_quarantine, "BLOCK_RECORDS", block)
    dice = np.random.default_rng(7)
    for round_ in range(4):
        path = write_depth(tmp_path / f"ESH24-CME.2024-01-0{round_ + 1}.depth", dice.bytes(500 * 24))
        found, said = run("book", path)
        parts = [found[name] for name in ("applied", "quarantined", "unfinished_records")]
        assert sum(parts) == found["records"] == 500
        assert parts == [0, 500, 0]
        assert found["batches"] == 0
        assert found["quarantined_batches"] > 0
        assert "500 of 500 records are quarantined" in said


def test_batches_across_blocks_count_as_in_one(tmp_path, monkeypatch):
    dice = np.random.default_rng(3)
    prices, flags = dice.choice([100.0, 100.1], 300), dice.integers(0, 2, 300)
    records = [depth(T, 2, price, 1, flags=flag) for price, flag in zip(prices, flags, strict=True)]
    path = write_depth(tmp_path / DEPTH_NAME, *records)
    empty, sound = 0, False
    for price, flag in zip(prices, flags, strict=True):
        sound = sound or price == 100.0
        if flag:
            empty, sound = empty + (not sound), False
    for block in (1, 2, 7, 1_000):
        monkeypatch.setattr(_decode_quarantine, "BLOCK_RECORDS", block)
        found, _ = run("book", path)
        assert found["quarantined_batches"] == empty
        assert found["batches"] == flags.sum() - empty
        assert found["records"] == found["applied"] + found["quarantined"] + found["unfinished_records"]


def test_prices_off_the_grid_point_at_the_multiplier(tmp_path):
    path = write_scid(tmp_path / "ESH24-CME.scid", *[trade(T, 48.1, 48.0, 48.25)] * 3)
    found, said = run("ticks", path)
    assert len(found["warnings"]) == 2
    assert "3 of 3 prices are off the tick grid: check the price multiplier" in said
    path = write_depth(tmp_path / DEPTH_NAME, depth(T, 1), depth(T, 1), depth(T, 2, 100.1, 1, flags=1))
    found, said = run("book", path)
    assert found["warnings"] == [
        "1 of 1 prices are off the tick grid: check the price multiplier in instruments.yaml"
    ]


def test_half_put_aside_is_not_yet_warned_of(tmp_path):
    path = write_scid(tmp_path / "ESH24-CME.scid", trade(T, 48.1, 48.0, 48.25), trade(T, 48.0, 48.0, 48.25))
    found, said = run("ticks", path)
    assert (found["quarantined"], found["warnings"], said) == (1, [], "")


def test_depth_without_a_batch_is_warned_of(tmp_path):
    found, said = run("book", write_depth(tmp_path / DEPTH_NAME, depth(T, 1), depth(T, 2, 100.0, 5)))
    assert (found["rows"], found["unfinished_records"], len(found["warnings"])) == (0, 2, 1)
    assert "zanzibar: warning: none of 2 records ends a batch" in said


@pytest.mark.parametrize("name", ["ticks", "book"])
def test_another_header_version_is_warned_of(tmp_path, name):
    path = source_of(name, tmp_path)
    content = bytearray(path.read_bytes())
    content[12] = 3
    path.write_bytes(content)
    found, said = run(name, path)
    assert "version 3, known is 1" in said
    assert len(found["warnings"]) == 1
    if name == "book":
        found, _ = run(name, path, "--at", "2024-01-03T16:00:00Z")
        assert "version 3" in found["warnings"][0]


def test_book_of_ticks_says_which_command(tmp_path):
    path = source_of("ticks", tmp_path)
    for more in ([], ["--at", "2024-01-03T16:00:00Z"]):
        assert "what to do: use `zanzibar ticks`" in refused(FormatError, "book", path, *more)[0]


@pytest.mark.parametrize("step", ["0.5s", "100"])
def test_a_wrong_step_says_how_to_write_one(step):
    with pytest.raises(UsageError, match="a whole number with a unit us, ms, s, m or h"):
        _decode_book.parse_step_us(step)


DAMAGED = {
    "empty": b"",
    "cut": SCID_HEADER[:20],
    "record size": SCID_HEADER[:8] + struct.pack("<I", 41) + SCID_HEADER[12:],
    "header size": SCID_HEADER[:4] + struct.pack("<I", 9_999) + SCID_HEADER[8:],
    "magic": b"PK" + DEPTH_HEADER[2:],
}


@pytest.mark.parametrize("name", ["ticks", "book"])
@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_headers_say_what_to_do_and_no_word_of_the_symbol(tmp_path, name, kind):
    path = tmp_path / "WHAT.scid"
    path.write_bytes(DAMAGED[kind])
    error, said = refused(FormatError, name, path)
    assert "what to do: " in error
    assert said == ""


def test_levels_limit_the_full_book(tmp_path):
    bids = [depth(T, 2, 100.0 - at / 4, 5) for at in range(15)]
    path = write_depth(tmp_path / DEPTH_NAME, depth(T, 1), *bids, depth(T, 3, 100.25, 1, flags=1))
    at = ["book", path, "--at", "2024-01-03T16:00:00Z"]
    assert len(run(*at)[0]["levels"]) == 16
    found, _ = run(*at, "--levels", 2)
    assert [level["price"] for level in found["levels"]] == [100.0, 99.75, 100.25]
    assert (found["bids"], found["asks"]) == (15, 1)
    shown = CliRunner().invoke(root, [*map(str, at), "--levels", "2"]).stdout.splitlines()
    assert [line.split()[:2] for line in shown[-3:]] == [
        ["bid", "100.0"],
        ["bid", "99.75"],
        ["ask", "100.25"],
    ]
    refused(UsageError, *at, "--quarantine", tmp_path / "q.parquet")
