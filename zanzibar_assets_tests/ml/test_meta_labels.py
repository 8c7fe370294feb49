import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.ml.labels import build_labels
from zanzibar_assets.ml.meta_labels import RULES, PrimaryInputs, build_meta_labels
from zanzibar_assets_tests.ml import worlds
from zanzibar_assets_tests.ml.frames import event_frame, zone_frame

DAY = "2024-03-05"
MINUTE = 60_000_000


def spoken(traded, seed=1, count=60):
    """Random touches and breaks through the session, some of points that are already over."""
    rng = np.random.default_rng(seed)
    known = traded["known_at"].to_physical().to_numpy()
    at = np.sort(rng.choice(known[30:-2], count)) + rng.choice([0, 0, 1, MINUTE // 2], count)
    zones = []
    for i, t in enumerate(at):
        kind = str(rng.choice(["poi", "poi_touch", "poi_touch", "poi_invalidated"]))
        zones.append((int(t), kind, f"z{rng.integers(0, i + 1)}", int(rng.choice([-1, 1])), 1.0, 2.0, 0.5))
    events = [(int(t), "bos", int(rng.choice([-1, 1])), f"e{i}", None) for i, t in enumerate(at)]
    return PrimaryInputs(zone_frame(zones), event_frame(events))


def build(traded, primary, ticks=None, **model):
    ticks = worlds.trades_of(traded) if ticks is None else ticks
    return build_meta_labels(
        ticks, traded, traded.clear(), primary, worlds.instrument(), worlds.config(**model)
    )


def test_a_label_is_one_exactly_where_its_side_earned_more_than_it_cost():
    traded = worlds.bars(DAY, 2)
    found = build(traded, spoken(traded))
    assert breaches("meta_labels", found) == []
    assert set(found["rule"]) == set(RULES)
    assert found["label"].to_list() == (found["net_return"] > 0).cast(pl.Int8).to_list()
    gross = found["side"] * (found["exit_ticks"] / found["entry_ticks"]).log()
    np.testing.assert_allclose(found["gross_return"], gross, atol=1e-15)
    np.testing.assert_allclose(found["gross_return"] - found["net_return"], 1 / found["entry_ticks"])
    assert (found.filter(pl.col("barrier") == "profit")["gross_return"] > 0).all()
    assert (found.filter(pl.col("barrier") == "loss")["gross_return"] < 0).all()
    assert set(found["barrier"]) == {"profit", "loss", "time"}


def test_long_meta_labels_are_the_labels_of_their_bars_and_short_ones_mirror_them_on_trades():
    traded = worlds.bars(DAY, 2)
    ticks = worlds.trades_of(traded)
    found = build(traded, spoken(traded), ticks)
    labels = build_labels(ticks, traded, traded.clear(), worlds.instrument(), worlds.config())
    both = found.join(labels, on="event_ts", suffix="_bar", how="left")
    assert both["known_at"].equals(both["known_at_bar"])
    np.testing.assert_allclose(both["gross_return"], both["side"] * both["gross_return_bar"], atol=1e-15)


def test_the_first_touch_of_a_living_point_speaks_once():
    traded = worlds.bars(DAY, 2, count=200)
    known = traded["known_at"].to_physical().to_list()
    rows = [
        (known[40], "poi", "a", 1, 1.0, 2.0, 0.9),
        (known[50] - 1, "poi_touch", "a", 1, 1.0, 2.0, 0.8),
        (known[60], "poi_touch", "a", 1, 1.0, 2.0, 0.8),  # touched before
        (known[60], "poi_invalidated", "b", -1, 1.0, 2.0, 0.7),
        (known[70], "poi_touch", "b", -1, 1.0, 2.0, 0.7),  # over before it was touched
    ]
    found = build(traded, PrimaryInputs(zone_frame(rows), empty("smc_events")))
    assert found.select("source_id", "side", "score").rows() == [("a", 1, 0.8)]
    assert found["event_ts"].to_physical().to_list() == [known[50]], "at the close that follows"


def test_breaks_of_longer_bars_do_not_speak():
    traded = worlds.bars(DAY, 2, count=200)
    at = traded["known_at"].to_physical()[100]
    nothing = empty("points_of_interest")
    for seconds, rows in ((60, 1), (300, 0)):
        events = event_frame([(at, "bos", -1, "x", None), (at, "choch", 1, "y", None)], seconds=seconds)
        assert build(traded, PrimaryInputs(nothing, events)).height == rows


def test_weights_count_overlap_within_the_rule_alone():
    traded = worlds.bars(DAY, 2, count=200)
    at = traded["known_at"].to_physical().to_list()
    events = event_frame([(at[50], "bos", 1, "x", None), (at[50], "bos", -1, "y", None)])
    zones = zone_frame([(at[50], "poi_touch", "a", 1, 1.0, 2.0, 0.5)])
    found = build(traded, PrimaryInputs(zones, events), barrier_sigma=60.0)
    weights = {row[0]: row[1] for row in found.select("source_id", "weight").rows()}
    assert weights == pytest.approx({"a": 1.0, "x": 0.5, "y": 0.5})


def test_prefix_gives_what_was_known_by_then_at_many_cuts():
    traded = worlds.bars(DAY, 4, skip=0.2, count=400)
    ticks, primary = worlds.trades_of(traded), spoken(traded)
    whole = build(traded, primary, ticks)
    stamps = traded["known_at"].to_physical()
    for cut in np.random.default_rng(0).integers(stamps.min(), stamps.max() + MINUTE, 40):
        known = pl.col("known_at") <= pl.lit(int(cut)).cast(pl.Datetime("us", "UTC"))
        then = PrimaryInputs(primary.points_of_interest.filter(known), primary.smc_events.filter(known))
        part = build(traded.filter(known), then, ticks.filter(known))
        assert part.equals(whole.filter(known))


def test_no_bars_no_meta_labels():
    traded = worlds.bars(DAY, 1, count=9)
    none = PrimaryInputs(empty("points_of_interest"), empty("smc_events"))
    assert build(traded.clear(), none, worlds.trades_of(traded)).is_empty()
    assert build(traded, none).is_empty()
