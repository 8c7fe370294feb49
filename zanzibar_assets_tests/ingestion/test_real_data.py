"""Facts of the real files, each from their manifest, on the way from bytes to clean frames."""

import polars as pl
import pytest

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.ingestion import formats, scid
from zanzibar_assets.ingestion.book import Book
from zanzibar_assets.ingestion.book_frames import ReplayTally, replay_file
from zanzibar_assets.ingestion.cleaning import clean_ticks
from zanzibar_assets.ingestion.cleaning_dom import clean_dom
from zanzibar_assets.ingestion.depth import read_depth
from zanzibar_assets.ingestion.depth_arrays import depth_arrays
from zanzibar_assets.ingestion.sources import find_sources, select_slices, session_slices, symbol_of
from zanzibar_assets.ingestion.text import iter_text_chunks, zone_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data
from zanzibar_assets_tests.reference.slow_book import changes_of, slow_replay

pytestmark = needs_real_data
KNOWN = load_instruments()
ES_DEPTH = "ESH24-CME.2023-12-25.depth"
BTC_DEPTH = "BTCUSDT_PERP_BINANCE.2024-08-08.depth"


def scale_for(path):
    return scid.scale_of(symbol_of(path), KNOWN.of_symbol(symbol_of(path)))


def ticks(name):
    path = FOLDER / name
    return pl.concat(list(scid.iter_chunks(path, formats.read_header(path), scale_for(path))))


def session(instrument_id, day):
    instrument = KNOWN[instrument_id]
    chosen = select_slices(find_sources(FOLDER, [instrument]), instrument, day)
    return chosen, instrument, session_window(instrument, day)


def test_bytes_written_by_sierra_itself():
    path = FOLDER / "ES_unbundled_20230221_seandunaway.scid"
    header = formats.read_header(path)
    assert (header.header_bytes, header.record_bytes, header.version, header.simulated) == (56, 40, 1, False)
    frame = ticks(path.name)
    assert frame["kind"].to_list() == ["trade"] * 3 + ["sub_first", "sub_last"] + ["trade"] * 5
    assert frame["trade_id"].to_list() == [None] * 3 + [3, 3] + [None] * 5
    stamps = frame["ts_utc"].dt.strftime("%Y-%m-%d %H:%M:%S%.6f").to_list()
    assert (stamps[0], stamps[-1]) == ("2023-02-21 20:37:19.026000", "2023-02-21 20:40:52.682001")
    assert (frame["size"].sum(), frame["bid_volume"].sum(), frame["ask_volume"].sum()) == (10, 8, 2)
    assert (frame["price"][-1], frame["bid"][-1]) == (4048.25, 4048.5)


def test_es_holiday_session_ticks():
    chosen, es, window = session("ES", "2023-12-26")
    raw = scid.read_ticks(chosen.ticks, es)
    assert (raw.height, raw["defect"].null_count()) == (6171, 6171)
    volumes = [raw[name].sum() for name in ("size", "bid_volume", "ask_volume")]
    assert volumes == [9892, 4526, 5322]
    assert raw.filter(pl.col("side") == 0)["size"].sum() == 44
    kinds = dict(raw["kind"].value_counts().iter_rows())
    assert (kinds["sub_first"], kinds["sub_last"]) == (850, 850)
    assert raw["trade_id"].n_unique() == 851  # and null
    done = clean_ticks(raw, es, window)
    assert done.counts["outside_quote"] == 287
    assert (done.clean.height, done.quarantine.height) == (6171, 0)
    assert [done.clean[name].sum() for name in ("bid_volume", "ask_volume")] == [4526, 5322]
    assert breaches("clean_ticks", done.clean) == []


def test_es_holiday_session_depth_is_one_session_with_its_pre_open():
    chosen, es, window = session("ES", "2023-12-26")
    assert [(part.first_record, part.last_record) for part in chosen.depth] == [(0, 74_781)]
    raw = read_depth(chosen.depth, es)
    states = window.states(raw["ts_utc"].dt.timestamp("us").to_numpy())
    assert (states == "pre_open").sum() == 9681
    done = clean_dom(raw, es, window)
    assert (done.counts["snapshots"], done.counts["crossed_batches"]) == (12, 894)
    assert done.quarantine.is_empty()
    crossed = done.clean.filter(pl.col("book_state") == "crossed")
    assert set(crossed["session_state"]) == {"pre_open"}
    assert crossed["event_ts"].min().strftime("%H:%M:%S") == "22:39:55"
    assert crossed["event_ts"].max().hour == 22
    assert breaches("clean_dom", done.clean) == []


def test_no_session_of_christmas_day():
    es = KNOWN["ES"]
    found = {part.session for file in find_sources(FOLDER, [es]) for part in session_slices(file, es)}
    assert found == {"2023-12-26"}


def test_btc_ticks_and_depth():
    raw = ticks("BTCUSDT_PERP_BINANCE.scid")
    units = [round(raw[name].sum() * 1000) for name in ("size", "bid_volume", "ask_volume")]
    assert (raw.height, units) == (21_313, [2_429_366, 1_177_790, 1_251_576])
    assert raw["price"][0] == 61800.3
    btc = KNOWN["BTCUSDT"]
    (depth_file,) = [file for file in find_sources(FOLDER, [btc]) if file.kind == "depth"]
    parts = session_slices(depth_file, btc)
    assert [part.session for part in parts] == ["2024-08-08", "2024-08-09"]  # runs past UTC midnight
    assert sum(part.records for part in parts) == 406_683


