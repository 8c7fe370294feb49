"""``.scid`` decoding, each record kind from bytes made by hand."""

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.ingestion import formats, scid
from zanzibar_assets.ingestion.sources import find_sources, session_slices
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.sierra import (
    FIRST_BITS,
    LAST_BITS,
    float_of,
    record,
    sc_days,
    sub,
    trade,
    us,
    write_scid,
)

T = "2024-01-03T15:00:00"


def decode(tmp_path, *records, symbol="ESH24-CME", chunk=None, scale=None, tail=b""):
    path = write_scid(tmp_path / f"{symbol}.scid", *records, tail=tail)
    instruments = load_instruments()
    scale = scale or scid.scale_of(symbol, instruments.of_symbol(symbol))
    frames = scid.iter_chunks(path, formats.read_header(path), scale, chunk_records=chunk or 1000)
    frame = pl.concat(list(frames))
    assert breaches("raw_ticks", frame) == []
    return frame


def at(second, micro=0):
    return f"2024-01-03T15:00:{second:02d}.{micro:06d}"


def test_single_trade_is_kept_though_its_open_is_zero(tmp_path):
    row = decode(tmp_path, trade(at(1, 105_001), 4800.25, 4800.0, 4800.25, size=7)).row(0, named=True)
    assert row["kind"] == "trade"
    assert (row["price"], row["bid"], row["ask"]) == (4800.25, 4800.0, 4800.25)
    assert (row["size"], row["side"], row["trades"]) == (7.0, 1, 1)
    assert (row["open"], row["high"], row["low"]) == (None, None, None)
    assert row["defect"] is None


def test_the_ask_of_a_trade_is_never_a_bar_high(tmp_path):
    row = decode(tmp_path, trade(T, 4800.0, 4800.0, 4900.0)).row(0, named=True)
    assert row["ask"] == 4900.0
    assert row["high"] is None


def test_microseconds_are_not_cut_to_milliseconds(tmp_path):
    stamps = decode(tmp_path, trade(at(2, 105_000), 1.0, 1.0, 1.25), trade(at(2, 105_001), 1.0, 1.0, 1.25))[
        "ts_utc"
    ]
    assert stamps.dt.timestamp("us").diff()[1] == 1


@pytest.mark.parametrize(("bid", "ask", "side"), [(3, 0, -1), (0, 3, 1), (0, 0, 0), (1, 2, 0)])
def test_side_from_the_volumes(tmp_path, bid, ask, side):
    row = decode(tmp_path, record(T, 0.0, 100.25, 100.0, 100.0, 1, 3, bid, ask)).row(0, named=True)
    assert row["side"] == side
    assert row["size"] == 3.0


def test_unbundled_trade_is_grouped_by_state(tmp_path):
    frame = decode(
        tmp_path,
        trade(at(1), 100.0, 100.0, 100.25),
        sub(FIRST_BITS, at(2, 0), 100.25),
        trade(at(2, 1), 100.25, 100.0, 100.25),
        trade(at(2, 2), 100.25, 100.0, 100.25),
        sub(LAST_BITS, at(2, 3), 100.25),
        trade(at(3), 100.0, 100.0, 100.25),
    )
    assert frame["kind"].to_list() == ["trade", "sub_first", "sub_middle", "sub_middle", "sub_last", "trade"]
    assert frame["trade_id"].to_list() == [None, 1, 1, 1, 1, None]
    assert frame["bid"][1] == 100.0


def test_sentinels_are_told_apart_by_their_bits(tmp_path):
    near = float_of(FIRST_BITS + 1)
    first, last = sub(FIRST_BITS, at(1), 100.0), sub(LAST_BITS, at(1, 1), 100.0)
    frame = decode(tmp_path, first, last, record(T, near, 1, 1, 1))
    assert frame["kind"].to_list() == ["sub_first", "sub_last", "bar"]
    assert frame["defect"].to_list() == [None, None, "nonpositive_price"]


def test_a_first_without_its_last_gathers_no_later_trades(tmp_path):
    frame = decode(
        tmp_path,
        sub(FIRST_BITS, at(1), 100.0),
        trade(at(3), 100.0, 100.0, 100.25),
        sub(LAST_BITS, at(9), 100.0),
    )
    assert frame["kind"].to_list() == ["sub_first", "trade", "sub_last"]
    assert frame["trade_id"].to_list() == [0, None, None]


