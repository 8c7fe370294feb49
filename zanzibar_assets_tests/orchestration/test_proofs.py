"""The look-ahead prover as a check of the graph: leaking twins are caught, what ships holds."""

from __future__ import annotations

import json
from dataclasses import replace

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner

from zanzibar_assets.cli import root
from zanzibar_assets.orchestration import proofs
from zanzibar_assets.orchestration.checks import check_results
from zanzibar_assets.orchestration.graph import all_assets
from zanzibar_assets.orchestration.table_asset import PROOF_CUTS, SPECS
from zanzibar_assets.store import prover
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.cuts import choose_cuts
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.specs import LOOK_AHEAD_CHECK
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.orchestration import home

NAME, OTHER = "SIM_ES", "SIM_BTC"
FIRST, SECOND = "2025-01-08", "2025-01-10"  # the exchange is closed between
DAY, NEXT = PartitionKey(NAME, FIRST), PartitionKey(NAME, SECOND)
all_assets()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Bars, factors and events of two sessions, every table proved as it was built."""
    folder = tmp_path_factory.mktemp("proved")
    inbox = home.make_market(folder / "sierra", (NAME,), 2, trades=400)
    zanzibar = home.resource(folder / "home", folder / "sierra", inbox, (NAME,))
    workspace = zanzibar.workspace()
    for table, spec in SPECS.items():
        if spec.contract.grain.value == "instrument_session" and spec.contract.stage.value != "reporting":
            for key in (DAY, NEXT):
                build_partition(workspace, spec, key, cuts=PROOF_CUTS)
        elif table in ("raw_narratives", "narratives", "correlations", "narrative_scores"):
            for session in (FIRST, SECOND):
                build_partition(workspace, spec, PartitionKey(session=session), cuts=PROOF_CUTS)
    return zanzibar, workspace


def check_of(record):
    (found,) = [c for c in record.checks if c.name == LOOK_AHEAD_CHECK]
    return found


def twin(change, **also):
    """The factors with one column that sees the future, as another version of their code."""
    honest = SPECS["technical_factors"]

    def compute(inputs):
        return change(honest.compute(inputs), inputs.read("bars"))

    return replace(honest, compute=compute, modules=(*honest.modules, "analysis.profile"), **also)


def centred_window(factors, bars):
    return factors.with_columns(rsi_14=bars["close"].rolling_mean(5, center=True))


def unshifted_swing(factors, bars):
    high = bars["high_ticks"]
    top = (high > high.shift(1)) & (high > high.shift(-1)) & (high > high.shift(-2))
    return factors.with_columns(rsi_14=top.cast(pl.Float64))


def full_sample_score(factors, bars):
    close = bars["close"]
    return factors.with_columns(rsi_14=(close - close.mean()) / close.std())


def backfill(factors, bars):
    sparse = pl.when(bars["close_ticks"] % 5 == 0).then(bars["close"])
    return factors.with_columns(rsi_14=pl.select(sparse.fill_null(strategy="backward")).to_series())


def of_the_past(factors, bars):
    return factors.with_columns(rsi_14=bars["close"].rolling_mean(5))


@pytest.mark.parametrize("leak", [centred_window, unshifted_swing, full_sample_score, backfill])
def test_a_leaking_table_fails_its_check_and_downstream_refuses(built, leak):
    _, workspace = built
    outcome = build_partition(workspace, twin(leak), DAY, force=True, cuts=PROOF_CUTS)
    assert outcome.status is Status.FAILED
    found = check_of(outcome.record)
    assert not found.passed
    assert found.blocking
    for word in ("technical_factors looks ahead", "rsi_14", "of the row known at 2025-01-", "what to do"):
        assert word in found.detail
    refused = build_partition(workspace, SPECS["feature_matrix"], DAY, force=True, cuts=PROOF_CUTS)
    assert refused.status is Status.BLOCKED
    assert "technical_factors looks ahead" in refused.record.reasons[0]
    later = build_partition(workspace, twin(leak), NEXT, force=True, cuts=PROOF_CUTS)
    assert later.status is Status.FAILED
    assert f"looks ahead on technical_factors {DAY}" in check_of(later.record).detail
    for key in (DAY, NEXT):
        build_partition(workspace, SPECS["technical_factors"], key, force=True, cuts=PROOF_CUTS)
        build_partition(workspace, SPECS["feature_matrix"], key, force=True)


def test_honest_code_of_a_new_version_is_proved_again_and_then_referred_to(built):
    _, workspace = built
    spec = twin(of_the_past)
    first = build_partition(workspace, spec, DAY, force=True, cuts=PROOF_CUTS)
    later = build_partition(workspace, spec, NEXT, force=True, cuts=PROOF_CUTS)
    assert (first.status, later.status) == (Status.BUILT, Status.BUILT)
    assert check_of(first.record).detail.startswith("no look-ahead seen here at 4 cuts")
    same = f"no look-ahead seen in the same code on technical_factors {DAY} at 4 cuts"
    assert check_of(later.record).detail == same
    (result,) = check_results([later], [LOOK_AHEAD_CHECK])
    assert result.passed
    assert "in the same code on" in result.description
    for key in (DAY, NEXT):
        build_partition(workspace, SPECS["technical_factors"], key, force=True, cuts=PROOF_CUTS)
        build_partition(workspace, SPECS["feature_matrix"], key, force=True)


def test_every_table_of_a_session_was_proved_when_it_was_built(built):
    _, workspace = built
    for table, spec in SPECS.items():
        for key in (DAY, NEXT):
            record = workspace.manifest.get(table, key)
            if record is None or not spec.provable:
                continue
            assert record.verdict is Verdict.OK, (table, record.reasons)
            if record.notes.get("proof"):
                assert record.notes["proof"]["verdict"] == "none seen"


def test_nothing_that_trades_or_reads_files_is_ever_computed_again():
    unproved = {t for t, spec in SPECS.items() if not spec.provable}
    assert {
        "orders",
        "broker_status",
        "raw_ticks",
        "raw_depth",
        "trained_model",
        "session_report",
    } <= unproved


def test_a_session_without_rows_proves_nothing_and_says_so(built):
    _, workspace = built
    saturday = PartitionKey(NAME, "2025-01-11")
    outcome = build_partition(workspace, twin(of_the_past), saturday, cuts=PROOF_CUTS)
    assert check_of(outcome.record).detail == "nothing seen: no row to compare"
    assert "proof" not in outcome.record.notes


def test_every_shipped_table_holds_at_forty_cuts(built):
    _, workspace = built
    wanted = proofs.chosen(workspace, session=SECOND)
    found = list(proofs.prove_stored(workspace, wanted, 40))
    assert [(f.table, str(f.proof.difference)) for f in found if f.proof and f.proof.difference] == []
    proved = {f.table for f in found if f.proof and f.proof.verdict is prover.Verdict.NONE_SEEN}
    assert proved >= {"bars", "vwap", "liquidity_features", "smc_events", "feature_matrix", "labels"}
    assert [f.reason for f in found if f.proof is None] == []


def test_the_cuts_follow_from_the_code_alone(built):
    _, workspace = built
    record = workspace.manifest.get("smc_events", NEXT)
    frame = workspace.lake.read("smc_events", NEXT, record.schema_version, record.fingerprint)
    seeds = [prover.seed_of("smc_events", NEXT, code) for code in ("a", "a", "b")]
    one, same, other = (choose_cuts(frame, 40, seed) for seed in seeds)
    assert one == same != other
    assert len(set(one)) == 50
    assert {k for k in frame["known_at"].dt.epoch("us")} & set(one)


def test_the_command_shows_proofs_and_fails_on_a_leak(built, monkeypatch):
    zanzibar, workspace = built
    monkeypatch.setenv("ZANZIBAR_HOME", zanzibar.home)
    asked = ["prove", "--table", "technical_factors", "--session", FIRST, "--cuts", "3"]
    shown = CliRunner().invoke(root, asked)
    assert shown.exit_code == 0, shown.output
    assert "none seen" in shown.stdout
    assert "63 %" in shown.stdout, "three cuts see a leak in 63 % of the rows"
    monkeypatch.setitem(SPECS, "technical_factors", twin(centred_window))
    build_partition(workspace, SPECS["technical_factors"], DAY, force=True)
    leaking = CliRunner().invoke(root, [*asked, "--json"])
    assert leaking.exit_code == 1
    document = json.loads(leaking.stdout)
    assert document["leaks"] == 1
    assert "rsi_14" in document["proofs"][0]["difference"]
    assert any(kind == "look_ahead" for _, kind, _ in workspace.alerts_since(0))
    monkeypatch.undo()
    build_partition(workspace, SPECS["technical_factors"], DAY, force=True)


def test_what_cannot_be_proved_is_refused_with_what_can(built):
    _, workspace = built
    with pytest.raises(Exception, match="'orders' cannot be proved"):
        proofs.chosen(workspace, ("orders",))
    with pytest.raises(Exception, match="no stored partition with rows fits"):
        proofs.chosen(workspace, session="2001-01-01")


def test_the_weekly_proof_is_off_until_someone_turns_it_on():
    schedule = proofs.build_proof_schedule()
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
