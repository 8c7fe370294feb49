"""The four tables as a whole: contracts, prefixes of the session, ids across tables and sessions."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.engine import BarSeries
from zanzibar_assets.analysis.smc import build_smc_events
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import ContractError
from zanzibar_assets_tests.analysis.laws import assert_conforms
from zanzibar_assets_tests.analysis.structure_stack import CONFIG, build_all, smc_history
from zanzibar_assets_tests.builders.bar_walks import (
    CRYPTO,
    DAY,
    FIRST_MONDAY,
    as_history,
    frame_of,
    schematic_walk,
    sessions,
)
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

TABLES = ("smc_events", "liquidity_sweeps", "wyckoff_events", "points_of_interest")
BARS = 200


@cache
def _market(history_days):
    """Earlier sessions, the session (its second half is a drawn schematic), and the tables."""
    frames = sessions(50, history_days + 1, BARS)
    frames, bars = frames[:-1], frames[-1]
    drawn = frame_of(schematic_walk(3, 160), FIRST_MONDAY + history_days * DAY + BARS * 60_000_000)
    bars = pl.concat([bars, drawn])
    events = smc_history(frames)
    return frames, bars, events, build_all(frames, bars, events)


@pytest.mark.parametrize("days", [0, 2])
@pytest.mark.parametrize("table", TABLES)
def test_tables_hold_their_contracts(table, days):
    frame = _market(days)[3][table]
    assert frame.height > 20
    assert_conforms(table, frame)


@pytest.mark.parametrize("days", [0, 2])
def test_every_prefix_of_the_session_gives_the_rows_known_by_then(days):
    frames, bars, events, whole = _market(days)
    cuts = np.random.default_rng(days).integers(1, bars.height + 1, 40).tolist()
    for cut in cuts:
        part = build_all(frames, bars.head(cut), events)
        until = bars["known_at"][cut - 1]
        for table in TABLES:
            assert_frame_equal(part[table], whole[table].filter(pl.col("known_at") <= until))


@pytest.mark.parametrize("days", [0, 2])
def test_what_growing_sessions_add_is_the_whole_in_its_order(days):
    """Tables made anew from the bars so far: the rows known since the cut before, put together."""
    frames, bars, events, whole = _market(days)
    cuts = np.sort(np.random.default_rng(10 + days).integers(1, bars.height, 12)).tolist()
    said, since = {table: [] for table in TABLES}, bars["event_ts"][0]
    for cut in [*cuts, bars.height]:
        part, until = build_all(frames, bars.head(cut), events), bars["known_at"][cut - 1]
        for table in TABLES:
            first = cut == cuts[0]
            new = (pl.col("known_at") <= until) & (pl.lit(first) | (pl.col("known_at") > since))
            said[table].append(part[table].filter(new))
        since = until
    for table in TABLES:
        assert_frame_equal(pl.concat(said[table]), whole[table])


def test_no_bars_give_the_typed_empty_tables():
    frames, bars, events, _ = _market(2)
    for table, frame in build_all(frames, bars.head(0), events).items():
        assert_frame_equal(frame, empty(table))


def test_ids_are_unique_and_references_reach_rows_that_exist():
    _, _, events, tables = _market(2)
    ids = pl.concat([events["event_id"], *(tables[t]["event_id"] for t in TABLES[:3])])
    assert not ids.is_duplicated().any()
    # References may also reach back to pools and schematics of the history, whose tables are not here.
    for kinds in (["bos", "choch", "ob"], ["ob_mitigated", "breaker"], ["fvg_touch", "fvg_ce", "fvg_fill"]):
        rows = tables["smc_events"].filter(pl.col("kind").is_in(kinds))
        assert rows.height > 5
        assert rows["ref_id"].is_in(ids.to_list()).all()


def test_sweeps_of_swings_refer_to_the_swings_of_smc_events():
    _, _, events, tables = _market(2)
    swings = pl.concat([events.drop("session"), tables["smc_events"]]).filter(kind="swing")
    sources = tables["liquidity_sweeps"]["attrs"].str.json_path_match("$.source")
    swept = tables["liquidity_sweeps"].filter(sources == "swing")
    joined = swept.join(swings, left_on="ref_id", right_on="event_id", how="left")
    assert swept.height > 10
    assert joined["level_ticks"].to_list() == joined["level_ticks_right"].to_list()


def test_the_same_event_has_the_same_id_whatever_history_found_it():
    frames, bars, _, _ = _market(2)
    long, short = (build_smc_events(bars, as_history(frames[k:]), CRYPTO, CONFIG) for k in (0, 1))
    gaps = [set(table.filter(kind="fvg")["event_id"]) for table in (long, short)]
    assert gaps[0] == gaps[1]


def test_a_gap_over_the_session_break_is_marked():
    frames, bars, _, _ = _market(2)
    far = bars.with_columns(
        pl.col("^(open|high|low|close)_ticks$") + 5_000, pl.col("^(open|high|low|close)$") + 500.0
    )
    gaps = build_smc_events(far, as_history(frames), CRYPTO, CONFIG).filter(kind="fvg", timeframe_seconds=60)
    first = [json.loads(attrs) for attrs in gaps["attrs"]][:2]
    assert first[0] == {"gap_across_session": True}
    assert sum("gap_across" in attrs for attrs in gaps["attrs"]) <= 2


def test_rows_of_longer_bars_are_each_in_one_session_and_known_at_the_end_of_their_span():
    frames, bars, events, _ = _market(2)
    every = pl.concat([events.drop("session"), build_smc_events(bars, as_history(frames), CRYPTO, CONFIG)])
    assert not every["event_id"].is_duplicated().any()
    for minutes in CONFIG.analysis.structure_minutes:
        own = every.filter(timeframe_seconds=60 * minutes)
        assert own.height > 10
        assert (own["known_at"].dt.epoch("s") % (60 * minutes) == 0).all()
    # One line of all bars gives the same longer rows, but for those after the last bar's close.
    line = build_smc_events(pl.concat([*frames, bars]), as_history([]), CRYPTO, CONFIG)
    longer = pl.col("timeframe_seconds") > 60
    kinds = ["swing", "bos", "choch", "ob"]
    same = ["kind", "dir", "event_ts", "known_at", "level_ticks", "timeframe_seconds"]
    parts = [frame.filter(longer & pl.col("kind").is_in(kinds)).select(same) for frame in (every, line)]
    assert_frame_equal(parts[0].sort(same), parts[1].sort(same))


def test_history_that_reaches_into_the_session_is_refused():
    _, bars, _, _ = _market(2)
    late = bars.head(5).with_columns(session=pl.lit("2024-01-03"))
    with pytest.raises(ContractError, match="history reaches into the session"):
        build_smc_events(bars, late, CRYPTO, CONFIG)


def test_bars_of_several_lengths_are_refused():
    frames, bars, _, _ = _market(2)
    mixed = as_history(frames).with_columns(bar_seconds=pl.lit(5, pl.Int32))
    with pytest.raises(ContractError, match="several lengths"):
        build_smc_events(bars, mixed, CRYPTO, CONFIG)


def _real_bars():
    """ES minute bars with their true stamps and gaps, in ticks of a quarter point."""
    lines = (FOLDER / "ES_1m_20110102_scsim.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    bars = BarSeries.of([*(round(record[k] * 4) for k in "ohlc"), record["v"]] for record in records)
    opens = pl.Series([record["t"] * 1_000 for record in records]).cast(pl.Datetime("us", "UTC"))
    return frame_of(bars, 0).with_columns(event_ts=opens, known_at=opens + pl.duration(seconds=60))


@needs_real_data
def test_real_bars_give_scored_zones_and_every_prefix_agrees():
    bars = _real_bars()
    whole = build_all([], bars, smc_history([]))
    for table in TABLES:
        assert_conforms(table, whole[table])
    zones = whole["points_of_interest"].filter(kind="poi")
    assert zones.height > 10
    assert zones["score"].quantile(0.9) - zones["score"].quantile(0.1) > 0.1
    for cut in np.random.default_rng(0).integers(1, bars.height, 8).tolist():
        part = build_all([], bars.head(cut), smc_history([]))
        until = bars["known_at"][cut - 1]
        for table in TABLES:
            assert_frame_equal(part[table], whole[table].filter(pl.col("known_at") <= until))
