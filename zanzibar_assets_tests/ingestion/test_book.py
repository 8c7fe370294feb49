"""Order-book replay against the dictionary book."""

import struct

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import FormatError, UsageError
from zanzibar_assets.ingestion import book_frames, formats
from zanzibar_assets.ingestion.book import Book
from zanzibar_assets.ingestion.book_frames import ReplayTally, price_frame, replay_file
from zanzibar_assets.ingestion.depth_arrays import DepthArrays, depth_arrays
from zanzibar_assets.ingestion.scid import Scale
from zanzibar_assets_tests.builders.sierra import (
    DEPTH_HEADER,
    depth,
    sc_us,
    trade,
    us,
    write_depth,
    write_scid,
)
from zanzibar_assets_tests.reference.slow_book import changes_of, slow_replay

TICK = Scale("X", tick_size=0.25)
T0 = us("2024-01-03T15:00:00")


def arrays(rows):
    """Rows (stamp, command, flags, key, size) as the book takes them."""
    kinds = (np.int64, np.uint8, np.uint8, np.int64, np.float64)
    stamps, commands, flags, keys, sizes = (
        np.array([row[i] for row in rows], dtype=kind) for i, kind in enumerate(kinds)
    )
    return DepthArrays(stamps, keys, sizes, commands, flags)


def fast_replay(rows, levels, every_us=0, cuts=(), on_change=False):
    """What ``slow_replay`` gives, from the compiled book fed in pieces that end at ``cuts``."""
    book, out, start = Book(levels, every_us, on_change), [], 0
    found = []
    for end in [*sorted(cuts), len(rows)]:
        top, consumed = book.feed(arrays(rows[start:end]))
        found.append(top)
        start += consumed
    found.append(book.finish())
    for top in found:
        columns = (column.tolist() for column in (top.stamps_us, top.keys, top.sizes))
        for stamp, keys, sizes in zip(*columns, strict=True):
            pairs = [(k, s) if s > 0 else None for k, s in zip(keys, sizes, strict=True)]
            bids, asks = (tuple(p for p in side if p) for side in (pairs[:levels], pairs[levels:]))
            out.append((stamp, (bids, asks)))
    return out, book


record_rows = st.lists(
    st.tuples(
        st.integers(0, 40_000),
        st.sampled_from([0, 1, 2, 2, 2, 3, 3, 3, 4, 5, 6, 7, 9]),
        st.sampled_from([0, 0, 1]),
        st.integers(390, 410),
        st.sampled_from([0.0, 1.0, 2.0, 7.0]),
    ),
    max_size=120,
)


@given(record_rows, st.integers(1, 6), st.sampled_from([0, 1, 7, 1_000, 3_000]), st.data())
@settings(deadline=None, max_examples=60, derandomize=True)
def test_book_equals_the_dictionary_book(rows, levels, every_us, data):
    stamp, ordered = T0, []
    for gap, *rest in rows:
        stamp += gap if gap > 20_000 else 0
        ordered.append((stamp, *rest))
    cuts = data.draw(st.lists(st.integers(0, len(ordered)), max_size=4))
    fast, book = fast_replay(ordered, levels, every_us, cuts)
    slow, reference = slow_replay(ordered, levels, every_us)
    assert fast == slow
    if not every_us:
        assert fast_replay(ordered, levels, 0, cuts, on_change=True)[0] == changes_of(slow)
    assert book.count("UNKNOWN_DELETES") == reference.unknown_deletes
    assert book.count("CLEARS") == reference.clears
    assert book.count("CROSSED") == reference.crossed
    assert book.count("BATCHES") == reference.batches


@pytest.mark.parametrize("far", [0, 2**24 - 600_000, 2**30])
@pytest.mark.parametrize("seed", range(4))
def test_wide_books_equal_the_dictionary_book(seed, far):
    """Hundreds of levels far apart, snapshots in between, keys within and beyond the direct places."""
    rng = np.random.default_rng(seed)
    rows, stamp, spread = [], T0, int(rng.choice([3, 50, 4_000]))
    for _ in range(1_500):
        stamp += int(rng.integers(0, 60_000)) * 1_000
        if rng.random() < 0.003:
            rows.append((stamp, 1, 0, 0, 0.0))
        distance = 1 + int(rng.exponential(40)) * spread
        side = int(rng.integers(0, 2))
        command = int(rng.choice([2, 2, 4, 6])) + side
        key = (
            500_000
            + far * (far < 2**24 or len(rows) > 700)
            + (2 * side - 1) * distance
            + int(rng.integers(-2, 3))
        )
        rows.append((stamp, command, int(rng.random() < 0.7), key, float(rng.integers(0, 9))))
    cuts = sorted(rng.integers(0, len(rows), 5).tolist())
    for every_us in (0, 100_000, 7_000_000):
        fast, book = fast_replay(rows, 10, every_us, cuts)
        slow, reference = slow_replay(rows, 10, every_us)
        assert fast == slow
        assert book.count("UNKNOWN_DELETES") == reference.unknown_deletes


