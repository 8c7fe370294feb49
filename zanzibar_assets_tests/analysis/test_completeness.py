"""Completeness by hand and by law: minutes, gaps, volumes, the book against the tape."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.analysis.completeness import SessionFrames, build_completeness, judge
from zanzibar_assets.analysis.gaps import count_minutes, open_stretches, session_gaps
from zanzibar_assets.analysis.vanished import vanished, vanished_share
from zanzibar_assets.calendars import SessionWindow, session_window
from zanzibar_assets.config import QualityConfig
from zanzibar_assets.contracts.registry import breaches, conform, empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.market import ES, SECOND, ticks

MINUTE = 60 * SECOND
OPEN = 19_000 * 86_400 * SECOND
BREAK = (OPEN + 60 * MINUTE, OPEN + 75 * MINUTE)
WINDOW = SessionWindow("2022-01-08", OPEN - 60 * MINUTE, OPEN, OPEN + 120 * MINUTE, (BREAK,))
QUALITY = QualityConfig()
FIVE = 5 * MINUTE


def trades_at(*minutes, price=400):
    stamps = OPEN + (np.array(minutes, dtype=np.float64) * MINUTE).astype(np.int64)
    return ticks(
        stamps, np.full(len(stamps), price), np.ones(len(stamps)), np.ones(len(stamps)), opens_us=OPEN
    )


def gaps(clean, last_minute, dom=None):
    dom = empty("clean_dom") if dom is None else dom
    found = session_gaps(clean, dom, WINDOW, OPEN + int(last_minute * MINUTE), FIVE)
    assert breaches("session_gaps", found) == []
    begins = (found["event_ts"].dt.timestamp("us") - OPEN) / MINUTE
    return list(zip(begins.to_list(), found["minutes"], found["place"], found["book_rows"], strict=True))


def book(*rows):
    """CleanDom of (minute, bid price, bid size, ask price, ask size) with one level a side."""
    names = [
        f"{side}_{what}_{n}" for n in range(2, 6) for side in ("bid", "ask") for what in ("ticks", "size")
    ]
    frame = pl.DataFrame(
        [(OPEN + int(m * MINUTE), b, float(bs), a, float(s)) for m, b, bs, a, s in rows],
        schema=["at", "bid_ticks_1", "bid_size_1", "ask_ticks_1", "ask_size_1"],
        orient="row",
    ).with_columns(
        *(pl.col("at").cast(pl.Datetime("us", "UTC")).alias(name) for name in ("event_ts", "known_at")),
        *(pl.lit(None).alias(name) for name in names),
        seq=pl.int_range(pl.len()),
        session_state=pl.lit("open"),
        snapshot=pl.lit(False),
        book_state=pl.when(pl.col("bid_ticks_1") > pl.col("ask_ticks_1"))
        .then(pl.lit("crossed"))
        .otherwise(pl.lit("normal")),
    )
    return conform("clean_dom", frame)


def completeness(clean, dom=None, bars=None, window=WINDOW, instrument=ES, aside=None):
    dom = empty("clean_dom") if dom is None else dom
    bars = build_bars(clean, instrument, window) if bars is None else bars
    aside = empty("quarantine_ticks") if aside is None else aside
    frames = SessionFrames(clean, dom, bars, aside, empty("quarantine_dom"))
    found = build_completeness(frames, instrument, window, QUALITY)
    for table, frame in (("completeness", found.session), ("gaps", found.gaps), ("counts", found.counts)):
        assert breaches(f"session_{table}", frame) == []
    return found


def test_open_time_leaves_the_breaks_out():
    assert open_stretches(WINDOW) == [(OPEN, BREAK[0]), (BREAK[1], WINDOW.close_us)]


@pytest.mark.parametrize(
    ("last", "expected", "to_close"), [(-10, 0, 105), (0, 1, 104), (59, 60, 45), (70, 60, 45), (119, 105, 0)]
)
def test_minutes_are_expected_up_to_the_last_event_only(last, expected, to_close):
    found = count_minutes(trades_at(0, 0.5), empty("clean_dom"), WINDOW, OPEN + last * MINUTE)
    assert (found.expected, found.to_close) == (expected, to_close)


def test_seen_minutes_are_distinct_open_ones():
    clean = trades_at(-5, 0, 0.2, 0.9, 3, 59.99, 80)
    assert count_minutes(clean, empty("clean_dom"), WINDOW, OPEN + 119 * MINUTE).seen == 4


def test_minutes_in_which_only_the_book_moved_are_fed():
    dom = book((2, 399, 1, 400, 1), (2.5, 399, 1, 400, 2), (61, 399, 1, 400, 3), (80, 399, 1, 400, 4))
    found = count_minutes(trades_at(0, 2), dom, WINDOW, OPEN + 119 * MINUTE)
    assert (found.seen, found.fed) == (2, 3)


def test_a_bar_record_covers_its_minutes():
    bars = ticks([OPEN], [400], [10.0], records=([400], [401], [399], np.array([4.0]), np.array([6.0]), 300))
    assert count_minutes(bars, empty("clean_dom"), WINDOW, OPEN + 10 * MINUTE).seen == 5


def test_gaps_by_hand():
    clean = trades_at(6, 7, 20, 58, 76, 118)
    assert gaps(clean, 120) == [
        (0.0, 6.0, "at_start", 0),
        (7.0, 13.0, "inside", 0),
        (20.0, 38.0, "inside", 0),
        (76.0, 42.0, "inside", 0),
    ]


def test_a_gap_never_reaches_over_a_break_and_ends_with_its_stretch():
    assert gaps(trades_at(0, 50, 85), 90) == [
        (0.0, 50.0, "inside", 0), (50.0, 10.0, "at_end", 0), (75.0, 10.0, "at_start", 0),
    ]  # fmt: skip


def test_a_silence_that_is_not_over_is_no_gap_yet():
    assert gaps(trades_at(0), 30) == []
    assert [g[1] for g in gaps(trades_at(0), 60)] == [60.0]


def test_a_quiet_market_is_told_from_a_silent_feed():
    dom = book(*[(n, 399, 5, 400, 5 + n) for n in range(1, 9)])
    assert gaps(trades_at(0, 10), 10, dom) == [(0.0, 10.0, "inside", 8)]


@given(st.lists(st.integers(-50, 119), min_size=1, max_size=30), st.integers(-50, 130))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_gaps_of_a_prefix_are_the_prefix_of_the_whole(minutes, cut):
    clean = trades_at(*sorted(minutes))
    stamps = clean["known_at"].dt.timestamp("us")
    last, edge = int(stamps.max()), OPEN + cut * MINUTE
    whole = session_gaps(clean, empty("clean_dom"), WINDOW, last, FIVE)
    part = clean.filter(stamps <= edge)
    if part.height:
        known = int(part["known_at"].dt.timestamp("us").max())
        assert session_gaps(part, empty("clean_dom"), WINDOW, known, FIVE).equals(
            whole.filter(pl.col("known_at").dt.timestamp("us") <= known)
        )


@given(st.lists(st.floats(-50, 119), min_size=1, max_size=60))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_seen_and_expected_against_a_plain_count(minutes):
    clean = trades_at(*sorted(minutes))
    stamps = clean["known_at"].dt.timestamp("us").to_list()
    last = max(stamps)
    grid = [OPEN + n * MINUTE for n in range(120) if not BREAK[0] <= OPEN + n * MINUTE < BREAK[1]]
    due = [start for start in grid if start <= last]
    found = count_minutes(clean, empty("clean_dom"), WINDOW, last)
    assert found.expected == len(due)
    assert found.seen == sum(any(start <= s < start + MINUTE for s in stamps) for start in due)


def test_volumes_agree_exactly_or_it_is_said():
    clean = trades_at(0, 1, 2)
    bars = build_bars(clean, ES, WINDOW)
    assert completeness(clean, bars=bars).session["volume_reconciles"].to_list() == [True]
    short = completeness(clean, bars=bars.head(2)).session.row(0, named=True)
    assert (short["volume_reconciles"], short["tick_volume"], short["bar_volume"]) == (False, 3.0, 2.0)


def test_fractional_lots_are_compared_in_the_files_own_units():
    btc = load_instruments()["BTCUSDT"]
    size = np.full(1_000, 0.1)  # a thousand tenths are not a hundred in floating point
    clean = ticks(OPEN + np.arange(1_000) * SECOND, np.full(1_000, 400), size, np.ones(1_000), opens_us=OPEN)
    clean = clean.with_columns(contract=pl.lit("BTCUSDT_PERP_BINANCE"))
    row = completeness(clean, instrument=btc).session.row(0, named=True)
    assert row["volume_reconciles"]
    assert row["tick_volume"] == pytest.approx(100.0)


def test_counts_by_session_state():
    clean = trades_at(-5, 0).with_columns(
        bid_ticks=pl.Series([401, 399]),
        ask_ticks=pl.Series([400, 400]),
        flag=pl.Series([None, "out_of_order"]),
    )
    aside = pl.DataFrame(
        {
            "ts_utc": clean["known_at"], "seq": [7, 8], "source": "x", "byte_offset": [0, 1],
            "rule": ["outlier", "off_grid"], "detail": "", "price": 1.0, "size": 2.0,
        }
    )  # fmt: skip
    found = completeness(clean, aside=conform("quarantine_ticks", aside))
    assert found.counts.select("subject", "name", "session_state", "rows").rows() == [
        ("flag", "out_of_order", "open", 1),
        ("quote", "crossed", "pre_open", 1),
        ("quote", "normal", "open", 1),
        ("tick_rule", "off_grid", "open", 1),
        ("tick_rule", "outlier", "pre_open", 1),
    ]
    row = found.session.row(0, named=True)
    assert (row["quarantined_rows"], row["quarantined_volume"]) == (2, 4.0)


def test_nothing_is_said_of_nothing():
    found = completeness(empty("clean_ticks"), bars=empty("bars"))
    assert found.session.is_empty()


def test_an_early_close_is_not_a_gap():
    early = session_window(ES, "2023-11-24")  # the day after Thanksgiving closes at 12:15 in Chicago
    full = session_window(ES, "2023-11-22")
    hours = [sum(b - a for a, b in open_stretches(w)) / 3_600e6 for w in (early, full)]
    assert hours[0] < hours[1]
    stamps = np.arange(early.open_us, early.close_us, 30 * SECOND)
    stamps = stamps[np.array([s == "open" for s in early.states(stamps)])]
    clean = ticks(stamps, np.full(len(stamps), 400), np.ones(len(stamps)), opens_us=early.open_us)
    row = completeness(clean, window=early).session.row(0, named=True)
    assert (row["coverage_pct"], row["gaps"], row["minutes_to_close"]) == (100.0, 0, 0)


def test_what_trades_must_vanish_where_it_trades():
    dom = book((0, 399, 10, 400, 10), (1.005, 399, 10, 400, 6), (2.005, 399, 10, 401, 3), (3, 399, 2, 401, 3))
    gone = vanished(dom).sort("side", "price_ticks")
    assert gone.select("side", "price_ticks", "vanished").rows() == [
        (-1, 399, 8.0),
        (1, 400, 4.0),
        (1, 400, 6.0),
    ]
    clean = ticks(
        OPEN + (np.array([1.004, 2.004, 2.0041]) * MINUTE).astype(np.int64),
        [400, 400, 400], [4.0, 6.0, 5.0], [1, 1, 1], opens_us=OPEN,
    )  # fmt: skip
    found = vanished_share(clean, dom)
    assert (found.traded, found.seen) == (15.0, 10.0)
    assert found.pct == pytest.approx(100 * 10 / 15)


def test_what_a_snapshot_leaves_out_was_not_seen_to_go():
    rows = (0, 399, 10, 400, 10), (1, 399, 2, 400, 10), (2, 399, 2, 400, 7)
    anew = book(*rows).with_columns(snapshot=pl.Series([True, True, False]))
    gone = vanished(anew).select("side", "price_ticks", "vanished").rows()
    assert gone == [(1, 400, 3.0)]  # after the snapshot the book is followed again
    assert vanished(book(*rows)).height == 2


def test_a_crossed_book_proves_nothing():
    dom = book((0, 399, 10, 400, 10), (1, 402, 1, 400, 6))
    assert vanished(dom).is_empty()


def test_a_level_pushed_out_of_sight_did_not_vanish():
    def ladder(minute, best):
        return {f"bid_ticks_{n}": best + 1 - n for n in range(1, 6)} | {
            "at": OPEN + minute * MINUTE, **{f"bid_size_{n}": 5.0 for n in range(1, 6)},
        }  # fmt: skip

    def frame(*rows):
        base = book((0, 1, 1, 900, 1)).drop("event_ts", "known_at", *(n for n in rows[0] if n != "at"))
        stamped = pl.DataFrame(rows).with_columns(
            *(pl.col("at").cast(pl.Datetime("us", "UTC")).alias(n) for n in ("event_ts", "known_at"))
        )
        return conform("clean_dom", pl.concat([base] * len(rows)).hstack(stamped))

    assert vanished(frame(ladder(0, 400), ladder(1, 401))).is_empty()
    assert vanished(frame(ladder(0, 401), ladder(1, 400)))["price_ticks"].to_list() == [401]


def verdicts(found):
    return {f.name: (f.passed, f.blocking) for f in judge(found, QUALITY)}


def test_only_volume_that_is_lost_blocks():
    clean = trades_at(*range(60), *range(75, 120))
    good = completeness(clean)
    assert set(verdicts(good).values()) == {(True, False), (True, True)}
    bad = completeness(trades_at(0, 50), bars=empty("bars"))
    assert {name: value for name, value in verdicts(bad).items() if not value[0]} == {
        "volume_reconciles": (False, True),
        "minutes_are_covered": (False, False),
        "no_long_gap": (False, False),
        "data_reach_the_close": (False, False),
    }


@pytest.mark.parametrize(("side", "fits"), [(1, True), (-1, False)])
def test_a_sweep_explains_a_trade_beyond_the_touch_and_nothing_else_does(side, fits):
    dom = book((0, 399, 10, 400, 10))
    clean = trades_at(1, 2, price=405).with_columns(side=pl.lit(side, dtype=pl.Int8))
    found = completeness(clean, dom)
    assert found.session["outside_book_pct"].to_list() == [100.0]
    assert verdicts(found)["trades_fit_the_book"] == (fits, False)


def test_nothing_is_judged_where_nothing_is():
    assert judge(completeness(empty("clean_ticks"), bars=empty("bars")), QUALITY) == []
