import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, conform, empty, polars_schema
from zanzibar_assets.errors import ContractError
from zanzibar_assets.ml.catalogue import FEATURE_NAMES
from zanzibar_assets.ml.features import FeatureInputs, build_feature_matrix, extend_feature_matrix
from zanzibar_assets_tests.ml import worlds
from zanzibar_assets_tests.ml.frames import (
    anchored_frame,
    event_frame,
    narrative_frame,
    per_bar,
    profile_frame,
    zone_frame,
)

DAY = "2024-03-05"
MINUTE = 60_000_000
PER_BAR = ("technical_factors", "liquidity_features", "vwap", "regimes")
EVENTS = {
    "smc_events": ("bos", "choch", "fvg", "fvg_fill", "swing", "ob", "breaker"),
    "wyckoff_events": ("sc", "ar", "spring"),
    "liquidity_sweeps": ("level", "level", "pool", "level_sweep", "level_accept"),
    "orderflow_events": ("level_sweep", "stop_run", "absorption", "refill"),
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
        drawn = [str(kind) for kind in rng.choice(kinds, 160)]
        born = [i for i, kind in enumerate(drawn) if kind in ("fvg", "ob", "level", "pool")] or [0]
        rows = [
            (t, kind, int(rng.choice([-1, 1])), f"{i}", f"{earlier(born, i, rng)}")
            for i, (t, kind) in enumerate(zip(stamps(160), drawn, strict=True))
        ]
        tables[name] = with_levels(event_frame(rows, name), rng)
    longer = pl.Series(rng.choice([60, 60, 900, 3_600], 160), dtype=pl.Int32)
    tables["smc_events"] = tables["smc_events"].with_columns(timeframe_seconds=longer)
    phases = pl.Series([f'{{"phase": "{p}"}}' for p in rng.choice(list("ABCDE"), 160)])
    tables["wyckoff_events"] = tables["wyckoff_events"].with_columns(attrs=phases)
    tables["anchored_vwap"] = anchored_frame(traded, seed)
    nodes = {4_980: "hvn", 5_001: "lvn", 5_010: "hvn"}
    tables["volume_profile"] = profile_frame(
        range(4_970, 5_030), 5_002, (4_990, 5_012), nodes, first - MINUTE
    )
    zones = []
    for i, t in enumerate(stamps(40)):
        low = float(rng.normal(5_000, 8))
        kind = "poi" if i < 5 or rng.random() < 0.6 else "poi_invalidated"
        zones.append(
            (t, kind, f"{i if kind == 'poi' else rng.integers(0, i)}", 1, low, low + 2, rng.random())
        )
    tables["points_of_interest"] = zone_frame(zones)
    spoken = [(t, str(rng.choice(["ES", "DAX"])), rng.uniform(-1, 1), False) for t in stamps(12)]
    convictions = pl.Series(rng.choice(["low", "medium", "high"], 12).tolist())
    tables["narratives"] = narrative_frame(spoken).with_columns(conviction=convictions)
    tables["correlations"] = correlations(traded)
    return worlds.inputs_of(traded, **tables)


def earlier(born, row, rng):
    """One of the births before a row."""
    before = [birth for birth in born if birth < row]
    return rng.choice(before) if before else "none"


def with_levels(events, rng):
    """Events at prices around those of the bars."""
    return events.with_columns(level=pl.Series(rng.normal(5_000, 8, events.height)))


def correlations(traded):
    rows = traded.gather_every(5).select("event_ts", "known_at")
    pair = rows.with_columns(
        pl.lit("SIM_ES").alias("instrument_a"),
        pl.lit("SIM_NQ").alias("instrument_b"),
        pl.int_range(0, pl.len()).cast(pl.Float64).truediv(-100.0).alias("corr_ewma"),
        pl.lit(0.25).alias("corr_hayashi_yoshida"),
        pl.lit(0.5).alias("corr_dcc"),
        pl.int_range(0, pl.len()).cast(pl.Float64).alias("lead_lag_seconds"),
        pl.lit(9, dtype=pl.Int64).alias("observations"),
    )
    pair = conform("correlations", filled(pair, "correlations"))
    other = pair.with_columns(pl.lit("NQ").alias("instrument_a"), pl.lit(0.9).alias("corr_ewma"))
    mirrored = pair.with_columns(
        pl.lit("NQ").alias("instrument_a"),
        pl.lit("SIM_ES").alias("instrument_b"),
        pl.col("lead_lag_seconds") * 3,
    )
    return pl.concat([pair, other, mirrored]).sort("known_at", maintain_order=True)


def filled(frame, table):
    """Columns of the contract that the frame lacks, as nulls."""
    missing = {n: pl.lit(None, kind) for n, kind in polars_schema(table).items() if n not in frame.columns}
    return frame.with_columns(**missing)


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
    empty_ones = {name for name in FEATURE_NAMES if matrix[name].null_count() == matrix.height}
    assert empty_ones == {"avwap_prior_high_atr"}, "the world has no such anchor"


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


def test_a_growing_session_extended_at_forty_cuts_is_the_batch_bit_for_bit():
    inputs = world()
    whole = build(inputs)
    stamps = inputs.bars["known_at"].dt.epoch("us")
    cuts = np.sort(np.random.default_rng(5).integers(stamps.min() - MINUTE, stamps.max(), 40))
    grown = empty("feature_matrix")
    for cut in [*cuts.tolist(), int(stamps.max())]:
        grown = extend_feature_matrix(grown, before(inputs, cut), worlds.instrument(), worlds.config())
        known = pl.col("known_at") <= pl.lit(cut).cast(pl.Datetime("us", "UTC"))
        assert grown.equals(whole.filter(known))
    assert grown.equals(whole)


def test_a_matrix_of_other_bars_is_not_extended():
    inputs, market, config = world(), worlds.instrument(), worlds.config()
    missing = build(inputs)[1:50]
    with pytest.raises(ContractError, match="not the beginning"):
        extend_feature_matrix(missing, inputs, market, config)


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
    opened = {f"open_{what}_{side}" for what in ("gaps", "blocks") for side in ("up", "down")}
    clock = {"day_sine", "day_cosine", "week_sine", "week_cosine", "pre_open", "open_time_left"}
    assert said == {"delta_share", *opened, *clock, "session_share", "days_to_roll"}


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

    def twice(table, *names):
        return getattr(inputs, table).with_columns(pl.col(names) * 2)

    prices = ("close", "close_ticks", "low_ticks", "high_ticks")
    doubled = replace(
        inputs,
        bars=twice("bars", *prices),
        technical_factors=twice("technical_factors", "atr_14", "macd_histogram", "slope_20"),
        liquidity_features=twice("liquidity_features", "kyle_lambda", "roll_spread", "bar_poc_ticks"),
        vwap=twice(
            "vwap", *(n for n in inputs.vwap.columns if n not in ("event_ts", "known_at", "price_basis"))
        ),
        anchored_vwap=twice("anchored_vwap", "vwap"),
        volume_profile=twice("volume_profile", "price"),
        smc_events=twice("smc_events", "level"),
        liquidity_sweeps=twice("liquidity_sweeps", "level"),
        points_of_interest=twice("points_of_interest", "lo", "hi"),
    )
    one, two = build(inputs), build(doubled)
    for name in FEATURE_NAMES:
        pairs = zip(one[name].to_list(), two[name].to_list(), strict=True)
        assert all(a == b or math.isclose(a, b, rel_tol=1e-9) for a, b in pairs), name


def test_order_flow_ratios_by_hand():
    traded = worlds.bars(DAY, 1, count=2).with_columns(
        volume=pl.Series([20.0, 30.0]), low_ticks=pl.lit(390), high_ticks=pl.lit(400)
    )
    said = {
        "mlofi": 8.0, "bid_depth": 30.0, "ask_depth": 10.0, "microprice_edge_ticks": -0.25,
        "spread_ticks": 2.0,
        "cvd": -5.0, "delta_min": -4.0, "delta_max": 10.0, "kyle_lambda": 0.5, "roll_spread": 1.0,
        "imbalance_buy": 3, "imbalance_sell": 1, "absorption_bid": 0.0, "absorption_ask": 6.0,
        "refill_bid": 0.0, "refill_ask": 0.0, "bar_poc_ticks": 392, "ratio_high": 0.0, "ratio_low": 1.0,
    }  # fmt: skip
    book = per_bar("liquidity_features", traded, 1)
    book = book.with_columns(
        pl.lit(value).cast(book.schema[name]).alias(name) for name, value in said.items()
    )
    technical = per_bar("technical_factors", traded, 1).with_columns(atr_14=pl.lit(5.0))
    row = build(worlds.inputs_of(traded, liquidity_features=book, technical_factors=technical)).row(
        1, named=True
    )
    expected = {
        "mlofi_depth": 0.2, "microprice_edge": -0.125, "cvd_share": -0.1, "delta_low": -4 / 30,
        "delta_high": 1 / 3, "impact_atr": 3.0, "roll_spread_atr": 0.2, "imbalance_net": 0.5,
        "absorption_net": -1.0, "refill_net": 0.0, "bar_poc_position": 0.2, "ratio_high": 0.0,
        "ratio_low": math.log(2),
    }  # fmt: skip
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_levels_by_hand():
    traded = worlds.bars(DAY, 1, count=2).with_columns(close=pl.Series([105.0, 111.0]))
    first = traded["known_at"].dt.epoch("us")[0]
    technical = per_bar("technical_factors", traded, 1).with_columns(atr_14=pl.lit(2.0))
    profile = profile_frame(range(90, 121), 100, (98, 108), {104: "hvn", 112: "hvn", 95: "lvn"}, first)
    swings = event_frame([(first, "swing", 1, "a", None), (first, "swing", -1, "b", None)])
    swings = swings.with_columns(level=pl.Series([115.0, 95.0]))
    matrix = build(
        worlds.inputs_of(traded, technical_factors=technical, volume_profile=profile, smc_events=swings)
    )
    expected = {
        "prior_poc_atr": [2.5, 5.5], "prior_value_position": [0.7, 1.3], "hvn_distance_atr": [-0.5, 0.5],
        "lvn_distance_atr": [-5.0, -8.0], "swing_high_atr": [-5.0, -2.0], "swing_low_atr": [5.0, 8.0],
        "swing_range_position": [0.5, 0.8],
    }  # fmt: skip
    for name, values in expected.items():
        assert matrix[name].to_list() == pytest.approx(values), name
    later = profile.with_columns(pl.col("known_at") + pl.duration(microseconds=1))
    unknown = build(worlds.inputs_of(traded, technical_factors=technical, volume_profile=later))
    assert unknown["prior_poc_atr"].to_list() == [None, 5.5]


def test_of_several_earlier_profiles_the_last_counts():
    traded = worlds.bars(DAY, 1, count=1).with_columns(close=pl.lit(100.0))
    technical = per_bar("technical_factors", traded, 1).with_columns(atr_14=pl.lit(1.0))
    parts = [
        profile_frame([80, 90], poc, (80, 90), {}, 1).with_columns(session=pl.lit(session))
        for session, poc in (("2024-03-01", 80), ("2024-03-04", 90))
    ]
    matrix = build(worlds.inputs_of(traded, technical_factors=technical, volume_profile=pl.concat(parts)))
    assert matrix["prior_poc_atr"].to_list() == [10.0]


def test_the_calendar_by_hand():
    """ES, Tuesday 5 March 2024: trades from 17:00 to 16:00 Chicago; the rule leaves H24 on 7 March."""
    matrix = build(worlds.inputs_of(worlds.bars(DAY, 1)))
    assert matrix["open_time_left"][0] == 23 * 60 - 1
    assert matrix["open_time_left"][-1] == 0
    assert matrix["session_share"][0] == pytest.approx(1 / (23 * 60))
    assert matrix["session_share"][-1] == 1.0
    assert set(matrix["days_to_roll"]) == {2.0}
    assert matrix["week_sine"][0] == pytest.approx(math.sin(2 * math.pi / 7))
    crypto = worlds.instrument("SIM_BTC")
    bars = worlds.bars(DAY, 1, crypto, count=3)
    found = build_feature_matrix(worlds.inputs_of(bars), crypto, worlds.config())
    assert found["days_to_roll"].null_count() == 3
    assert found["open_time_left"].to_list() == [1439.0, 1438.0, 1437.0]


def test_an_overnight_gap_moves_no_intraday_feature():
    """The session's prices and their ATR stay; the history before the open is ten per cent away."""
    from zanzibar_assets.analysis.technical import build_technical_factors
    from zanzibar_assets.calendars import session_window

    traded, past = worlds.bars(DAY, 3), worlds.history("2024-03-04", seed=9)
    window = session_window(worlds.instrument(), DAY)
    names = ("open", "high", "low", "close")
    ten = [(pl.col(f"{n}_ticks") + 2_000).alias(f"{n}_ticks") for n in names]
    moved = past.with_columns(*ten, *((pl.col(n) + 500.0).alias(n) for n in names))
    one, two = (
        build(
            worlds.inputs_of(
                traded, technical_factors=build_technical_factors(traded, before, window, worlds.config())
            )
        )
        for before in (past, moved)
    )
    assert one["atr_relative"].null_count() == 0
    assert one.equals(two)
