import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.ml.catalogue import FEATURE_NAMES
from zanzibar_assets.ml.features import FeatureInputs, build_feature_matrix
from zanzibar_assets_tests.ml import worlds
from zanzibar_assets_tests.ml.frames import event_frame, narrative_frame, per_bar, zone_frame

DAY = "2024-03-05"
MINUTE = 60_000_000
PER_BAR = ("technical_factors", "liquidity_features", "vwap", "regimes")
EVENTS = {
    "smc_events": ("bos", "choch", "fvg", "fvg_fill", "swing"),
    "wyckoff_events": ("sc", "ar", "spring"),
    "liquidity_sweeps": ("level_sweep", "level_accept"),
}


def world(seed=1, count=240) -> FeatureInputs:
    """Inputs with something in every table."""
    rng = np.random.default_rng(seed)
    traded = worlds.bars(DAY, seed, count=count, skip=0.1)
    first, last = traded["known_at"].dt.epoch("us").min(), traded["known_at"].dt.epoch("us").max()

    def stamps(size):
        return np.sort(rng.integers(first - MINUTE, last + MINUTE, size)).tolist()

    tables = {name: per_bar(name, traded, seed + i) for i, name in enumerate(PER_BAR)}
    for name, kinds in EVENTS.items():
        rows = [
            (t, str(rng.choice(kinds)), int(rng.choice([-1, 1])), f"{i}", f"{rng.integers(0, i + 1)}")
            for i, t in enumerate(stamps(60))
        ]
        tables[name] = event_frame(rows, name)
    zones = []
    for i, t in enumerate(stamps(40)):
        low = float(rng.normal(5_000, 8))
        kind = "poi" if i < 5 or rng.random() < 0.6 else "poi_invalidated"
        zones.append(
            (t, kind, f"{i if kind == 'poi' else rng.integers(0, i)}", 1, low, low + 2, rng.random())
        )
    tables["points_of_interest"] = zone_frame(zones)
    spoken = [(t, str(rng.choice(["ES", "DAX"])), rng.uniform(-1, 1), False) for t in stamps(12)]
    tables["narratives"] = narrative_frame(spoken)
    tables["correlations"] = correlations(traded)
    return worlds.inputs_of(traded, **tables)


def correlations(traded):
    rows = traded.gather_every(5).select("event_ts", "known_at")
    pair = rows.with_columns(
        pl.lit("SIM_ES").alias("instrument_a"),
        pl.lit("SIM_NQ").alias("instrument_b"),
        pl.int_range(0, pl.len()).cast(pl.Float64).truediv(-100.0).alias("corr_ewma"),
        pl.lit(None, dtype=pl.Float64).alias("corr_hayashi_yoshida"),
        pl.lit(None, dtype=pl.Float64).alias("lead_lag_seconds"),
        pl.lit(9, dtype=pl.Int64).alias("observations"),
    )
    other = pair.with_columns(pl.lit("NQ").alias("instrument_a"), pl.lit(0.9).alias("corr_ewma"))
    return pl.concat([pair, other]).sort("known_at")


def build(inputs):
    return build_feature_matrix(inputs, worlds.instrument(), worlds.config())


def before(inputs, cut):
    """Every table restricted to what was known by an instant (us)."""
    known = pl.col("known_at") <= pl.lit(int(cut)).cast(pl.Datetime("us", "UTC"))
    names = FeatureInputs.__dataclass_fields__
    return FeatureInputs(**{name: getattr(inputs, name).filter(known) for name in names})


def test_one_row_a_bar_in_the_contract():
    inputs = world()
    matrix = build(inputs)
    assert breaches("feature_matrix", matrix) == []
    assert matrix["known_at"].equals(inputs.bars["known_at"])
    assert all(matrix[name].null_count() < matrix.height for name in FEATURE_NAMES)


def test_what_comes_later_changes_no_bit_at_many_cuts():
    inputs = world()
    whole = build(inputs)
    stamps = inputs.bars["known_at"].dt.epoch("us")
    cuts = np.random.default_rng(3).integers(stamps.min(), stamps.max() + MINUTE, 45)
    for cut in cuts:
        known = whole.filter(pl.col("known_at") <= pl.lit(int(cut)).cast(pl.Datetime("us", "UTC")))
        assert build(before(inputs, cut)).equals(known)


def test_perturbed_future_leaves_the_past_bit_identical():
    inputs, other = world(1), world(2)
    stamps = inputs.bars["known_at"].dt.epoch("us")
    for cut in np.random.default_rng(4).integers(stamps.min(), stamps.max(), 20):
        instant = pl.lit(int(cut)).cast(pl.Datetime("us", "UTC"))
        mixed = FeatureInputs(
            **{
                name: pl.concat(
                    [
                        getattr(inputs, name).filter(pl.col("known_at") <= instant),
                        getattr(other, name).filter(pl.col("known_at") > instant),
                    ]
                )
                for name in FeatureInputs.__dataclass_fields__
            }
        )
        past = pl.col("known_at") <= instant
        assert build(mixed).filter(past).equals(build(inputs).filter(past))