def test_gold_ticks_without_sides():
    raw = ticks("GCZ13-COMEX.scid")
    assert raw.height == 91_740
    assert raw["size"].sum() == 124_299
    assert raw["bid"].null_count() == raw.height
    gc = KNOWN["GC"]
    done = {}
    for day in ("2013-10-07", "2013-10-08", "2013-10-09"):
        chosen, _, window = session("GC", day)
        assert (chosen.contract, chosen.reason) == ("Z13", "")
        done[day] = clean_ticks(scid.read_ticks(chosen.ticks, gc), gc, window)
    assert sum(d.clean.height for d in done.values()) == 91_740
    assert sum(d.counts["zero_size"] for d in done.values()) == 167
    assert sum(d.counts["repeats"] for d in done.values()) == 16_474
    assert sum(d.counts.get("state.break", 0) for d in done.values()) == 0
    signed = done["2013-10-08"].counts["side_from.tick"] / done["2013-10-08"].clean.height
    assert signed > 0.99


def test_gold_daily_break_is_empty():
    hours = ticks("GCZ13-COMEX.scid").with_columns(
        minute=pl.col("ts_utc").dt.hour().cast(pl.Int32) * 60 + pl.col("ts_utc").dt.minute()
    )
    assert hours.filter(pl.col("minute").is_between(21 * 60 + 15, 22 * 60 - 1)).height == 0


def test_minute_bars():
    btc = KNOWN["BTCPERP"]
    (file,) = find_sources(FOLDER, [btc])
    parts = session_slices(file, btc)
    assert (file.records, len(parts)) == (45_031, 33)
    assert sum(part.records == 1440 for part in parts) == 31
    raw = ticks("BTCPERP-1M.scid")
    assert raw["kind"].unique().to_list() == ["bar"]
    assert (raw["ts_utc"].diff().drop_nulls().dt.total_seconds() == 60).all()
    assert raw["defect"].null_count() == raw.height
    done = clean_ticks(scid.read_ticks(parts[5:6], btc), btc, session_window(btc, parts[5].session))
    assert (done.clean["known_at"] - done.clean["event_ts"]).dt.total_seconds().unique().to_list() == [60]


@pytest.mark.parametrize("name", ["ESH18.dly_BarData.txt", "ESM18.dly_BarData.txt"])
def test_daily_text_exports(name):
    path = FOLDER / name
    frame = pl.concat(list(iter_text_chunks(path, zone_of("America/Chicago"), scale_for(path))))
    assert (frame.height, frame["defect"].null_count()) == (756, 756)
    assert (frame["trades"] == 0).any()
    assert frame["bid_volume"].sum() + frame["ask_volume"].sum() == 0


def rows_of(path, count):
    records = formats.map_records(path, formats.read_header(path), 0, count)
    found, defect = depth_arrays(records, scale_for(path))
    assert not defect.any()
    return list(
        zip(
            *(a.tolist() for a in (found.stamps_us, found.commands, found.flags, found.keys, found.sizes)),
            strict=True,
        )
    ), found


@pytest.mark.parametrize(
    ("name", "records", "every_us"),
    [
        (ES_DEPTH, 8_000, 0),
        (ES_DEPTH, 8_000, "change"),
        (BTC_DEPTH, 30_000, "change"),
        (ES_DEPTH, 25_000, 100_000),
        (BTC_DEPTH, 120_000, 100_000),
    ],
)
def test_fast_book_equals_the_dictionary_book_on_real_files(name, records, every_us):
    rows, found = rows_of(FOLDER / name, records)
    change = every_us == "change"
    slow, reference = slow_replay(rows, 10, 0 if change else every_us)
    if change:
        slow = changes_of(slow)
    book = Book(10, 0 if change else every_us, on_change=change)
    top, consumed = book.feed(found)
    rest = book.finish()
    keys, sizes = (top.keys.tolist() + rest.keys.tolist(), top.sizes.tolist() + rest.sizes.tolist())
    stamps = top.stamps_us.tolist() + rest.stamps_us.tolist()
    assert stamps == [stamp for stamp, _ in slow]
    for key, size, (_, (bids, asks)) in zip(keys, sizes, slow, strict=True):
        pairs = [(k, s) for k, s in zip(key, size, strict=True)]
        assert tuple(p for p in pairs[:10] if p[1] > 0) == bids
        assert tuple(p for p in pairs[10:] if p[1] > 0) == asks
    assert book.count("UNKNOWN_DELETES") == reference.unknown_deletes
    assert consumed <= len(rows)


@pytest.mark.parametrize(
    ("name", "records", "snapshots", "crossed"), [(ES_DEPTH, 74_781, 12, 894), (BTC_DEPTH, 406_683, 1, 0)]
)
def test_depth_files_replay_whole(name, records, snapshots, crossed):
    book, tally = Book(10, 100_000), ReplayTally()
    for _ in replay_file(FOLDER / name, scale_for(FOLDER / name), book, tally):
        pass
    assert (tally.records, tally.defective, tally.unfinished_records) == (records, 0, 0)
    assert (book.count("CLEARS"), book.count("CROSSED")) == (snapshots, crossed)
