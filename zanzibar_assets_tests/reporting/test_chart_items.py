"""What a chart draws is what the tables say, never before it was known, and nothing later changes it."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.reporting.chart_items import (
    EVENT_TABLES,
    MOST_IN_WINDOW,
    WINDOW_MINUTES,
    build_session_chart,
)
from zanzibar_assets_tests.reporting import chart_frames as made
from zanzibar_assets_tests.reporting import frames

SEEDS = range(6)


def rows_of(inputs, layer: str | None = None) -> pl.DataFrame:
    frame = build_session_chart(inputs, made.TICK).frame
    assert breaches("session_chart", frame) == []
    return frame if layer is None else frame.filter(pl.col("layer") == layer)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_event_of_the_tables_is_drawn_once_at_its_own_times(seed):
    inputs = made.random_inputs(seed)
    drawn = rows_of(inputs, "event")
    key = ["source", "item_id", "kind", "event_ts", "known_at"]
    expected = [
        inputs.events[table].select(
            pl.lit(table).alias("source"), "kind", "event_ts", "known_at", item_id="event_id"
        )
        for table in EVENT_TABLES
    ]
    points = inputs.points_of_interest.select(
        pl.lit("points_of_interest").alias("source"), "kind", "event_ts", "known_at", item_id="poi_id"
    )
    whole = pl.concat([*expected, points]).select(key).sort(key)
    assert drawn.select(key).sort(key).equals(whole)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_chart_of_a_prefix_is_the_chart_filtered_by_what_was_known(seed):
    inputs = made.random_inputs(seed)
    whole = rows_of(inputs)
    chance = random.Random(seed)
    for minutes in [0.0, 60.0, *(chance.uniform(-1, 61) for _ in range(12))]:
        cut = frames.at(minutes)
        assert rows_of(made.known_by(inputs, minutes)).equals(whole.filter(pl.col("known_at") <= cut))


def test_thinning_needs_nothing_later():
    rows = [made.event(n, "book_sweep", n / 20, n / 20) for n in range(2_000)]
    inputs = made.inputs(
        events={t: empty(t) for t in EVENT_TABLES}
        | {"orderflow_events": made.events("orderflow_events", rows)}
    )
    items = build_session_chart(inputs, made.TICK)
    drawn = items.frame.filter(pl.col("layer") == "event")
    windows = drawn.group_by(pl.col("known_at").dt.truncate(f"{WINDOW_MINUTES}m")).len()
    assert windows["len"].to_list() == [MOST_IN_WINDOW] * windows.height
    assert items.left_out == (("orderflow_events", "book_sweep", 2_000, 2_000 - drawn.height),)
    for minutes in (3.7, 20.0, 61.3):
        cut = frames.at(minutes)
        prefix = rows_of(made.known_by(inputs, minutes), "event")
        assert prefix.equals(drawn.filter(pl.col("known_at") <= cut))


def test_a_zone_ends_once_when_its_first_end_was_known():
    rows = [
        made.event(1, "fvg", 1, 3),
        made.event(2, "fvg_invert", 8, 9, ref_id="fvg-000001"),
        made.event(3, "fvg_fill", 5, 6, ref_id="fvg-000001"),
        made.event(4, "fvg_fill", 5, 6, ref_id="of-an-earlier-session"),
        made.event(5, "ob", 2, 4),
    ]
    inputs = made.inputs(
        events={t: empty(t) for t in EVENT_TABLES} | {"smc_events": made.events("smc_events", rows)}
    )
    assert rows_of(inputs, "zone")["item_id"].to_list() == ["fvg-000001", "ob-000005"]
    ends = rows_of(inputs, "zone_end")
    assert ends.select("item_id", "ref_id", "known_at").rows() == [
        ("fvg_fill-000003", "fvg-000001", frames.at(6))
    ]


def test_phases_stand_from_when_they_were_known_and_are_never_relabelled():
    def row(number, minute, schematic, phase):
        attrs = f'{{"phase":{phase},"schematic":"{schematic}"}}'
        return made.event(number, "sc", minute - 5, minute, attrs=attrs)

    rows = [
        row(1, 10, "accumulation", '"A"'), row(2, 12, "distribution", '"A"'),
        row(3, 14, "accumulation", '"A"'), row(4, 16, "accumulation", '"B"'),
        row(5, 18, "accumulation", "null"), row(6, 20, "accumulation", '"A"'),
    ]  # fmt: skip
    wyckoff = made.events("wyckoff_events", rows)
    inputs = made.inputs(events={t: empty(t) for t in EVENT_TABLES} | {"wyckoff_events": wyckoff})
    phases = rows_of(inputs, "phase").select("kind", "label", "known_at").rows()
    minutes = [(kind, label, (known - frames.OPEN) // timedelta(minutes=1)) for kind, label, known in phases]
    assert minutes == [
        ("accumulation", "A", 10), ("distribution", "A", 12), ("accumulation", "B", 16),
        ("accumulation", None, 18), ("accumulation", "A", 20),
    ]  # fmt: skip


def test_a_mark_stands_on_its_level_or_the_edge_that_price_meets_first():
    rows = [made.event(1, "bos", 1, 2), made.event(2, "fvg", 3, 4), made.event(3, "fvg", 3, 4, dir=-1)]
    inputs = made.inputs(
        events={t: empty(t) for t in EVENT_TABLES} | {"smc_events": made.events("smc_events", rows)}
    )
    drawn = dict(rows_of(inputs, "event").select("item_id", "drawn_ticks").iter_rows())
    assert drawn == {"bos-000001": 18_801, "fvg-000002": 18_805, "fvg-000003": 18_803}


def test_an_event_without_a_price_is_counted_as_left_out():
    bare = made.event(1, "bos", 1, 2, level_ticks=None)
    inputs = made.inputs(
        events={t: empty(t) for t in EVENT_TABLES} | {"smc_events": made.events("smc_events", [bare])}
    )
    items = build_session_chart(inputs, made.TICK)
    assert items.left_out == (("smc_events", "bos", 1, 1),)
    assert items.frame.filter(pl.col("layer") == "event").is_empty()


def test_final_levels_are_known_at_the_end_only():
    levels = rows_of(made.inputs(), "profile")
    assert dict(levels.select("kind", "level_ticks").iter_rows()) == {
        "poc": 18_815, "vah": 18_825, "val": 18_805, "hvn": 18_815, "lvn": 18_800,
    }  # fmt: skip
    assert levels["known_at"].unique().to_list() == [frames.at(60)]


def test_signals_span_stop_and_target():
    chance = random.Random(3)
    signals = made.raw_signals(chance, 60)
    rows = rows_of(made.inputs(raw_signals=signals), "signal")
    assert rows["item_id"].to_list() == signals["signal_id"].to_list()
    for row in rows.iter_rows(named=True):
        below, above = (8, 16) if row["dir"] > 0 else (16, 8)
        assert (row["lo_ticks"], row["hi_ticks"]) == (row["level_ticks"] - below, row["level_ticks"] + above)


def test_prices_are_ticks_times_the_tick_and_an_empty_session_is_empty():
    rows = rows_of(made.random_inputs(1)).filter(pl.col("drawn_ticks").is_not_null())
    assert (rows["drawn"] == rows["drawn_ticks"] * made.TICK).all()
    assert rows_of(made.nothing()).is_empty()
