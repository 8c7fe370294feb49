"""Rolls: the gap at the same instants, a forward adjustment that never changes, levels kept apart."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.analysis.continuous import (
    adjusted_close_ticks,
    build_continuous_bars,
    build_contract_rolls,
    measure_gap,
    rolled_from,
)
from zanzibar_assets.analysis.contract_history import same_contract
from zanzibar_assets.calendars import session_window, sessions_between
from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.ingestion.rolls import front_contract
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.market import SECOND, ticks
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

ES, BTC = load_instruments()["ES"], load_instruments()["BTCUSDT"]
MINUTE = 60 * SECOND
OTHER = FOLDER.parent / "other"


def day(session, contract, start_ticks, minutes=40, seed=0, instrument=ES):
    """Clean ticks of a session, a trade a minute, a random walk from a price."""
    window = session_window(instrument, session)
    walk = start_ticks + np.cumsum(np.random.default_rng(seed).integers(-2, 3, minutes))
    stamps = window.open_us + np.arange(minutes) * MINUTE
    frame = ticks(stamps, walk, np.ones(minutes), np.ones(minutes), opens_us=window.open_us)
    return frame.with_columns(contract=pl.lit(contract))


def bars(clean, session, instrument=ES):
    return build_bars(clean, instrument, session_window(instrument, session))


def roll(clean, session, earlier=None, old=None, new=None, instrument=ES):
    found = build_contract_rolls(
        clean,
        empty("contract_rolls") if earlier is None else earlier,
        empty("bars") if old is None else old,
        empty("bars") if new is None else new,
        instrument,
        session_window(instrument, session),
    )
    assert breaches("contract_rolls", found) == []
    return found


FIRST, SECOND_DAY, THIRD = "2024-03-06", "2024-03-07", "2024-03-08"


def rolled(gap=22):
    """Three sessions, the roll at the second; the new contract stands ``gap`` ticks above."""
    one, two, three = (
        day(FIRST, "ESH24-CME", 20_000),
        day(SECOND_DAY, "ESM24-CME", 20_050),
        day(THIRD, "ESM24-CME", 20_060),
    )
    new = day(FIRST, "ESM24-CME", 20_000 + gap)
    r1 = roll(one, FIRST)
    r2 = roll(two, SECOND_DAY, r1, bars(one, FIRST), bars(new, FIRST))
    r3 = roll(three, THIRD, pl.concat([r1, r2]))
    return (one, two, three), (r1, r2, r3)


def test_the_gap_is_of_the_same_minutes():
    _, (first, second, third) = rolled(22)
    assert first.select("contract", "how", "adjustment_ticks", "chain_from").row(0) == (
        "H24",
        "no_roll",
        0,
        FIRST,
    )
    row = second.row(0, named=True)
    assert (row["from_contract"], row["contract"], row["gap_ticks"], row["how"]) == (
        "H24",
        "M24",
        22,
        "same_minutes",
    )
    assert (row["adjustment_ticks"], row["chain_from"], row["instants"]) == (22, FIRST, 15)
    assert row["measured_at"] <= row["known_at"]
    assert third.select("how", "gap_ticks", "adjustment_ticks", "chain_from").row(0) == (
        "no_roll",
        None,
        22,
        FIRST,
    )


def test_a_bounce_in_single_minutes_does_not_move_the_gap():
    clean = day(FIRST, "ESH24-CME", 20_000)
    old, new = bars(clean, FIRST), bars(clean, FIRST)
    bounced = new.with_columns(
        close_ticks=pl.col("close_ticks") + 30 + pl.Series(np.arange(40) % 5 == 0).cast(pl.Int64)
    )
    found = measure_gap(old, bounced)
    assert found is not None
    assert (found.ticks, found.instants) == (30, 15)


def test_without_a_shared_bar_there_is_no_gap():
    clean = day(FIRST, "ESH24-CME", 20_000)
    later = bars(clean, FIRST).with_columns(event_ts=pl.col("event_ts") + timedelta(hours=3))
    assert measure_gap(bars(clean, FIRST), later) is None


def test_a_roll_without_the_new_contracts_file_is_said_and_begins_a_chain():
    one, two = day(FIRST, "ESH24-CME", 20_000), day(SECOND_DAY, "ESM24-CME", 20_050)
    row = roll(two, SECOND_DAY, roll(one, FIRST), bars(one, FIRST)).row(0, named=True)
    assert (row["how"], row["gap_ticks"], row["adjustment_ticks"], row["chain_from"]) == (
        "unmeasured",
        None,
        0,
        SECOND_DAY,
    )
    assert "M24 has no trades in session 2024-03-06" in row["reason"]


def test_a_later_roll_changes_nothing_before_it():
    """Forward adjustment: the rows up to a session are the same whatever follows."""
    _, first = rolled(22)
    _, again = rolled(-90)
    assert first[0].equals(again[0])
    sessions = ["2024-03-06", "2024-06-13", "2024-09-12", "2024-12-12"]
    made = empty("contract_rolls")
    seen = []
    for number, session in enumerate(sessions):
        clean = day(
            session, ["ESH24-CME", "ESM24-CME", "ESU24-CME", "ESZ24-CME"][number], 20_000 + 60 * number
        )
        old = day(session, "x", 20_000)
        new = day(session, "x", 20_000 + 40 + number)
        earlier = made.clone()
        row = roll(clean, session, earlier, bars(old, session), bars(new, session))
        made = pl.concat([made, row])
        seen.append(made.clone())
    assert made["adjustment_ticks"].to_list() == [0, 41, 83, 126]
    for prefix in seen:
        assert prefix.equals(made.head(prefix.height))


def test_continuous_bars_keep_raw_prices_and_one_scale_for_returns():
    days, rolls = rolled(22)
    frames = [
        build_continuous_bars(bars(clean, session), row)
        for clean, session, row in zip(days, (FIRST, SECOND_DAY, THIRD), rolls, strict=True)
    ]
    for frame, clean, session in zip(frames, days, (FIRST, SECOND_DAY, THIRD), strict=True):
        assert breaches("continuous_bars", frame) == []
        assert frame["close_ticks"].equals(bars(clean, session)["close_ticks"])
    whole = pl.concat(frames)
    jump = adjusted_close_ticks(whole).diff()[40]
    assert jump == whole["close_ticks"].diff()[40] - 22
    assert whole["chain_from"].n_unique() == 1


def test_levels_of_another_contract_are_refused():
    days, rolls = rolled(22)
    history = pl.concat(
        [
            bars(c, s).with_columns(session=pl.lit(s))
            for c, s in zip(days[:2], (FIRST, SECOND_DAY), strict=True)
        ]
    )
    earlier = pl.concat(rolls[:2])
    kept = same_contract(history, earlier, rolls[2])
    assert kept["session"].unique().to_list() == [SECOND_DAY]
    assert same_contract(history.filter(pl.col("session") == FIRST), rolls[0], rolls[1]).is_empty()
    assert same_contract(history, earlier.clear(), rolls[2]).is_empty()
    assert same_contract(history, earlier, rolls[2].clear()).is_empty()


def test_what_has_no_expiry_keeps_all_its_history():
    session = "2024-08-08"
    clean = day(session, "BTCUSDT_PERP_BINANCE", 600_000, instrument=BTC)
    first = roll(clean, session, instrument=BTC)
    assert first["contract"].to_list() == [None]
    second = roll(
        day("2024-08-09", "BTCUSDT_PERP_BINANCE", 600_000, instrument=BTC),
        "2024-08-09",
        first,
        instrument=BTC,
    )
    assert second["how"].to_list() == ["no_roll"]
    history = bars(clean, session, BTC).with_columns(session=pl.lit(session))
    assert same_contract(history, first, second).height == history.height


def test_rolled_from_names_the_session_before():
    days, rolls = rolled()
    assert rolled_from(days[1], rolls[0], ES) == FIRST
    assert rolled_from(days[2], rolls[1], ES) is None
    assert rolled_from(days[0], empty("contract_rolls"), ES) is None


def lean_bars(expiry):
    """Minute bars of one expiry of 2013-12-18 (UTC day), prices in quarter ticks."""
    with zipfile.ZipFile(OTHER / "lean_ES_minute_trade_20131218.zip") as archive:
        raw = pl.read_csv(
            io.BytesIO(archive.read(f"20131218_es_minute_trade_{expiry}.csv")),
            has_header=False, new_columns=["ms", "open", "high", "low", "close", "volume"],
        )  # fmt: skip
    start = pl.lit(datetime(2013, 12, 18, tzinfo=UTC)).cast(pl.Datetime("us", "UTC"))
    stamp = start + pl.duration(milliseconds="ms")
    return raw.select(
        event_ts=stamp,
        known_at=stamp + timedelta(minutes=1),
        close_ticks=(pl.col("close") * 4).round().cast(pl.Int64),
    )


@needs_real_data
@pytest.mark.parametrize(("new", "gap", "instants"), [("201403", -24, 15), ("201406", -54, 15)])
def test_gap_of_real_contracts_in_a_roll_week(new, gap, instants):
    found = measure_gap(lean_bars("201312"), lean_bars(new))
    assert found is not None
    assert (found.ticks, found.instants) == (gap, instants)


@needs_real_data
def test_a_thin_contract_gives_the_instants_it_has():
    found = measure_gap(lean_bars("201312"), lean_bars("201412"))
    assert found is not None
    assert found.instants <= 4


@needs_real_data
def test_our_roll_days_lie_before_the_vendors_last_day_of_each_contract():
    """A map file's day is a contract's last; ours rolls eight days before expiry, never after it."""
    rows = (OTHER / "lean_ES_map_file.csv").read_text().splitlines()
    last_days = [date(int(r[:4]), int(r[4:6]), int(r[6:8])) for r in rows if r.endswith(",0")]
    assert len(last_days) > 20
    for last in last_days:
        around = sessions_between(ES, (last - timedelta(days=14)).isoformat(), last.isoformat())
        contracts = [front_contract(ES, session) for session in around]
        assert len(set(contracts)) == 2, f"one roll in the fortnight before {last}"
