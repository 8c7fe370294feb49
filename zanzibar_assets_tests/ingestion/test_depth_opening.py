"""A session that begins within a depth file: its book comes from the snapshot before it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.ingestion import depth_opening
from zanzibar_assets.ingestion.book_frames import ticks_to_prices
from zanzibar_assets.ingestion.cleaning_dom import clean_dom
from zanzibar_assets.ingestion.depth import read_depth
from zanzibar_assets.ingestion.full_book import book_at
from zanzibar_assets.ingestion.scid import scale_of
from zanzibar_assets.ingestion.sources import find_sources, select_slices
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.sierra import depth, sc_us, us, write_depth
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

ES = load_instruments()["ES"]
NAME = "ESH24-CME.2024-01-04.depth"
CLOSE = "2024-01-04T23:00:00"
"""Close of session 2024-01-04; what follows belongs to 2024-01-05."""


def snapshot(stamp, bid=4800.0):
    return [depth(stamp, 1), depth(stamp, 2, bid, 5), depth(stamp, 3, bid + 0.25, 7, flags=1)]


def cleaned(folder, session):
    files = find_sources(folder, [ES])
    chosen = select_slices(files, ES, session)
    opening = depth_opening.opening_slices(files, ES, session)
    raw = read_depth(chosen.depth, ES)
    done = clean_dom(raw, ES, session_window(ES, session), None, read_depth(opening, ES))
    assert breaches("clean_dom", done.clean) == []
    assert raw.height == done.counts["records"]
    return done, opening


def test_a_session_in_the_middle_of_a_file_begins_with_the_book_before_it(tmp_path):
    write_depth(
        tmp_path / NAME,
        *snapshot("2024-01-04T22:40:00", 4700.0),
        *snapshot("2024-01-04T22:50:00"),
        depth("2024-01-04T22:55:00", 2, 4799.5, 9, flags=1),
        depth("2024-01-04T23:00:05", 2, 4799.75, 3, flags=1),
    )
    done, opening = cleaned(tmp_path, "2024-01-05")
    assert [(part.first_record, part.last_record) for part in opening] == [(3, 7)]
    row = done.clean.row(0, named=True)
    assert done.clean.height == 1
    assert [row[f"bid_ticks_{n}"] for n in (1, 2, 3)] == [19200, 19199, 19198]
    assert (row["snapshot"], row["seq"]) == (False, 7)
    assert (done.counts["opening_records"], done.counts["before_snapshot"], done.counts["batches"]) == (
        4,
        0,
        1,
    )
    before, none = cleaned(tmp_path, "2024-01-04")
    assert (none, before.clean.height, before.counts["snapshots"]) == ((), 3, 2)


def test_without_a_snapshot_before_it_the_first_batches_are_marked(tmp_path):
    write_depth(
        tmp_path / NAME,
        depth("2024-01-04T22:55:00", 2, 4799.5, 9, flags=1),
        depth("2024-01-04T23:00:05", 2, 4799.75, 3, flags=1),
        *snapshot("2024-01-04T23:10:00"),
    )
    done, opening = cleaned(tmp_path, "2024-01-05")
    assert opening == ()
    assert done.clean["snapshot"].to_list() == [True]
    assert (done.counts["opening_records"], done.counts["before_snapshot"]) == (0, 1)


def test_a_batch_over_the_close_is_applied_whole_in_the_session_it_ends_in(tmp_path):
    write_depth(
        tmp_path / NAME,
        *snapshot("2024-01-04T22:50:00"),
        depth("2024-01-04T22:59:59.999", 4, 4800.0, 1),
        depth("2024-01-04T23:00:00", 5, 4800.25, 2, flags=1),
    )
    done, _ = cleaned(tmp_path, "2024-01-05")
    assert done.clean.select("bid_size_1", "ask_size_1").rows() == [(1.0, 2.0)]
    assert (done.counts["records"], done.counts["unfinished_records"]) == (1, 0)


@pytest.mark.parametrize("block", [1, 2, 5])
def test_blocks_find_the_same_snapshot(tmp_path, block):
    unfinished = snapshot("2024-01-04T22:59:00")[:2]
    write_depth(
        tmp_path / NAME, *snapshot("2024-01-04T22:40:00"), *snapshot("2024-01-04T22:50:00"),
        depth("2024-01-04T22:55:00", 2, 4799.5, 9, flags=1), *unfinished,
    )  # fmt: skip
    (file,) = find_sources(tmp_path, [ES])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(depth_opening, "BLOCK_RECORDS", block)
        found = [depth_opening.last_snapshot(file, end) for end in range(10)]
    assert found == [None, None, None, 0, 0, 0, 3, 3, 3, 3]


def test_a_snapshot_row_is_marked_and_odd_books_are_counted_by_session_state(tmp_path):
    write_depth(
        tmp_path / NAME,
        *snapshot("2024-01-04T15:00:00"),
        *snapshot("2024-01-04T15:10:00"),  # changes nothing: no row
        depth("2024-01-04T15:11:00", 4, 4800.0, 9, flags=1),
        *snapshot("2024-01-04T15:20:00", 4801.0),
        depth("2024-01-04T15:21:00", 2, 4802.0, 9, flags=1),
        depth("2024-01-04T22:30:00", 2, 4803.0, 9, flags=1),
        depth("2024-01-04T22:31:00", 7, 4801.25, flags=1),
    )
    done, _ = cleaned(tmp_path, "2024-01-04")
    assert done.clean["snapshot"].to_list() == [True, False, True, False, False, False]
    named = {name: count for name, count in done.counts.items() if name.startswith("book.")}
    assert named == {
        "book.crossed": 2, "book.normal": 3, "book.one_sided": 1,
        "book.crossed.open": 1, "book.crossed.break": 1, "book.one_sided.break": 1,
    }  # fmt: skip
    assert {sample["rule"] for sample in done.samples} == {"crossed.open", "crossed.break", "one_sided.break"}


moves = st.lists(
    st.tuples(st.integers(2, 7), st.integers(19190, 19210), st.integers(0, 3)), min_size=2, max_size=30
)


@given(moves, st.integers(1, 28))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_each_row_is_the_top_of_the_full_book(tmp_path_factory, rows, split):
    folder = tmp_path_factory.mktemp("depth")
    close = sc_us(CLOSE)
    stamps = [close + (n - split) * 1_000_000 for n in range(len(rows))]
    path = write_depth(
        folder / NAME, *snapshot("2024-01-04T22:50:00"),
        *(depth(t, c, k / 4, s, flags=1) for t, (c, k, s) in zip(stamps, rows, strict=True)),
    )  # fmt: skip
    if split >= len(rows):
        return
    clean = cleaned(folder, "2024-01-05")[0].clean
    assert clean["event_ts"].to_physical()[0] == us(CLOSE)
    for row in clean.iter_rows(named=True):
        at = int((row["event_ts"] - clean["event_ts"][0]).total_seconds()) * 1_000_000 + us(CLOSE) + 1
        full = book_at(path, at, scale_of("ESH24-CME", ES)).levels
        for side in ("bid", "ask"):
            best = full.filter(pl.col("side") == side)["price_ticks"].to_list()[:5]
            assert [row[f"{side}_ticks_{n}"] for n in range(1, 6)] == best + [None] * (5 - len(best))


@needs_real_data
def test_the_second_session_of_the_real_btc_file_begins_with_a_book():
    btc = load_instruments()["BTCUSDT"]
    files = find_sources(FOLDER, [btc])
    chosen = select_slices(files, btc, "2024-08-09")
    (opening,) = depth_opening.opening_slices(files, btc, "2024-08-09")
    done = clean_dom(
        read_depth(chosen.depth, btc),
        btc,
        session_window(btc, "2024-08-09"),
        None,
        read_depth([opening], btc),
    )
    assert (opening.first_record, opening.last_record) == (0, chosen.depth[0].first_record)
    assert done.clean.height > 0
    last = done.clean.row(-1, named=True)
    path = chosen.depth[0].file.path
    full = book_at(path, 2**62, scale_of("BTCUSDT_PERP_BINANCE", btc)).levels
    bids = full.filter(pl.col("side") == "bid")["price"].to_list()[:5]
    np.testing.assert_array_equal(
        ticks_to_prices(np.array([last[f"bid_ticks_{n}"] for n in range(1, 6)]), btc.tick_size), bids
    )
