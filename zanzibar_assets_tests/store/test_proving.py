"""Proofs in both kinds of store: made once for a code version, referred to, made again; parts by hand."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, polars_schema
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.cuts import choose_cuts, least_share_seen
from zanzibar_assets.store.differences import ABSENT, ROW, first_difference
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.perturbation import perturbed
from zanzibar_assets.store.prover import Verdict, prove
from zanzibar_assets.store.specs import LOOK_AHEAD_CHECK, TableSpec

DAY, NEXT = PartitionKey("SIM_ES", "2025-01-06"), PartitionKey("SIM_ES", "2025-01-07")
START = datetime(2025, 1, 6, tzinfo=UTC)


def bars_frame(rows=12, session="2025-01-06"):
    """A valid Bars frame whose closes rise and fall."""
    start = datetime.fromisoformat(session).replace(tzinfo=UTC)
    data = []
    for i in range(rows):
        opened, close = start + timedelta(minutes=i), 20_000 + (i * 7) % 5
        row = dict.fromkeys(polars_schema("bars"), 0)
        row |= {f"{n}_ticks": close for n in ("open", "high", "low", "close")}
        row |= {n: close * 0.25 for n in ("open", "high", "low", "close", "vwap")}
        row |= {"event_ts": opened, "known_at": opened + timedelta(minutes=1), "bar_seconds": 60}
        data.append(row | {"session_state": "open", "basis": "ticks", "volume": 1.0, "trades": 1})
    return pl.DataFrame(data, schema=polars_schema("bars"), strict=False)


def made_bars(inputs):
    return bars_frame(session=inputs.session)


def continuous(inputs, gap):
    bars = inputs.read("bars")
    return bars.with_columns(
        contract=pl.lit(None, pl.String), adjustment_ticks=gap(bars), chain_from=pl.lit("2025-01-06")
    )


BARS = TableSpec("bars", made_bars, ("analysis.bars",))
HONEST = TableSpec(
    "continuous_bars",
    lambda i: continuous(i, lambda b: b["close_ticks"].cum_max()),
    ("analysis.continuous",),
)
LEAKING = replace(
    HONEST,
    compute=lambda i: continuous(i, lambda b: b["close_ticks"].shift(-1, fill_value=0)),
    modules=("analysis.continuous", "analysis.profile"),
)


def check_of(outcome):
    (found,) = [c for c in outcome.record.checks if c.name == LOOK_AHEAD_CHECK]
    return found


@pytest.fixture
def workspace(either_workspace):
    for key in (DAY, NEXT):
        build_partition(either_workspace, BARS, key)
    return either_workspace


def test_a_proof_is_made_once_for_a_code_version(workspace):
    first = build_partition(workspace, HONEST, DAY, cuts=3)
    later = build_partition(workspace, HONEST, NEXT, cuts=3)
    assert check_of(first).detail.startswith("no look-ahead seen here at 6 cuts, ")
    assert first.record.notes["proof"]["verdict"] == "none seen"
    same = f"no look-ahead seen in the same code on continuous_bars {DAY} at 6 cuts"
    assert check_of(later).detail == same
    assert "proof" not in later.record.notes
    changed = replace(HONEST, modules=(*HONEST.modules, "analysis.vwap"))
    again = build_partition(workspace, changed, NEXT, cuts=3)
    assert check_of(again).detail.startswith("no look-ahead seen here")


def test_a_leak_fails_the_partition_and_every_later_one_of_the_code(workspace):
    first = build_partition(workspace, LEAKING, DAY, cuts=3)
    assert first.status is Status.FAILED
    assert "adjustment_ticks of the row known at 2025-01-06" in check_of(first).detail
    later = build_partition(workspace, LEAKING, NEXT, cuts=3)
    assert later.status is Status.FAILED
    assert f"the same code looks ahead on continuous_bars {DAY}" in check_of(later).detail
    mended = build_partition(workspace, HONEST, DAY, cuts=3)
    assert mended.status is Status.BUILT


def test_the_proof_of_a_partition_is_made_again_when_it_is_built_again(workspace):
    build_partition(workspace, HONEST, DAY, cuts=3)
    again = build_partition(workspace, HONEST, DAY, cuts=3, force=True)
    assert check_of(again).detail.startswith("no look-ahead seen here")


def test_a_builder_that_refuses_every_cut_proves_nothing_and_warns(workspace):
    def fussy(inputs):
        if inputs.read("bars").height < 12 or type(inputs).__name__ == "PrefixInputs":
            raise ValueError("a whole session is needed")
        return HONEST.compute(inputs)

    outcome = build_partition(workspace, replace(HONEST, compute=fussy), DAY, cuts=3)
    assert outcome.status is Status.BUILT
    found = check_of(outcome)
    assert not found.passed
    assert not found.blocking
    assert "a whole session is needed" in found.detail


def test_a_blocked_build_proves_nothing(workspace):
    saturday = PartitionKey("SIM_ES", "2025-01-08")
    outcome = build_partition(workspace, HONEST, saturday, cuts=3)
    assert outcome.status is Status.BLOCKED
    assert outcome.record.checks == ()


def test_nonsense_holds_the_contract_and_is_other_in_every_price_and_size():
    frame = bars_frame()
    nonsense = perturbed(frame, 0.25, 7)
    assert breaches("bars", nonsense) == []
    for column in ("event_ts", "known_at", "trades", "bar_seconds"):
        assert nonsense[column].equals(frame[column])
    assert (nonsense["volume"] > frame["volume"]).all()
    assert (nonsense["close_ticks"] != frame["close_ticks"]).sum() >= frame.height - 2
    assert (nonsense["close"] == nonsense["close_ticks"] * 0.25).all()
    assert perturbed(frame, 0.25, 7).equals(nonsense)
    assert not perturbed(frame, 0.25, 8).equals(nonsense)


def test_prices_stay_above_nothing():
    low = bars_frame().with_columns(pl.col("^.*_ticks$") - 19_999)
    assert perturbed(low, 0.25, 3)["low_ticks"].min() >= 1


def test_cuts_lie_where_rows_become_known_and_every_kind_takes_its_turn():
    known = [START + timedelta(minutes=i) for i in range(50)]
    frame = pl.DataFrame({"known_at": known, "kind": ["rare"] + ["often"] * 49})
    cuts = choose_cuts(frame, 20, 5)
    stamps = {int(at.timestamp() * 1_000_000) for at in known}
    assert len(cuts) == len(set(cuts)) == 25
    assert set(cuts[:20]) <= stamps
    assert min(stamps) in cuts, "the one row of the rare kind"
    assert min(stamps) - 1 in cuts, "before the first row"
    assert choose_cuts(frame.clear(), 20, 5) == []
    assert set(choose_cuts(frame, None, 5)) >= stamps


def test_cuts_are_spread_over_the_session_and_other_ones_for_another_seed():
    frame = pl.DataFrame({"known_at": [START + timedelta(minutes=i) for i in range(400)]})
    first = int(START.timestamp() * 1_000_000)
    for seed in range(20):
        minutes = sorted((at - first) // 60_000_000 for at in choose_cuts(frame, 40, seed)[:40])
        taken = {minute // 10 for minute in minutes}
        assert len(taken) == 40, "one of each stretch of ten"
    assert choose_cuts(frame, 40, 1) == choose_cuts(frame, 40, 1) != choose_cuts(frame, 40, 2)


@pytest.mark.parametrize(("cuts", "share"), [(40, 0.0722), (400, 0.00746)])
def test_the_stated_power_holds_in_a_simulation(cuts, share):
    """Leaks in that share of the rows, anywhere or all in one stretch, are met 19 times in 20."""
    assert least_share_seen(cuts) == pytest.approx(share, rel=2e-3)
    rows, runs = 2_000, 150
    frame = pl.DataFrame({"known_at": [START + timedelta(minutes=i) for i in range(rows)]})
    known = frame["known_at"].dt.epoch("us").to_list()
    leaking = math.ceil(share * rows)
    source = random.Random(11)
    met = {"anywhere": 0, "together": 0}
    for seed in range(runs):
        chosen = set(choose_cuts(frame, cuts, seed)[:cuts])
        start = source.randrange(rows - leaking)
        met["anywhere"] += not chosen.isdisjoint(source.sample(known, leaking))
        met["together"] += not chosen.isdisjoint(known[start : start + leaking])
    assert min(met.values()) / runs >= 0.93, met


def test_a_leak_in_one_of_97_bars_is_met_when_every_row_is_cut_at(either_workspace):
    bars = replace(BARS, compute=lambda i: bars_frame(97, i.session))
    build_partition(either_workspace, bars, DAY)

    def one_leak(read):
        later = read["close_ticks"].shift(-1, fill_value=0)
        row = read["event_ts"].dt.minute() + 60 * read["event_ts"].dt.hour()
        return pl.select(pl.when(row == 61).then(later).otherwise(read["close_ticks"])).to_series()

    spec = replace(LEAKING, compute=lambda i: continuous(i, one_leak))
    built = build_partition(either_workspace, spec, DAY).record
    frames = {"continuous_bars": either_workspace.lake.read("continuous_bars", DAY, 1, built.fingerprint)}
    every = prove(either_workspace, spec, DAY, frames, built.inputs, None)
    assert every.verdict is Verdict.LEAKS
    assert "known at 2025-01-06 01:02:00" in str(every.difference)
    few = prove(either_workspace, spec, DAY, frames, built.inputs, 10)
    assert few.verdict is Verdict.LEAKS or few.least_share > 1 / 97, "what is not met is not claimed"
    honest = prove(either_workspace, HONEST, DAY, _honest(either_workspace), built.inputs, None)
    assert (honest.at_rows, honest.instants, honest.least_share) == (97, 97, 0.0)
    assert honest.words() == "no look-ahead seen at 97 cuts, one at every instant of its rows"


def _honest(workspace):
    record = build_partition(workspace, HONEST, DAY).record
    return {"continuous_bars": workspace.lake.read("continuous_bars", DAY, 1, record.fingerprint)}


def test_a_difference_names_the_row_the_column_and_both_values():
    whole = bars_frame(4)
    assert first_difference(whole, whole.clone()) is None
    other = whole.with_columns(delta=pl.Series([0.0, 0.0, 1.5, 0.0]))
    found = first_difference(whole, other).of("bars", int(START.timestamp() * 1e6), "truncated")
    assert (found.column, found.whole, found.part) == ("delta", "0.0", "1.5")
    assert "known at 2025-01-06 00:03:00.000000 UTC is 0.0 in the table and 1.5" in str(found)
    assert first_difference(whole, whole[:3]).column == ROW
    assert first_difference(whole[:3], whole).whole == ABSENT


def test_a_whole_row_is_told_with_its_times_as_text():
    whole = bars_frame(3)
    told = first_difference(whole, whole[:2]).whole
    assert told.startswith("event_ts 2025-01-06T00:02:00+00:00, known_at 2025-01-06T00:03:00+00:00, ")
    assert "datetime" not in told


def test_the_sign_of_nothing_and_what_is_no_number_count():
    whole = bars_frame(2)
    assert first_difference(whole, whole.with_columns(delta=pl.lit(-0.0))).column == "delta"
    nan = whole.with_columns(vwap=pl.lit(float("nan")))
    assert first_difference(nan, nan.clone()) is None
    assert first_difference(nan, whole).column == "vwap"