def test_two_trades_in_a_row_are_two_groups(tmp_path):
    frame = decode(
        tmp_path, *(sub(bits, at(1, n), 100.0) for n, bits in enumerate([FIRST_BITS, LAST_BITS] * 2)),
        sub(FIRST_BITS, at(1, 8), 100.0), sub(FIRST_BITS, at(1, 9), 100.0), sub(LAST_BITS, at(1, 10), 100.0),
    )  # fmt: skip
    assert frame["trade_id"].to_list() == [0, 0, 2, 2, 4, 5, 5]


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_chunks_change_nothing(tmp_path, chunk):
    records = [
        sub(FIRST_BITS, at(1, 0), 100.0), trade(at(1, 1), 100.0, 100.0, 100.25),
        sub(LAST_BITS, at(1, 2), 100.0),
        trade(at(2), 100.0, 100.0, 100.25), sub(FIRST_BITS, at(3, 0), 100.0), sub(LAST_BITS, at(3, 1), 100.0),
    ]  # fmt: skip
    assert decode(tmp_path, *records, chunk=chunk).equals(decode(tmp_path, *records))


def test_bar_record(tmp_path):
    row = decode(tmp_path, record(T, 100.0, 102.0, 99.5, 101.0, 40, 500, 200, 250)).row(0, named=True)
    assert row["kind"] == "bar"
    assert (row["open"], row["high"], row["low"], row["price"]) == (100.0, 102.0, 99.5, 101.0)
    assert (row["size"], row["bid_volume"], row["ask_volume"], row["trades"]) == (500.0, 200.0, 250.0, 40)
    assert (row["side"], row["bid"], row["ask"]) == (0, None, None)


def test_quote_update(tmp_path):
    frame = decode(
        tmp_path, record(T, 0.0, 100.25, 100.0, 100.0, 1, 0), record(T, 0.0, 100.25, 100.0, 0.0, 1, 0)
    )
    assert frame["kind"].to_list() == ["quote", "quote"]
    assert frame["price"].to_list() == [100.0, None]
    assert frame["bid"].to_list() == [100.0, 100.0]
    assert frame["defect"].null_count() == 2


def test_plain_tick_or_flat_bar_is_decided_by_the_source(tmp_path):
    flat = record(T, 100.0, 100.0, 100.0, 100.0, 1, 2)
    full = record(T, 100.0, 101.0, 100.0, 100.0, 9, 2)
    scale = {kind: scid.Scale("X", records=kind) for kind in ("ticks", "bars", "auto")}
    assert decode(tmp_path, flat, scale=scale["ticks"])["kind"].to_list() == ["trade"]
    assert decode(tmp_path, flat, scale=scale["bars"])["kind"].to_list() == ["bar"]
    assert decode(tmp_path, flat, scale=scale["auto"])["kind"].to_list() == ["trade"]
    assert decode(tmp_path, flat, full, scale=scale["auto"])["kind"].to_list() == ["bar", "bar"]
    assert decode(tmp_path, flat, full, scale=scale["ticks"])["kind"].to_list() == ["trade", "bar"]


def test_old_float_day_records(tmp_path):
    frame = decode(
        tmp_path, record(sc_days("2010-05-06T18:45:27.5"), 1100.0, 1101.0, 1099.0, 1100.5, 10, 100)
    )
    assert frame["ts_utc"].dt.timestamp("us").to_list() == [us("2010-05-06T18:45:27.5")]
    assert frame["kind"].to_list() == ["bar"]


def test_multipliers_scale_prices_and_sizes_never_sentinels(tmp_path):
    frame = decode(
        tmp_path,
        trade(at(1), 2915775.0, 2915750.0, 2915775.0),
        sub(FIRST_BITS, at(2), 2915775.0),
        symbol="NQU6.CME",
    )
    assert frame["price"].to_list() == [29157.75, 29157.75]
    assert frame["bid"].to_list()[0] == 29157.5
    assert frame["kind"].to_list() == ["trade", "sub_first"]
    btc = decode(tmp_path, trade(T, 61800.3, 61800.2, 61800.3, size=1500), symbol="BTCUSDT_PERP_BINANCE")
    assert btc["price"].to_list() == [61800.3]
    assert btc["size"].to_list() == [1.5]


