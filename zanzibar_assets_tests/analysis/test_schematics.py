from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.analysis.schematics import SchematicFold, build_wyckoff_schematics, schematics
from zanzibar_assets.analysis.wyckoff import build_wyckoff_events
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets_tests.analysis.laws import assert_conforms
from zanzibar_assets_tests.analysis.structure_stack import CONFIG
from zanzibar_assets_tests.analysis.structure_streams import rows_of
from zanzibar_assets_tests.builders.bar_walks import (
    CRYPTO,
    DAY,
    FIRST_MONDAY,
    as_history,
    frame_of,
    schematic_walk,
)

NOTHING = as_history([])


def _rows(*steps):
    return [
        Row(kind, 1, k, k, level=100, attrs={"phase": phase, "schematic": "accumulation"})
        for k, (kind, phase) in enumerate(steps)
    ]


def test_a_climax_that_is_undercut_stays_in_its_schematic_and_a_new_one_begins_the_next():
    found = schematics(
        _rows(("ps", None), ("sc", "A"), ("sc", "A"), ("ar", "A"), ("st", "B"), ("sow", None), ("sc", "A"))
    )
    assert [(s.path, s.outcome) for s in found] == [("sc sc ar st sow", "failed"), ("sc", "open")]
    assert found[0].climax.event_idx == 2


def test_a_break_that_falls_back_to_phase_b_is_not_the_end():
    steps = [("sc", "A"), ("ar", "A"), ("st", "B"), ("sos", "D"), ("fail", "B"), ("sos", "D"), ("bu", "D")]
    found = schematics(_rows(*steps, ("markup", "E"), ("sc", "A")))
    assert [s.outcome for s in found] == ["trend", "open"]
    assert found[0].path.endswith("bu markup")


def test_rows_that_begin_in_the_middle_of_a_schematic_make_none():
    assert schematics(_rows(("st", "B"), ("sow", None))) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("machine", ["accumulation", "distribution"])
def test_rows_in_any_blocks_give_the_same_schematics(machine, seed):
    """The state goes through JSON text at every border, and is no more than the schematic that runs."""
    both = rows_of("wyckoff_2", schematic_walk(seed, 900))
    rows = [row for row in both if row.attrs["schematic"] == machine]
    whole = schematics(rows)
    assert len(whole) > 2
    rng = np.random.default_rng(seed)
    fold, said = SchematicFold(), []
    for start, end in pairwise([0, *np.sort(rng.integers(0, len(rows), 30)).tolist(), len(rows)]):
        said += fold.feed(rows[start:end])
        saved = fold.snapshot()
        assert len(saved) == (0 if fold.now is None else len(fold.now.rows))
        fold = SchematicFold().restore(json.loads(json.dumps(saved)))
    assert [*said, *([fold.now] if fold.now else [])] == whole


def _bars(seed=3, n=900, day=0):
    return frame_of(schematic_walk(seed, n), FIRST_MONDAY + day * DAY)


def test_a_row_is_known_when_its_schematic_is_over_and_in_no_prefix_before():
    bars = _bars()
    whole = build_wyckoff_schematics(bars, NOTHING, CRYPTO, CONFIG)
    assert_conforms("wyckoff_schematics", whole)
    assert whole.height > 5
    assert set(whole["outcome"]) == {"trend", "failed"}
    for cut in np.random.default_rng(0).integers(1, bars.height + 1, 40).tolist():
        part = build_wyckoff_schematics(bars.head(cut), NOTHING, CRYPTO, CONFIG)
        assert_frame_equal(part, whole.filter(pl.col("known_at") <= bars["known_at"][cut - 1]))


def test_its_ids_are_those_of_the_events_and_it_ends_in_one_session():
    first, second = _bars(n=450), _bars(seed=4, n=450, day=1)
    events = [
        build_wyckoff_events(first, NOTHING, CRYPTO, CONFIG),
        build_wyckoff_events(second, as_history([first]), CRYPTO, CONFIG),
    ]
    tables = [
        build_wyckoff_schematics(first, NOTHING, CRYPTO, CONFIG),
        build_wyckoff_schematics(second, as_history([first]), CRYPTO, CONFIG),
    ]
    ids = set(pl.concat(events)["event_id"])
    both = pl.concat(tables)
    assert set(both["first_id"]) | set(both["last_id"]) <= ids
    assert not both["last_id"].is_duplicated().any()
    assert (tables[1]["known_at"] > second["event_ts"][0]).all()


def test_no_bars_give_the_typed_empty_table():
    assert_frame_equal(
        build_wyckoff_schematics(_bars().head(0), NOTHING, CRYPTO, CONFIG), empty("wyckoff_schematics")
    )
