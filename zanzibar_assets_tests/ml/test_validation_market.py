"""The whole gate with market data beside the record: every statistic is there and has a threshold."""

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.config import GateConfig
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.ml.evidence import Market
from zanzibar_assets.ml.trials import RecordedTrial, Trial, TrialScores
from zanzibar_assets.ml.validation import gate_results, validate_model
from zanzibar_assets.vocabulary import MODEL_GATES
from zanzibar_assets_tests.ml.test_validation import MINUTE, SETTINGS, field, model, own_sharpe, record


def bars_of(oos, volume=5_000.0):
    """A bar a minute over the record's sessions, closes that go where its gross returns say."""
    path = oos.filter(pl.col("path") == 0).sort("event_ts")
    frames = []
    for (session,), part in path.partition_by("session", as_dict=True, maintain_order=True).items():
        first = int(part["event_ts"].dt.epoch("us")[0])
        steps = np.repeat(part["gross_return"].to_numpy() / 30, 30)
        level = np.exp(np.concatenate(([0.0], np.cumsum(steps)))) * 4_000
        known = first + np.arange(len(level)) * MINUTE
        columns = {
            "session": session, "event_ts": known - MINUTE, "known_at": known, "close": level,
            "volume": volume, "bar_seconds": 60, "session_state": "open",
        }  # fmt: skip
        frames.append(pl.DataFrame(columns))
    stamps = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
    return pl.concat(frames).with_columns(stamps)


def regimes_of(bars):
    state = (pl.int_range(pl.len()) // 400 % 3).cast(pl.Int8).alias("vol_state")
    return bars.select("session", "known_at", state)


def judged(oos, trials, settings=SETTINGS, volume=5_000.0):
    bars = bars_of(oos, volume)
    report = validate_model(model(), oos, trials, settings, Market("SIM_ES", bars, regimes_of(bars)))
    return report, {row["metric"]: row for row in report.iter_rows(named=True)}


def searched(best=0.3, count=12, spans=160, seed=3):
    """A search whose first trial is the one that was chosen: skilled, the others luck."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        returns = rng.normal(0.0 if number else 2 * best, 1.0, spans)
        scores = TrialScores(
            0.0,
            rng.normal(0, 0.025) if number else best,
            1_600,
            0.0,
            starts_us=tuple(range(spans)),
            returns=tuple(returns.tolist()),
        )
        trial = Trial("SIM_ES", "logistic", f"s{number}", (), 7, "f", "2024-03-08")
        rows.append(RecordedTrial(trial.trial_id, trial, "scored", scores))
    return rows


def test_every_gate_is_judged_and_passes_for_a_real_edge():
    oos = record(edge=0.3)
    report, metrics = judged(oos, searched())
    gates = {name for name, row in metrics.items() if row["passed"] is not None}
    assert gates == set(MODEL_GATES)
    assert report["verdict"][0] == "promote", report["verdict_reason"][0]
    assert gate_results(report) == [(name, True, metrics[name]["detail"]) for name in MODEL_GATES]


def test_breakdowns_are_lines_of_the_report():
    _, metrics = judged(record(edge=0.3), searched())
    assert {f"ic_regime:{name}" for name in ("calm", "normal", "stressed")} <= set(metrics)
    assert {"ic_phase:first_hour", "ic_phase:middle", "ic_instrument:SIM_ES"} <= set(metrics)
    assert metrics["ic_horizon:30"]["value"] > metrics["ic_horizon:60"]["value"] > 0
    assert metrics["sharpe_at_costs:0"]["value"] > metrics["sharpe_at_costs:3"]["value"]
    assert 0 < metrics["power:1"]["value"] < metrics["power:3"]["value"] < 1


@pytest.mark.parametrize(
    ("gate", "setting", "limit"),
    [
        ("ic_t", "min_ic_t", 1e3),
        ("icir", "min_icir", 1e3),
        ("ic_worst_part", "min_ic_part_t", 1e3),
        ("psr", "min_psr", 1 - 1e-15),
        ("dsr", "min_dsr", 1 - 1e-15),
        ("bayes_prob_positive", "min_bayes_prob", 1 - 1e-15),
        ("sharpe_low", "min_sharpe_low", 1e3),
        ("pbo", "max_pbo", 0.0),
        ("turnover", "max_turnover", 1e-3),
        ("capacity", "min_capacity", 1e9),
    ],
)
def test_each_gate_alone_stops_the_model(gate, setting, limit):
    oos = record(edge=0.12, seed=3)
    settings = SETTINGS.model_copy(update={"gate": GateConfig(**{setting: limit})})
    trials = searched(best=0.05, seed=5) if gate == "pbo" else field(own_sharpe(oos))
    report, metrics = judged(oos, trials, settings)
    failed = {name for name, passed, _ in gate_results(report) if not passed}
    assert gate in failed
    assert metrics[gate]["threshold"] == limit
    assert report["verdict"][0] != "promote"
    assert gate in report["verdict_reason"][0]


def test_costs_under_stress_stop_it():
    oos = record(edge=0.3)
    settings = SETTINGS.model_copy(update={"gate": GateConfig(costs_stress=1e4)})
    report, _ = judged(oos, field(own_sharpe(oos)), settings)
    assert {name for name, passed, _ in gate_results(report) if not passed} == {"cost_margin"}


def test_a_thin_market_has_no_room_for_it():
    oos = record(edge=0.3)
    report, metrics = judged(oos, field(own_sharpe(oos)), volume=0.001)
    assert not metrics["capacity"]["passed"]
    assert report["verdict"][0] == "reject"


def test_without_a_model_every_gate_says_that_it_was_not_judged():
    untrained = model().with_columns(
        pl.lit("insufficient_history").alias("status"), pl.lit("1 session").alias("reason")
    )
    market = Market("SIM_ES", empty("bars"), empty("regimes"))
    report = validate_model(untrained, record(0.1).clear(), [], SETTINGS, market)
    results = gate_results(report)
    assert [name for name, _, _ in results] == list(MODEL_GATES)
    assert not any(passed for _, passed, _ in results)
    assert all("not judged" in detail for _, _, detail in results)
