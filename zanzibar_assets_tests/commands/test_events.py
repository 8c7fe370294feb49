"""``zanzibar events``: the worked cases through the command, columns, plain refusals, prefixes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from zanzibar_assets.analysis.event_params import PARAMETERS
from zanzibar_assets.cli import root
from zanzibar_assets.errors import ContractError, FormatError, UsageError
from zanzibar_assets_tests.builders.bar_walks import schematic_walk, walk

CASES = json.loads((Path(__file__).parents[1] / "reference" / "structure_cases.json").read_text())["cases"]
START = datetime(2024, 1, 3, 9, 30, tzinfo=UTC)
KIND_OF_ENGINE = {
    "swing": ("smc", {"swing"}),
    "breaks": ("smc", {"bos", "choch"}),
    "fvg": ("smc", {"fvg", "fvg_touch", "fvg_ce", "fvg_fill", "fvg_invert", "fvg_extend"}),
    "pool": ("sweeps", {"pool", "pool_taken"}),
    "bar_sweep": ("sweeps", {"level_sweep", "level_accept"}),
    "wyckoff": ("wyckoff", None),
}
SHARED = ["kind", "dir", "event_idx", "known_idx", "event_ts", "known_at", "level", "lo", "hi", "ref_idx"]
TYPES = [pl.String, pl.Int8, pl.Int64, pl.Int64, *[pl.Datetime("us", "UTC")] * 2, *[pl.Float64] * 3, pl.Int64]


def frame_of(bars, minutes=1):
    columns = list(zip(*bars, strict=True)) or [[]] * 5
    stamps = [START + timedelta(minutes=minutes * k) for k in range(len(bars))]
    sides = dict(zip(("open", "high", "low", "close", "volume"), columns, strict=True))
    frame = pl.DataFrame({"ts_utc": stamps, **sides}, schema_overrides={"ts_utc": pl.Datetime("us", "UTC")})
    return frame.with_columns(pl.exclude("ts_utc").cast(pl.Float64))


def walk_frame(bars, tick=0.25):
    rows = zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    return frame_of([(*(tick * price for price in row[:4]), row[4]) for row in rows])


def call(tmp_path, frame, kind, params=None):
    """Events, JSON document and standard error of a run that must end well."""
    frame.write_parquet(tmp_path / "bars.parquet")
    (tmp_path / "p.json").write_text(json.dumps(params or {}))
    arguments = ["events", tmp_path / "bars.parquet", "--kind", kind, "--params", tmp_path / "p.json"]
    arguments += ["--out", tmp_path / "events.parquet", "--json"]
    result = CliRunner().invoke(root, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return pl.read_parquet(tmp_path / "events.parquet"), json.loads(result.stdout), result.stderr


def refused(tmp_path, frame, kind="smc", params=None):
    frame.write_parquet(tmp_path / "bars.parquet")
    (tmp_path / "p.json").write_text(json.dumps(params or {}))
    arguments = ["events", tmp_path / "bars.parquet", "--kind", kind, "--params", tmp_path / "p.json"]
    result = CliRunner().invoke(root, list(map(str, arguments)))
    assert result.exit_code != 0
    return result.exception


@pytest.mark.parametrize("minutes", [1, 60])
@pytest.mark.parametrize(
    "case", [c for c in CASES if c["engine"] in KIND_OF_ENGINE], ids=lambda case: case["name"]
)
def test_worked_cases_through_the_command(tmp_path, case, minutes):
    kind, kinds = KIND_OF_ENGINE[case["engine"]]
    bars = [[float(x) for x in row.split()] for row in case["rows"].split(";")]
    events, document, _ = call(tmp_path, frame_of(bars, minutes), kind, case["params"])
    if kinds is not None:
        events = events.filter(pl.col("kind").is_in(kinds))
    wanted = [line.split() for line in case["expect"]]
    assert events["kind"].to_list() == [name for name, *_ in wanted]
    for row, (_, *fields) in zip(events.iter_rows(named=True), wanted, strict=True):
        for name, value in (field.split("=") for field in fields):
            assert row[name] == pytest.approx(float(value), abs=1e-9), (row, name)
        length = timedelta(minutes=minutes)
        assert row["event_ts"] == START + row["event_idx"] * length
        assert row["known_at"] == START + (row["known_idx"] + 1) * length
    assert document["bar_seconds"] == 60 * minutes


@pytest.mark.parametrize("kind", PARAMETERS)
def test_columns_their_types_and_the_order_of_rows(tmp_path, kind):
    bars = schematic_walk(3, 3_000) if kind == "wyckoff" else walk(3, 400)
    params = {"tick": 0.25, **({"n": 8, "sc_rv": 1.8, "abandon_atr": 2.0} if kind == "wyckoff" else {})}
    events, document, _ = call(tmp_path, walk_frame(bars), kind, params)
    assert events.columns[: len(SHARED)] == SHARED
    assert events.dtypes[: len(SHARED)] == TYPES
    assert events.height > 30
    assert document["events"] == events.height == sum(document["kinds"].values())
    assert_frame_equal(events, events.sort("known_idx", "event_idx", "kind", maintain_order=True))
    assert (events["known_at"] >= events["event_ts"]).all()
    prices = events.filter(pl.col("level").is_not_null())
    assert (prices["level"] == prices["level_ticks"] * 0.25).all()
    assert events["def_version"].min() >= 1
    assert (events["params_hash"].str.len_chars() == 16).all()


def test_no_bars_give_the_same_columns_without_rows(tmp_path):
    full, _, _ = call(tmp_path, walk_frame(walk(3, 60)), "smc")
    events, document, _ = call(tmp_path, frame_of([]), "smc")
    assert events.schema == full.schema
    assert document["events"] == 0
    assert document["kinds"] == {}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_every_prefix_of_the_bars_gives_the_rows_known_by_then(tmp_path, kind):
    bars = walk_frame(schematic_walk(5, 500) if kind == "wyckoff" else walk(5, 200))
    params = {"tick": 0.25, **({"timeframes": [300, 900]} if kind == "smc" else {})}
    whole, _, _ = call(tmp_path, bars, kind, params)
    for cut in np.random.default_rng(5).integers(2, bars.height + 1, 12).tolist():
        part, _, _ = call(tmp_path, bars.head(cut), kind, params)
        assert_frame_equal(part, whole.filter(pl.col("known_idx") < cut))


def test_rows_of_a_higher_timeframe_are_known_when_its_span_has_ended(tmp_path):
    bars = walk_frame(walk(9, 400))
    events, _, _ = call(tmp_path, bars, "smc", {"timeframes": [300], "Lw": 2, "Rw": 2})
    higher = events.filter(timeframe_seconds=300)
    assert higher.height > 40
    assert (higher["known_at"].dt.epoch("s") % 300 == 0).all()
    closes = bars["ts_utc"].gather(higher["known_idx"]) + timedelta(minutes=1)
    assert (closes == higher["known_at"]).all()
    built = bars.group_by_dynamic("ts_utc", every="5m").agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()
    )
    alone, _, _ = call(tmp_path, built, "smc", {"Lw": 2, "Rw": 2})
    same = ["kind", "dir", "event_ts", "known_at", "level", "lo", "hi"]
    # The last span closes with the last bar, so all of the built bars are closed ones.
    assert_frame_equal(higher.select(same).sort(same), alone.select(same).sort(same))
    assert set(higher["params_hash"]).isdisjoint(alone["params_hash"])


def test_a_tick_is_the_unit_of_penetration_on_prices_between_ticks(tmp_path):
    bars = frame_of([(19.1, 19.6, 18.9, 19.0, 1), (19.0, 20.2, 18.9, 19.3, 1), (19.3, 20.3, 19.2, 19.6, 1)])
    params = {"level": 20, "side": 1, "known_idx": 0, "tick": 0.25, "min_pen": 1, "K": 3}
    events, document, said = call(tmp_path, bars, "sweeps", params)
    assert events["event_idx"].to_list() == [2]  # 20.2 is less than a tick beyond, 20.3 is more
    assert events["extreme"].to_list() == [20.3]
    assert "off the tick of 0.25" in said
    assert document["notes"]


def test_prices_on_no_grid_are_kept_and_said(tmp_path):
    rng = np.random.default_rng(1)
    close = 100 + np.cumsum(rng.normal(size=200))
    opened = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opened, close) + rng.random(200), np.minimum(opened, close) - rng.random(200)
    events, _, said = call(tmp_path, frame_of(list(zip(opened, high, low, close, close, strict=True))), "smc")
    swings = events.filter(kind="swing", dir=1)
    assert swings.height > 10
    assert np.allclose(swings["level"], high[swings["event_idx"]], atol=1e-9, rtol=0)
    assert "no decimal grid" in said


GOOD = walk_frame(walk(1, 30))
DAMAGED = {
    "lacks close, volume": (GOOD.drop("close", "volume"), "wyckoff"),
    "lacks ts_utc": (GOOD.rename({"ts_utc": "time"}), "smc"),
    "is no timestamp": (GOOD.with_columns(pl.col("ts_utc").dt.epoch("s")), "smc"),
    "close is no number": (GOOD.with_columns(pl.col("close").cast(pl.String)), "smc"),
    r"bar 7 \(counted from 0\): it is earlier": (
        pl.concat([GOOD[:6], GOOD[7:8], GOOD[6:7], GOOD[8:]]),
        "smc",
    ),
    "bar 4 .*repeats the stamp": (pl.concat([GOOD[:4], GOOD[3:]]), "smc"),
    "bar 0 .*: low is nan": (GOOD.with_columns(low=pl.lit(float("nan"))), "smc"),
    "bar 0 .*: high is nan": (GOOD.with_columns(high=pl.lit(None, pl.Float64)), "smc"),
    "is below low": (GOOD.with_columns(high=pl.col("low") - 1), "smc"),
    "lies outside low": (GOOD.with_columns(close=pl.col("high") + 1), "smc"),
    "is negative": (GOOD.with_columns(volume=-pl.col("volume") - 1), "wyckoff"),
    "one bar does not tell": (GOOD.head(1), "smc"),
}


@pytest.mark.parametrize("message", DAMAGED)
def test_bars_that_cannot_be_true_are_refused_by_name(tmp_path, message):
    frame, kind = DAMAGED[message]
    error = refused(tmp_path, frame, kind)
    assert isinstance(error, ContractError)
    with pytest.raises(ContractError, match=message):
        raise error


WRONG = {
    "know no parameter Lww; expected: some of Lw, Rw, mode": ("smc", {"Lww": 3}),
    "parameter Lw cannot be 0; expected: a whole number of 1 or more": ("smc", {"Lw": 0}),
    "parameter Lw cannot be 2.5": ("smc", {"Lw": 2.5}),
    "parameter mode cannot be 'body'; expected: close or wick": ("smc", {"mode": "body"}),
    "needs level and side": ("sweeps", {"level": 20.0}),
    "is no longer than the bars' 60 s": ("smc", {"timeframes": [60]}),
    "cannot be .300, 0.; expected: a list of whole seconds": ("smc", {"timeframes": [300, 0]}),
    "e is a fraction": ("smc", {"e": 0.7}),
}


@pytest.mark.parametrize("message", WRONG)
def test_parameters_that_cannot_be_are_named(tmp_path, message):
    error = refused(tmp_path, GOOD, *WRONG[message])
    assert isinstance(error, UsageError)
    with pytest.raises(UsageError, match=message):
        raise error


def test_files_that_cannot_be_used_are_refused(tmp_path):
    bars, bad = tmp_path / "bars.parquet", tmp_path / "bad.json"
    GOOD.write_parquet(bars)
    bad.write_text("[1]")
    before = bars.read_bytes()

    def error(*arguments):
        result = CliRunner().invoke(root, ["events", *map(str, arguments), "--kind", "smc"])
        assert result.exit_code != 0
        return result.exception

    assert isinstance(error(bars, "--params", bad), UsageError)
    assert isinstance(error(bad), FormatError)
    assert isinstance(error(bars, "--out", bars), UsageError)
    assert isinstance(error(bars, "--out", tmp_path / "none" / "e.parquet"), UsageError)
    assert bars.read_bytes() == before


def test_without_out_the_command_shows_the_last_rows_and_writes_nothing(tmp_path):
    GOOD.write_parquet(tmp_path / "bars.parquet")
    result = CliRunner().invoke(root, ["events", str(tmp_path / "bars.parquet"), "--kind", "smc"])
    assert result.exit_code == 0
    assert "events on 30 bars" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["bars.parquet"]


def test_smc_gives_pools_too_when_a_tolerance_is_given(tmp_path):
    frame = walk_frame(walk(5, 400))
    pools, *_ = call(tmp_path, frame, "sweeps", {"tol": 0.5})
    both, *_ = call(tmp_path, frame, "smc", {"tol": 0.5})
    alone, *_ = call(tmp_path, frame, "smc")
    kinds = ["pool", "pool_taken"]
    wanted = pools.filter(pl.col("kind").is_in(kinds))
    assert wanted.height > 4
    assert_frame_equal(both.filter(pl.col("kind").is_in(kinds)).select(wanted.columns[:11]), wanted[:, :11])
    assert_frame_equal(both.filter(~pl.col("kind").is_in(kinds)).select(alone.columns), alone)
    assert both.select("known_idx", "event_idx", "kind").rows() == sorted(
        both.select("known_idx", "event_idx", "kind").rows()
    )


def test_what_is_no_regular_file_is_never_written_over(tmp_path):
    walk_frame(walk(5, 60)).write_parquet(tmp_path / "bars.parquet")
    kept = tmp_path / "kept"
    kept.write_text("mine")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "busy.part").symlink_to(kept)
    for name in ("link", "busy"):
        arguments = ["events", tmp_path / "bars.parquet", "--kind", "smc", "--out", tmp_path / name]
        result = CliRunner().invoke(root, list(map(str, arguments)))
        assert isinstance(result.exception, UsageError)
        assert "regular" in str(result.exception)
    assert kept.read_text() == "mine"
    assert (tmp_path / "link").is_symlink()