def replay(path, levels=2, every_us=0, scale=TICK, chunk=None):
    book, tally = Book(levels, every_us), ReplayTally()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_frames, "CHUNK_RECORDS", chunk or book_frames.CHUNK_RECORDS)
        frames = list(replay_file(path, scale, book, tally))
    empty = price_frame(Book(levels, every_us).finish(), levels, scale)
    return pl.concat([empty, *frames]), book, tally


def snapshot(stamp, bids, asks):
    rows = [(2, p, s) for p, s in bids] + [(3, p, s) for p, s in asks]
    records = [depth(stamp, 1)] + [depth(stamp, c, p, s) for c, p, s in rows[:-1]]
    return [*records, depth(stamp, *rows[-1], flags=1)]


S = snapshot("2024-01-03T15:00:00", [(100.0, 5), (99.75, 6)], [(100.25, 7), (100.5, 8)])


def test_a_snapshot_is_applied_whole(tmp_path):
    frame, book, tally = replay(write_depth(tmp_path / "x.depth", *S))
    assert frame.rows(named=True) == [
        {
            "ts_utc": frame["ts_utc"][0],
            "bid_price_1": 100.0, "bid_size_1": 5.0, "bid_price_2": 99.75, "bid_size_2": 6.0,
            "ask_price_1": 100.25, "ask_size_1": 7.0, "ask_price_2": 100.5, "ask_size_2": 8.0,
        }
    ]  # fmt: skip
    assert (tally.records, tally.unfinished_records, book.count("CLEARS")) == (5, 0, 1)


def test_a_batch_that_never_ended_is_not_shown(tmp_path):
    half = snapshot("2024-01-03T15:10:00", [(90.0, 1)], [(91.0, 1)])[:-1]
    frame, _, tally = replay(write_depth(tmp_path / "x.depth", *S, *half))
    assert frame.height == 1
    assert tally.unfinished_records == len(half)


def test_zero_size_deletes_and_unknown_deletes_are_counted(tmp_path):
    more = [
        depth("2024-01-03T15:00:01", 4, 100.0, 0, flags=1),
        depth("2024-01-03T15:00:02", 6, 55.0, 0, flags=1),
        depth("2024-01-03T15:00:03", 5, 100.25, 0, flags=1),
        depth("2024-01-03T15:00:04", 7, 100.25, 3, flags=1),
    ]
    frame, book, _ = replay(write_depth(tmp_path / "x.depth", *S, *more))
    assert frame["bid_price_1"].to_list() == [100.0, 99.75, 99.75, 99.75, 99.75]
    assert frame["ask_price_1"].to_list() == [100.25, 100.25, 100.25, 100.5, 100.5]
    assert book.count("UNKNOWN_DELETES") == 2


def test_a_missing_level_is_null_and_a_crossed_book_is_counted(tmp_path):
    rows = [
        depth("2024-01-03T15:00:00", 2, 100.0, 5, flags=1),
        depth("2024-01-03T15:00:01", 3, 99.0, 5, flags=1),
    ]
    frame, book, _ = replay(write_depth(tmp_path / "x.depth", *rows), levels=1)
    assert frame["ask_price_1"].to_list() == [None, 99.0]
    assert book.count("CROSSED") == 1


def test_grid_rows_hold_what_is_stamped_strictly_before(tmp_path):
    stamps = ["15:00:00.050", "15:00:00.100", "15:00:00.350", "23:59:59.950"]
    rows = [depth(f"2024-01-03T{t}", 2, 100.0, n + 1, flags=1) for n, t in enumerate(stamps)]
    frame, _, _ = replay(write_depth(tmp_path / "x.depth", *rows), levels=1, every_us=100_000)
    assert frame["ts_utc"].dt.strftime("%d %H:%M:%S%.3f").to_list() == [
        "03 15:00:00.100", "03 15:00:00.200", "03 15:00:00.400", "04 00:00:00.000",
    ]  # fmt: skip
    assert frame["bid_size_1"].to_list() == [1.0, 2.0, 3.0, 4.0]


def test_a_step_that_does_not_divide_the_day_starts_anew_at_midnight(tmp_path):
    day = (
        depth("2024-01-03T23:59:59", 2, 100.0, 1, flags=1),
        depth("2024-01-04T00:00:01", 2, 100.0, 2, flags=1),
    )
    frame, _, _ = replay(write_depth(tmp_path / "x.depth", *day), levels=1, every_us=7_000_000)
    assert frame["ts_utc"].dt.strftime("%d %H:%M:%S").to_list() == ["04 00:00:00", "04 00:00:07"]


@pytest.mark.parametrize("chunk", [1, 3, 4])
@pytest.mark.parametrize("every_us", [0, 1_000_000])
def test_chunks_change_nothing(tmp_path, chunk, every_us):
    path = write_depth(tmp_path / "x.depth", *S, depth("2024-01-03T15:00:04", 4, 100.0, 9, flags=1), *S[:2])
    small, _, small_tally = replay(path, every_us=every_us, chunk=chunk)
    whole, _, tally = replay(path, every_us=every_us)
    assert small.equals(whole)
    assert small_tally == tally


