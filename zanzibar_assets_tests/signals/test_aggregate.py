"""The aggregator: each rule alone, their order, and causality."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.config import Config, ExecutionConfig, SignalConfig
from zanzibar_assets.contracts.registry import breaches, conform, empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.signals.aggregate import build_signals

INSTRUMENTS = load_instruments()
CONFIG = Config(home=Path("unused"))
PAPER = Config(home=Path("unused"), execution=ExecutionConfig(paper_unapproved=True))
T0 = datetime(2024, 3, 5, 15, tzinfo=UTC)


def raw(minute, direction=1, source="poi", instrument="SIM_ES", score=0.7, model_id=None, stop=20):
    stamp = T0 + timedelta(minutes=minute)
    return {
        "event_ts": stamp, "known_at": stamp, "signal_id": f"{instrument}{source}{minute}{direction}",
        "instrument": instrument, "source": source, "dir": direction, "entry_ticks": 20_000,
        "entry": 5_000.0, "stop_distance_ticks": stop, "target_distance_ticks": 2 * stop, "score": score,
        "model_id": model_id or ("m1" if source == "model" else None), "evidence": "{}",
        "simulated": True,
    }  # fmt: skip


def risk(rules=0.1, model=0.4, var95=0.5):
    row = {
        "kelly_full": 0.1, "kelly_used": 0.02, "risk_per_trade_pct": model,
        "rules_risk_per_trade_pct": rules, "var_95_pct": var95, "cvar_95_pct": 2.0, "var_99_pct": 2.0,
        "cvar_99_pct": 3.0, "method": "historical", "observations": 300, "as_of_session": "2024-03-04",
        "reason": "no measured edge",
    }  # fmt: skip
    return conform("risk_parameters", pl.DataFrame([row]))


def validation(verdict="promote", model_id="m1"):
    row = {
        "model_id": model_id, "metric": "dsr", "value": 0.1, "threshold": 0.95, "passed": False,
        "detail": "", "verdict": verdict, "verdict_reason": "DSR 0.10 under 0.95",
        "validated_through": "2024-03-04",
    }  # fmt: skip
    return conform("validation_report", pl.DataFrame([row], infer_schema_length=None))


def narrative(minute, bias="long", conviction="high", name="n1", **changes):
    stamp = T0 + timedelta(minutes=minute)
    return {
        "event_ts": stamp, "known_at": stamp, "narrative_id": name, "author": "a", "instrument": "ES",
        "bias": bias, "bias_score": 0.5, "conviction": conviction, "conditional": False,
        "no_trade": False, "horizon": None, "levels": 0, "warnings": 0, "document": "{}",
        "text_sha256": "", "parser_version": "1", "simulated": True,
    } | changes  # fmt: skip


def narratives(*rows):
    if not rows:
        return empty("narratives")
    return conform("narratives", pl.DataFrame(list(rows), infer_schema_length=None))


def build(*rows, said=(), risks=None, reports=None, config=CONFIG):
    frame = conform("raw_signals", pl.DataFrame(list(rows), infer_schema_length=None))
    both = {"SIM_ES": risk(), "SIM_NQ": risk()} if risks is None else risks
    table = build_signals(frame, narratives(*said), both, reports or {}, INSTRUMENTS, config)
    assert breaches("signals", table) == []
    assert table.height == len(rows)
    return table


def fates(table):
    return table["status"].to_list()


def test_a_rules_signal_is_kept_with_its_distances_and_risk():
    (row,) = build(raw(1)).to_dicts()
    assert (row["status"], row["approved"], row["risk_pct"]) == ("kept", True, 0.1)
    assert (row["stop_distance"], row["target_distance"]) == (5.0, 10.0)
    assert row["expires_at"] == T0 + timedelta(minutes=16)
    assert row["reason"] == "kept: touch of a point of interest (rules); risk 0.100 %"


def test_an_approved_model_takes_its_own_risk():
    (row,) = build(raw(1, source="model", stop=200), reports={"SIM_ES": validation()}).to_dicts()
    assert (row["status"], row["approved"], row["risk_pct"]) == ("kept", True, 0.4)


@pytest.mark.parametrize("verdict", ["hold", "reject", "insufficient_history"])
def test_a_model_that_is_not_promoted_is_dropped_unless_asked_for_on_paper(verdict):
    reports = {"SIM_ES": validation(verdict)}
    (row,) = build(raw(1, source="model"), reports=reports).to_dicts()
    assert (row["status"], row["approved"], row["risk_pct"]) == ("dropped", False, 0.0)
    assert row["reason"].startswith("the model is not promoted: its validation says " + verdict)
    (row,) = build(raw(1, source="model"), reports=reports, config=PAPER).to_dicts()
    assert (row["status"], row["approved"], row["risk_pct"]) == ("kept", False, 0.1)
    assert "UNAPPROVED" in row["reason"]


def test_unapproved_models_never_trade_on_a_live_backend():
    live = ExecutionConfig(paper_unapproved=True, backend="mt5")
    config = Config(home=Path("unused"), execution=live)
    assert fates(build(raw(1, source="model"), reports={"SIM_ES": validation("hold")}, config=config)) == [
        "dropped"
    ]


def test_a_report_of_another_model_approves_nothing():
    (row,) = build(raw(1, source="model"), reports={"SIM_ES": validation(model_id="m2")}).to_dicts()
    assert (row["status"], row["approved"]) == ("dropped", False)
    assert "another model" in row["reason"]


def test_missing_or_zero_risk_drops():
    assert "no risk parameters" in build(raw(1), risks={})["reason"].item()
    assert build(raw(1), risks={"SIM_ES": risk(rules=0.0)})["reason"].item() == (
        "no risk is granted: no measured edge"
    )


def test_risk_is_capped_by_the_setting_and_by_var():
    assert build(raw(1, stop=200), risks={"SIM_ES": risk(rules=2.0)})["risk_pct"].item() == 0.5
    (row,) = build(raw(1), risks={"SIM_ES": risk(rules=0.4, var95=2.0)}).to_dicts()
    # a quarter of the 3 % daily limit = 0.75 %; over VaR 2 % = 37.5 % of equity in notional;
    # the stop is 5 / 5000 = 0.1 % of it
    assert row["risk_pct"] == pytest.approx(0.0375)
    assert "lowered" in row["reason"]


def test_narratives_drop_halve_or_do_nothing():
    def reason(*said, direction=-1):
        return build(raw(5, direction), said=said).select("status", "risk_pct").row(0)

    assert reason() == ("kept", 0.1)
    assert reason(narrative(1)) == ("dropped", 0.0)
    assert reason(narrative(1), direction=1) == ("kept", 0.1)
    assert reason(narrative(1, conviction="medium")) == ("kept", 0.05)
    assert reason(narrative(1, conditional=True)) == ("kept", 0.05)
    assert reason(narrative(1, bias="neutral")) == ("kept", 0.1)
    assert reason(narrative(1, no_trade=True), direction=1) == ("dropped", 0.0)
    assert reason(narrative(6)) == ("kept", 0.1)  # said later
    assert reason(narrative(1), narrative(2, bias="short")) == ("kept", 0.1)  # the newest counts
    assert reason(narrative(1, instrument="DAX")) == ("kept", 0.1)


def test_conflicts_cooldown_and_other_instruments():
    table = build(
        raw(1), raw(5, -1), raw(10), raw(12, -1, instrument="SIM_NQ"), raw(17, -1), raw(31), raw(32)
    )
    assert fates(table) == ["kept", "dropped", "dropped", "kept", "kept", "dropped", "kept"]
    reasons = table["reason"].to_list()
    assert "opposite direction" in reasons[1]
    assert "within 1800 s" in reasons[2]
    assert "opposite direction" in reasons[5]  # that of minute 17 lives until minute 32
    assert "opposite" not in build(raw(1), raw(33))["reason"][1]


def test_the_best_score_of_an_instant_comes_first():
    table = build(raw(1, 1, score=0.6), raw(1, -1, score=0.9))
    assert table.select("dir", "status").rows() == [(-1, "kept"), (1, "dropped")]


def test_a_limited_number_of_signals():
    config = Config(home=Path("unused"), signals=SignalConfig(cooldown_seconds=0, max_signals_per_session=2))
    table = build(*[raw(k) for k in range(1, 5)], config=config)
    assert fates(table) == ["kept", "kept", "dropped", "dropped"]
    assert "2 signals" in table["reason"][3]


def test_no_raw_signals():
    table = build_signals(empty("raw_signals"), narratives(), {}, {}, INSTRUMENTS, CONFIG)
    assert table.equals(empty("signals"))


@pytest.mark.parametrize("seed", range(4))
def test_a_prefix_gives_the_prefix(seed):
    rng = np.random.default_rng(seed)
    rows = [
        raw(
            int(rng.integers(0, 300)), int(rng.choice([-1, 1])), str(rng.choice(["poi", "model"])),
            str(rng.choice(["SIM_ES", "SIM_NQ"])), float(rng.random()),
        )
        for _ in range(60)
    ]  # fmt: skip
    said = [
        narrative(int(rng.integers(0, 300)), str(rng.choice(["long", "short", "neutral"])), name=f"n{k}",
                  conviction=str(rng.choice(["low", "high"])), no_trade=bool(rng.random() < 0.1))
        for k in range(10)
    ]  # fmt: skip
    reports = {"SIM_ES": validation(), "SIM_NQ": validation("reject")}
    rows = list({row["signal_id"]: row for row in rows}.values())
    whole = build(*rows, said=said, reports=reports)
    assert 0 < whole.filter(pl.col("status") == "kept").height < whole.height
    for minute in rng.integers(20, 300, 15):
        cut = T0 + timedelta(minutes=int(minute))
        part = build(*[r for r in rows if r["known_at"] <= cut], said=said, reports=reports)
        assert part.equals(whole.filter(pl.col("known_at") <= cut))