def test_structure_of_longer_bars_is_not_counted_as_the_bars_own():
    traded = worlds.bars(DAY, 1, count=4)
    close = traded["known_at"].dt.epoch("us")[1]
    events = event_frame([(close, "bos", 1, "a", None)], seconds=300)
    matrix = build(worlds.inputs_of(traded, smc_events=events))
    assert matrix["last_bos_dir"].is_null().all()


def test_a_row_known_a_microsecond_after_the_close_waits_for_the_next_bar():
    traded = worlds.bars(DAY, 1, count=4)
    close = traded["known_at"].dt.epoch("us")[1]
    for late, expected in ((0, [None, 1.0, 1.0, 1.0]), (1, [None, None, 1.0, 1.0])):
        events = event_frame([(close + late, "bos", 1, "a", None)])
        matrix = build(worlds.inputs_of(traded, smc_events=events))
        assert matrix["last_bos_dir"].to_list() == expected


def test_a_missing_per_bar_row_leaves_nulls_not_an_old_value():
    traded = worlds.bars(DAY, 1, count=6)
    technical = per_bar("technical_factors", traded, 1)[[0, 1, 5]]
    matrix = build(worlds.inputs_of(traded, technical_factors=technical))
    assert matrix["rsi_14"].is_null().to_list() == [False, False, False, True, True, False]


def test_only_bars_known_gives_only_what_bars_say():
    traded = worlds.bars(DAY, 1, count=6)
    matrix = build(worlds.inputs_of(traded))
    said = {name for name in FEATURE_NAMES if matrix[name].null_count() == 0}
    assert said == {"delta_share", "open_gaps_up", "open_gaps_down", "day_sine", "day_cosine", "pre_open"}


def test_narrative_of_this_market_decays_by_half_in_four_hours():
    traded = worlds.bars(DAY, 1, count=241)
    first = traded["known_at"].dt.epoch("us")[0]
    spoken = narrative_frame([(first, "ES", 0.8, True), (first + MINUTE, "DAX", -1.0, False)])
    matrix = build(worlds.inputs_of(traded, narratives=spoken))
    assert matrix["narrative_bias"][0] == pytest.approx(0.8)
    assert matrix["narrative_bias"][240] == pytest.approx(0.4)
    assert set(matrix["narrative_no_trade"]) == {1.0}


def test_ratios_by_hand():
    traded = worlds.bars(DAY, 1, count=1).with_columns(
        pl.lit(100.0).alias("close"), pl.lit(400).alias("close_ticks"), pl.lit(9.0).alias("ask_volume"),
        pl.lit(21.0).alias("bid_volume"),
    )  # fmt: skip
    technical = per_bar("technical_factors", traded, 1).with_columns(
        pl.lit(2.0).alias("atr_14"), pl.lit(0.5).alias("macd_histogram")
    )
    vwap = per_bar("vwap", traded, 1).with_columns(
        pl.lit(103.0).alias("vwap"), pl.lit(1.5).alias("sd"), pl.lit(99.0).alias("rolling_vwap"),
        pl.lit(408).alias("poc_ticks"), pl.lit(396).alias("val_ticks"), pl.lit(412).alias("vah_ticks"),
    )  # fmt: skip
    book = per_bar("liquidity_features", traded, 1).with_columns(
        pl.lit(30.0).alias("bid_depth"), pl.lit(10.0).alias("ask_depth"), pl.lit(1).alias("stacked_buy"),
        pl.lit(3).alias("stacked_sell"),
    )  # fmt: skip
    row = build(
        worlds.inputs_of(traded, technical_factors=technical, vwap=vwap, liquidity_features=book)
    ).row(0, named=True)
    expected = {
        "atr_relative": 0.02, "macd_atr": 0.25, "vwap_z": -2.0, "rolling_vwap_atr": 0.5,
        "poc_distance_atr": -8 * 0.25 / 2, "value_area_position": 0.25, "depth_imbalance": 0.5,
        "delta_share": -0.4, "stacked_net": -2.0,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_correlation_is_the_mean_over_own_pairs():
    inputs = world()
    matrix = build(inputs)
    own = inputs.correlations.filter(pl.col("instrument_a") == "SIM_ES")
    last = own["corr_ewma"].abs()[-1]
    assert matrix["correlation_abs_mean"][-1] == pytest.approx(last)


def test_a_session_without_bars_is_empty():
    inputs = replace(world(), bars=empty("bars"))
    assert build(inputs).equals(empty("feature_matrix"))


def test_no_feature_is_a_price_level():
    """Shifting nothing but the units of price (twice the price, same shape) moves no ratio feature."""
    inputs = world()
    doubled = replace(
        inputs,
        bars=inputs.bars.with_columns(pl.col("close", "close_ticks") * 2),
        technical_factors=inputs.technical_factors.with_columns(pl.col("atr_14", "macd_histogram") * 2),
        vwap=inputs.vwap.with_columns(
            pl.col("vwap", "sd", "rolling_vwap", "poc_ticks", "vah_ticks", "val_ticks") * 2
        ),
        points_of_interest=inputs.points_of_interest.with_columns(pl.col("lo", "hi") * 2),
    )
    one, two = build(inputs), build(doubled)
    for name in FEATURE_NAMES:
        pairs = zip(one[name].to_list(), two[name].to_list(), strict=True)
        assert all(a == b or math.isclose(a, b, rel_tol=1e-9) for a, b in pairs), name
