"""Cleaning rules: nothing lost, sides resolved causally, books marked."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.ingestion import depth as depth_files
from zanzibar_assets.ingestion import formats, scid
from zanzibar_assets.ingestion.cleaned import FileLayout
from zanzibar_assets.ingestion.cleaning import clean_ticks
from zanzibar_assets.ingestion.cleaning_dom import clean_dom
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.sierra import depth, record, sc_us, trade, us

ES, GC, BTC = (load_instruments()[name] for name in ("ES", "GC", "BTCUSDT"))
WINDOW = session_window(ES, "2024-01-04")


def raw_ticks(*records, instrument=ES, symbol="ESH24-CME", records_kind=None):
    scale = scid.scale_of(symbol, instrument)
    rows = np.frombuffer(b"".join(records), dtype=formats.SCID_DTYPE)
    return scid.decode_records(rows, 0, scale, scid.GroupState(), bars_only=scale.records == "bars")


def raw_depth(*records, first=0, source="ESH24-CME.2024-01-04.depth"):
    rows = np.frombuffer(b"".join(records), dtype=formats.DEPTH_DTYPE)
    return depth_files.decode_records(rows, first, source, scid.scale_of("ESH24-CME", ES))


def at(second, hour=15, day=4):
    return f"2024-01-{day:02d}T{hour:02d}:00:{second:02d}"


def plain(stamp, price, size=1):
    return record(stamp, price, price, price, price, 1, size)


def cleaned(*records):
    done = clean_ticks(raw_ticks(*records), ES, WINDOW)
    assert breaches("clean_ticks", done.clean) == []
    assert breaches("quarantine_ticks", done.quarantine) == []
    assert done.clean.height + done.quarantine.height == len(records) == done.counts["records"]
    return done


def test_flag_wins_and_ticks_are_integers():
    row = cleaned(trade(at(1), 4800.25, 4800.0, 4800.5, size=3, side=-1)).clean.row(0, named=True)
    assert (row["price_ticks"], row["bid_ticks"], row["ask_ticks"]) == (19201, 19200, 19202)
    assert (row["side"], row["sign_source"], row["bid_volume"], row["ask_volume"]) == (-1, "flag", 3.0, 0.0)
    assert row["event_ts"] == row["known_at"]


@pytest.mark.parametrize(
    ("price", "side", "source"),
    [(4800.5, 1, "quote"), (4800.0, -1, "quote"), (4800.25, 0, "none"), (4801.0, 1, "quote")],
)
def test_quote_rule_by_the_midpoint(price, side, source):
    row = cleaned(trade(at(1), price, 4800.0, 4800.5, side=0)).clean.row(0, named=True)
    assert (row["side"], row["sign_source"]) == (side, source)
    assert row["bid_volume"] + row["ask_volume"] == abs(side)


def test_tick_rule_keeps_the_sign_on_a_zero_tick():
    prices = [100.0, 100.25, 100.25, 100.0, 100.0, 100.5]
    clean = cleaned(*(plain(at(n), p) for n, p in enumerate(prices))).clean
    assert clean["side"].to_list() == [0, 1, 1, -1, -1, 1]
    assert clean["sign_source"].to_list() == ["none"] + ["tick"] * 5


def test_zero_size_rows_stay_without_a_side_and_move_no_reference():
    done = cleaned(plain(at(1), 100.0), plain(at(2), 101.0, size=0), plain(at(3), 100.25))
    assert done.clean["side"].to_list() == [0, 0, 1]
    assert done.counts["zero_size"] == 1


def test_crossed_quote_decides_nothing_and_marks_the_trade_outside():
    row = cleaned(trade(at(1), 4800.25, 4809.0, 4785.5, size=44, side=0)).clean.row(0, named=True)
    assert (row["side"], row["sign_source"], row["outside_quote"]) == (0, "none", True)


def test_repeats_are_counted_and_kept():
    done = cleaned(*[plain(at(1), 100.0)] * 3, plain(at(2), 100.0))
    assert done.clean.height == 4
    assert done.counts["repeats"] == 2


def test_late_rows_are_dated_when_they_could_be_known():
    done = cleaned(plain(at(1), 100.0), plain(at(9), 101.0), plain(at(5), 102.0), plain(at(9), 103.0))
    assert done.clean["seq"].to_list() == [0, 1, 2, 3]
    assert done.clean["known_at"].dt.second().to_list() == [1, 9, 9, 9]
    assert done.clean["late_us"].to_list() == [0, 0, 4_000_000, 0]
    assert done.clean["flag"].to_list() == [None, None, "out_of_order", None]
    assert done.counts["out_of_order"] == 1


def test_a_stamp_that_ran_ahead_does_not_drag_the_others_along():
    stamps = [at(1), at(2, hour=18), at(3), at(4), at(5), at(6)]
    done = cleaned(*(plain(s, 100.0) for s in stamps))
    assert done.clean["seq"].to_list() == [0, 2, 3, 4, 5, 1]
    assert done.clean["late_us"].sum() == 0
    assert (done.counts["clock_set_back"], done.counts["out_of_order"]) == (3, 0)


def test_an_outlier_is_put_aside_with_its_bytes():
    calm = [plain(at(n), 100.0 + n % 2 / 4) for n in range(10)]
    done = cleaned(*calm, plain(at(11), 150.0), plain(at(12), 100.0))
    assert done.quarantine.select("seq", "rule", "byte_offset").rows() == [(10, "outlier", 56 + 40 * 10)]
    assert done.counts["rule.outlier"] == 1
    (sample,) = [row for row in done.samples if row["rule"] == "outlier"]
    assert (sample["source"], sample["byte_offset"], sample["price"]) == ("ESH24-CME.scid", 456, 150.0)


def test_a_true_jump_loses_nothing_and_is_dated_at_its_confirmation():
    calm = [plain(at(n), 100.0 + n % 2 / 4) for n in range(10)]
    done = cleaned(*calm, *(plain(at(20 + n), 150.0 + n % 3 / 4, size=2) for n in range(8)))
    assert done.quarantine.is_empty()
    assert done.clean["size"].sum() == 10 + 16
    jumped = done.clean.filter(pl.col("flag") == "jump_confirmed")
    assert jumped["known_at"].dt.second().to_list() == [24] * 5
    assert jumped["late_us"].to_list() == [4_000_000, 3_000_000, 2_000_000, 1_000_000, 0]


def test_after_a_silence_nothing_is_known_of_the_level():
    calm = [plain(at(n), 100.0) for n in range(10)]
    assert cleaned(*calm, plain("2024-01-04T15:20:00", 150.0)).quarantine.is_empty()


def test_bytes_follow_the_headers_own_sizes():
    raw = raw_ticks(plain(at(1), 100.0), plain(at(2), 100.1))
    layouts = {"ESH24-CME": FileLayout("ESH24-CME.SCID", 64, 48)}
    done = clean_ticks(raw, ES, WINDOW, layouts=layouts)
    assert done.quarantine.select("source", "byte_offset").rows() == [("ESH24-CME.SCID", 112)]


def test_quotes_beside_trades_are_counted_by_session_state():
    monday = session_window(ES, "2024-01-08")
    before, inside = "2024-01-07T22:59:59", "2024-01-08T15:00:00"
    rows = [
        trade(before, 100.0, 100.25, 100.0),
        trade(inside, 100.0, 100.0, 100.0),
        trade(inside, 100.0, 100.0, 0.0),
    ]
    done = clean_ticks(raw_ticks(*rows), ES, monday)
    assert done.clean.height == 3
    counted = {name: count for name, count in done.counts.items() if name.startswith("quote.")}
    assert counted == {"quote.crossed.pre_open": 1, "quote.locked.open": 1, "quote.one_sided.open": 1}


def test_bar_records_are_known_at_their_close():
    row = cleaned(record(at(0), 100.0, 102.0, 99.0, 101.0, 30, 200, 80, 120)).clean.row(0, named=True)
    assert (row["known_at"] - row["event_ts"]).total_seconds() == 60
    assert (row["open_ticks"], row["high_ticks"], row["low_ticks"], row["price_ticks"]) == (
        400,
        408,
        396,
        404,
    )
    assert (row["side"], row["bid_volume"], row["ask_volume"], row["size"]) == (0, 80.0, 120.0, 200.0)


def test_session_states_follow_the_calendar():
    monday = session_window(ES, "2024-01-08")
    stamps = ["2024-01-07T22:59:59", "2024-01-07T23:00:00", "2024-01-08T22:00:00", "2024-01-08T22:59:59"]
    done = clean_ticks(raw_ticks(*(plain(s, 100.0) for s in stamps)), ES, monday)
    assert done.clean["session_state"].to_list() == ["pre_open", "open", "break", "break"]


def test_quarantine_points_at_the_bytes():
    good = plain(at(1), 100.0)
    done = cleaned(
        good, plain(at(2), 100.1), good, plain(0, 100.0), plain(at(3, day=5), 100.0),
        record(at(4), 0.0, 100.25, 100.0, 0.0, 1, 0),
    )  # fmt: skip
    assert done.quarantine.select("seq", "byte_offset", "rule").rows() == [
        (1, 96, "off_grid"),
        (3, 176, "impossible_stamp"),
        (4, 216, "outside_session"),
        (5, 256, "quote_without_price"),
    ]
    assert set(done.quarantine["source"]) == {"ESH24-CME.scid"}
    assert done.counts["rule.off_grid"] == 1


def test_off_grid_quote_costs_the_quote_not_the_trade():
    done = cleaned(trade(at(1), 100.0, 99.9, 100.25))
    assert done.clean["bid_ticks"].to_list() == [None]
    assert done.counts["off_grid_quote"] == 1


def test_empty_frames():
    for table, clean in (("ticks", clean_ticks), ("dom", clean_dom)):
        done = clean(empty("raw_ticks" if table == "ticks" else "raw_depth"), ES, WINDOW)
        assert breaches(f"clean_{table}", done.clean) == []
        assert breaches(f"quarantine_{table}", done.quarantine) == []
        assert done.counts["records"] == 0


trades = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(398, 402),
        st.integers(0, 3),
        st.sampled_from(["plain", "quoted", "bar"]),
    ),
    min_size=1,
    max_size=40,
)


def build_trades(rows):
    second, out = 0, []
    for gap, ticks, size, kind in rows:
        second += gap
        stamp, price = sc_us(at(0)) + second * 1_000_000, ticks / 4
        if kind == "plain":
            out.append(plain(stamp, price, size))
        elif kind == "quoted":
            out.append(trade(stamp, price, 100.0, 100.25, size, side=0))
        else:
            out.append(record(stamp, price, price + 1, price - 1, price, 20, size))
    return out


@given(trades, st.data())
@settings(deadline=None, max_examples=60, derandomize=True)
def test_clean_ticks_of_a_prefix_are_the_prefix_of_the_whole(rows, data):
    raw = raw_ticks(*build_trades(rows))
    whole = clean_ticks(raw, ES, WINDOW).clean
    cut = data.draw(st.sampled_from(raw["ts_utc"].to_list()))
    known = clean_ticks(raw.filter(pl.col("ts_utc") <= cut), ES, WINDOW).clean.filter(
        pl.col("known_at") <= cut
    )
    assert known.equals(whole.filter(pl.col("known_at") <= cut))


def snapshot(stamp, bids=((100.0, 5), (99.75, 6)), asks=((100.25, 7),)):
    rows = [(2, p, s) for p, s in bids] + [(3, p, s) for p, s in asks]
    records = [depth(stamp, 1)] + [depth(stamp, c, p, s) for c, p, s in rows[:-1]]
    return [*records, depth(stamp, *rows[-1], flags=1)]


def dom(*records, window=WINDOW):
    done = clean_dom(raw_depth(*records), ES, window)
    assert breaches("clean_dom", done.clean) == []
    assert breaches("quarantine_dom", done.quarantine) == []
    return done


def test_dom_has_a_row_for_each_batch_that_changed_the_top():
    deep = [depth(at(3), 2, 90.0 + n / 4, 1, flags=1) for n in range(2)]
    done = dom(*snapshot(at(1)), *snapshot(at(2)), *deep, depth(at(4), 4, 100.0, 9, flags=1))
    assert done.clean["bid_size_1"].to_list() == [5.0, 5.0, 5.0, 9.0]
    assert done.clean["bid_ticks_4"].to_list() == [None, None, 360, 360]
    assert done.clean["seq"].to_list() == [3, 8, 9, 10]
    assert (done.counts["batches"], done.counts["snapshots"]) == (5, 2)


def test_dom_states():
    done = dom(
        *snapshot(at(1)),
        depth(at(2), 2, 100.25, 1, flags=1), depth(at(3), 2, 100.5, 1, flags=1),
        depth(at(4), 7, 100.25, 0, flags=1), depth(at(5), 1, flags=1),
    )  # fmt: skip
    assert done.clean["book_state"].to_list() == ["normal", "locked", "crossed", "one_sided", "empty"]
    assert (done.counts["crossed_batches"], done.counts["locked_batches"]) == (1, 1)


def test_dom_before_the_first_snapshot_is_not_known():
    done = dom(depth(at(1), 2, 100.0, 5, flags=1), *snapshot(at(2)))
    assert done.clean.height == 1
    assert done.counts["before_snapshot"] == 1


def test_dom_bad_records_are_put_aside_and_the_batch_still_ends():
    bad = [
        depth(at(2), 2, 100.1, 5, flags=1),
        depth(0, 3, 100.5, 5, flags=1),
        depth(at(3, day=6), 3, 100.5, 5, flags=1),
    ]
    done = dom(*snapshot(at(1)), *bad, depth(at(4), 4, 100.0, 9, flags=1))
    assert done.quarantine.select("byte_offset", "rule").rows() == [
        (64 + 24 * 4, "off_grid"), (64 + 24 * 5, "impossible_stamp"), (64 + 24 * 6, "outside_session"),
    ]  # fmt: skip
    assert done.clean["event_ts"].dt.timestamp("us").to_list() == [us(at(1)), us(at(4))]


def test_dom_batch_never_reaches_over_into_the_next_file():
    first = raw_depth(*snapshot(at(1)), depth(at(2), 4, 100.0, 9), source="a.depth")
    second = raw_depth(depth(at(3), 5, 100.25, 3, flags=1), source="b.depth")
    done = clean_dom(pl.concat([first, second]), ES, WINDOW)
    assert done.counts["unfinished_records"] == 1
    assert done.clean.select("bid_size_1", "ask_size_1", "seq").rows() == [(5.0, 7.0, 3), (5.0, 3.0, 0)]


@given(
    st.lists(st.tuples(st.integers(2, 7), st.integers(396, 404), st.integers(0, 3)), max_size=30), st.data()
)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_clean_dom_of_a_prefix_is_the_prefix_of_the_whole(rows, data):
    moves = [depth(sc_us(at(2)) + n * 1_000, c, k / 4, s, flags=1) for n, (c, k, s) in enumerate(rows)]
    raw = raw_depth(*snapshot(at(1)), *moves)
    whole = clean_dom(raw, ES, WINDOW).clean
    cut = data.draw(st.sampled_from(raw["ts_utc"].to_list()))
    prefix = clean_dom(raw.filter(pl.col("ts_utc") <= cut), ES, WINDOW).clean
    assert prefix.equals(whole.filter(pl.col("known_at") <= cut))


late_rows = st.lists(
    st.tuples(st.integers(-3, 5), st.sampled_from([398, 400, 401, 600, 602])), min_size=1, max_size=40
)


@given(late_rows, st.data())
@settings(deadline=None, max_examples=60, derandomize=True)
def test_what_the_file_held_by_then_is_cleaned_as_in_the_whole(rows, data):
    """Late rows and jumps too: a file's prefix gives the whole's rows that were known before its end."""
    second, records = 0, []
    for gap, ticks in rows:
        second += gap
        records.append(plain(sc_us(at(20)) + second * 1_000_000, ticks / 4))
    raw = raw_ticks(*records)
    whole = clean_ticks(raw, ES, WINDOW).clean
    count = data.draw(st.integers(1, raw.height))
    part = clean_ticks(raw.head(count), ES, WINDOW).clean
    before = raw.head(count)["ts_utc"].max()  # rows at the very end may still be joined by late ones
    assert part.filter(pl.col("known_at") < before).equals(whole.filter(pl.col("known_at") < before))