@pytest.mark.parametrize(
    "bad",
    [
        depth("2024-01-03T15:00:01", 2, float("nan"), 5, flags=1),
        depth("2024-01-03T15:00:01", 2, -1.0, 5, flags=1),
        depth("2024-01-03T15:00:01", 2, 100.1, 5, flags=1),
        depth("2024-01-03T15:00:01", 77, 100.0, 5, flags=1),
        depth("2024-01-03T15:00:01", 2, 101.0, 2**31, flags=1),
        depth(0, 2, 101.0, 5, flags=1),
    ],
)
def test_impossible_records_are_counted_and_not_applied(tmp_path, bad):
    frame, _, tally = replay(write_depth(tmp_path / "x.depth", *S, bad))
    assert tally.defective == 1
    assert frame.height == 2
    assert frame.drop("ts_utc").row(0) == frame.drop("ts_utc").row(1)


def test_stamps_that_run_back_keep_file_order(tmp_path):
    rows = [
        depth("2024-01-03T15:00:05", 2, 100.0, 1, flags=1),
        depth("2024-01-03T15:00:01", 2, 100.0, 2, flags=1),
    ]
    frame, book, _ = replay(write_depth(tmp_path / "x.depth", *rows), levels=1)
    assert frame["bid_size_1"].to_list() == [1.0, 2.0]
    assert frame["ts_utc"].is_sorted()
    assert book.count("OUT_OF_ORDER") == 1


def test_unknown_tick_size_keeps_the_files_prices(tmp_path):
    frame, _, _ = replay(
        write_depth(tmp_path / "x.depth", depth("2024-01-03T15:00:00", 2, 61800.3, 4, flags=1)),
        scale=Scale("Y"),
    )
    assert frame["bid_price_1"].to_list() == [struct.unpack("<f", struct.pack("<f", 61800.3))[0]]


def test_wrong_files_and_options_are_refused(tmp_path):
    path = write_scid(tmp_path / "x.scid", trade("2024-01-03T15:00:00", 1.0, 1.0, 1.25))
    with pytest.raises(FormatError, match="no depth file"):
        replay(path)
    with pytest.raises(UsageError, match="levels"):
        Book(0)
    with pytest.raises(UsageError, match="grid step"):
        Book(5, every_us=10, on_change=True)
    assert replay(write_depth(tmp_path / "e.depth", header=DEPTH_HEADER))[0].height == 0


@pytest.mark.parametrize(("every_us", "on_change"), [(0, False), (0, True), (1_000, False)])
@pytest.mark.parametrize("room", [2, 3, 7])
def test_runs_of_few_rows_are_the_rows_of_one_feed(every_us, on_change, room):
    rng = np.random.default_rng(room)
    rows = [
        (
            T0 + 700 * n,
            int(rng.integers(2, 8)),
            int(rng.random() < 0.8),
            int(rng.integers(390, 410)),
            float(n % 5),
        )
        for n in range(200)
    ]
    whole, consumed = Book(3, every_us, on_change).feed(arrays(rows))
    runs = []
    for top, done in Book(3, every_us, on_change).runs(arrays(rows), room):
        assert len(top.last) <= room
        runs.append(([column.copy() for column in top], done))
    assert runs[-1][1] == consumed
    for number, column in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([top[number] for top, _ in runs]), column)


@pytest.mark.parametrize("scale", [TICK, Scale("Y"), Scale("Z", tick_size=0.1)])
@pytest.mark.parametrize("every_us", [0, 2_000])
def test_frames_of_many_rows_are_the_rows_of_one_feed(tmp_path, scale, every_us):
    """Rows by tiles straight into columns, over the borders of chunks, tiles and frames."""
    rng = np.random.default_rng(5)
    path = write_depth(
        tmp_path / "x.depth",
        *(
            depth(sc_us("2024-01-03T15:00:00") + 700 * n, int(c), k / 2, int(q), flags=int(f))
            for n, (c, k, q, f) in enumerate(
                zip(rng.integers(2, 8, 9_000), rng.integers(190, 210, 9_000), rng.integers(0, 5, 9_000),
                    rng.random(9_000) < 0.9, strict=True)
            )
        ),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_frames, "CHUNK_RECORDS", 4_000)
        patch.setattr(book_frames, "FRAME_ROWS", 2_100)
        frames = list(replay_file(path, scale, Book(3, every_us), ReplayTally()))
    assert len(frames) > 1
    assert all(frame.height <= 2_100 for frame in frames)
    records = np.fromfile(path, dtype=formats.DEPTH_DTYPE, offset=64)
    book = Book(3, every_us)
    whole = [
        price_frame(book.feed(depth_arrays(records, scale)[0])[0], 3, scale),
        price_frame(book.finish(), 3, scale),
    ]
    assert pl.concat(frames).equals(pl.concat(whole))