def test_unknown_symbol_keeps_the_files_own_prices(tmp_path):
    frame = decode(tmp_path, trade(T, 100.13, 100.0, 100.25), symbol="WHAT")
    assert frame["price"].to_list() == [float(np.float32(100.13))]
    assert frame["defect"].to_list() == [None]


@pytest.mark.parametrize(
    ("bad", "defect"),
    [
        (record(0, 0.0, 100.25, 100.0, 100.0), "impossible_stamp"),
        (record(2**62, 0.0, 100.25, 100.0, 100.0), "impossible_stamp"),
        (record(T, 0.0, 100.25, 100.0, float("nan")), "nan_price"),
        (record(T, float("inf"), 1.0, 1.0, 1.0), "nan_price"),
        (record(T, 0.0, 100.25, 100.0, 0.0, 1, 5), "nonpositive_price"),
        (record(T, 0.0, 100.25, 100.0, -4.0), "nonpositive_price"),
        (record(T, 0.0, 100.25, 100.0, 100.0, 1, 2**31), "count_over_int_max"),
        (record(T, 0.0, 100.25, 100.0, 100.0, 1, 1, 2**32 - 1), "count_over_int_max"),
        (record(T, 100.0, 99.0, 98.0, 99.5, 5), "bar_range"),
        (record(T, 0.0, 100.25, 100.0, 100.1), "off_grid"),
        (record(T, 100.1, 101.0, 100.0, 100.5, 5), "off_grid"),
    ],
)
def test_what_cannot_be_true_is_named_and_kept(tmp_path, bad, defect):
    frame = decode(tmp_path, trade(T, 100.0, 100.0, 100.25), bad)
    assert frame.height == 2
    assert frame["defect"].to_list() == [None, defect]
    assert (frame["ts_utc"][1] is None) == (defect == "impossible_stamp")


@pytest.mark.parametrize("quote", [float("nan"), float("inf"), -1.0])
def test_a_quote_that_cannot_be_true_takes_no_trade_along(tmp_path, quote):
    no_ask, no_bid = record(T, 0.0, quote, 100.0, 100.0), record(T, 0.0, 100.25, quote, 100.0)
    frame = decode(tmp_path, no_ask, no_bid)
    assert frame["defect"].to_list() == [None, None]
    assert frame["price"].to_list() == [100.0, 100.0]
    assert frame["ask"].to_list() == [None, 100.25]
    assert frame["bid"].to_list() == [100.0, None]
    update = record(T, 0.0, quote, 100.0, 100.0, 1, 0)  # a bid/ask update is nothing but its quote
    assert decode(tmp_path, update)["defect"].null_count() == 0


def test_zero_size_and_exact_repeats_stay(tmp_path):
    flat = record(T, 100.0, 100.0, 100.0, 100.0, 1, 0)
    frame = decode(tmp_path, flat, flat, flat)
    assert frame.height == 3
    assert frame["defect"].null_count() == 3


def test_torn_tail_loses_nothing_before_it_and_completes_later(tmp_path):
    last = trade(at(5), 101.0, 100.75, 101.0)
    torn = decode(tmp_path, trade(T, 100.0, 100.0, 100.25), tail=last[:33])
    whole = decode(tmp_path, trade(T, 100.0, 100.0, 100.25), last)
    assert torn.height == 1
    assert whole.head(1).equals(torn)
    assert whole["price"].to_list() == [100.0, 101.0]


def test_read_ticks_gives_exactly_the_slice(tmp_path):
    path = write_scid(
        tmp_path / "ESH24-CME.scid",
        trade("2024-01-03T15:00:00", 100.0, 100.0, 100.25),
        trade("2024-01-04T15:00:00", 101.0, 101.0, 101.25),
        trade("2024-01-04T15:00:01", 102.0, 102.0, 102.25),
    )
    es = load_instruments()["ES"]
    (file,) = find_sources(path.parent, [es])
    by_session = {part.session: scid.read_ticks([part], es) for part in session_slices(file, es)}
    assert {key: frame["seq"].to_list() for key, frame in by_session.items()} == {
        "2024-01-03": [0],
        "2024-01-04": [1, 2],
    }
    assert by_session["2024-01-04"]["contract"].unique().to_list() == ["ESH24-CME"]
    assert breaches("raw_ticks", scid.read_ticks([], es)) == []
