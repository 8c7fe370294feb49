"""The session's report holds its contract, repeats no number wrongly and marks what must be marked."""

from __future__ import annotations

import polars as pl

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.reporting.session import SessionInputs, build_session_report, market_sentence, verdict
from zanzibar_assets.store.manifest import CheckOutcome
from zanzibar_assets_tests.reporting import frames


def inputs(**changes) -> SessionInputs:
    values = {
        "session": frames.SESSION, "signals": frames.signals(), "orders": frames.orders(),
        "fills": frames.fills(), "account_state": frames.account_state(),
        "performance": frames.performance(), "narratives": frames.narratives(),
        "narrative_scores": empty("narrative_scores"), "bars": {"SIM_ES": frames.bars()},
        "charts": ("SIM_ES",),
        "validation": {"SIM_ES": frames.validation()},
        "checks": {"bars SIM_ES|2025-01-06": (CheckOutcome("contract", True, "holds"),)},
        "left_out": ("SIM_NQ: raw_signals is blocked",), "simulated_data": True,
    }  # fmt: skip
    return SessionInputs(**(values | changes))


def nothing() -> SessionInputs:
    tables = (
        "signals", "orders", "fills", "account_state", "performance", "narratives", "narrative_scores",
    )  # fmt: skip
    return SessionInputs(session=frames.SESSION, **{table: empty(table) for table in tables})


def lines_of(report: pl.DataFrame, section: str) -> dict[str, str]:
    own = report.filter(pl.col("section") == section)
    return dict(own.select("item", "value").iter_rows())


def test_report_holds_its_contract_and_names_its_page():
    report = build_session_report(inputs())
    assert breaches("session_report", report) == []
    assert report["html"].unique().to_list() == ["2025-01-06/index.html"]
    assert report.equals(build_session_report(inputs()))


def test_verdict_counts_signals_orders_gates_and_money():
    assert verdict(inputs()) == (
        "2 of 3 signals kept, 1 orders sent, 1 stopped by a gate; SIMULATED account +20.00 USD in the "
        "session. 1 orders came from an UNAPPROVED model."
    )


def test_verdict_names_the_checks_that_stopped_but_not_warnings():
    checks = {
        "vwap SIM_ES|2025-01-06": (CheckOutcome("contract", False, "sd is null"),),
        "trained_model SIM_ES": (CheckOutcome("enough_history", False, "short", blocking=False),),
    }
    text = verdict(inputs(checks=checks))
    assert "Checks stopped: vwap SIM_ES|2025-01-06." in text
    assert "trained_model" not in text
    found = lines_of(build_session_report(inputs(checks=checks)), "checks")
    assert found["summary"] == "0 of 2 checks passed"
    assert found["trained_model SIM_ES enough_history"] == "warned: short"


def test_every_signal_order_and_deal_has_its_line_with_its_marks():
    report = build_session_report(inputs())
    signals = lines_of(report, "signals")
    assert list(signals) == ["sig-6", "sig-8", "sig-9"]
    assert signals["sig-6"].endswith("[SIMULATED]")
    assert signals["sig-8"].startswith("SIM_ES buy at 4,702.00")
    assert signals["sig-8"].endswith("dropped: cooling down [SIMULATED]")
    assert "kept: kept" not in signals["sig-6"]
    assert signals["sig-9"].endswith("[SIMULATED, UNAPPROVED]")
    orders = lines_of(report, "orders")
    assert orders["int-6"] == "filled: buy 0.50 US500.sim at 4,690.50. done [SIMULATED]"
    assert orders["int-9"].startswith("blocked by daily_loss")
    deals = lines_of(report, "fills")
    assert set(deals) == {"706", "707"}
    assert "profit +21.00, costs -0.50, closed by tp" in deals["707"]


def test_what_was_left_out_and_the_models_verdict_are_said():
    report = build_session_report(inputs())
    assert lines_of(report, "market")["left out"] == "SIM_NQ: raw_signals is blocked"
    assert lines_of(report, "models")["SIM_ES"] == "NOT APPROVED (rejected). DSR 0.31 is below 0.95"
    assert "Patryk is long on ES" in lines_of(report, "narratives")["n-1"]


def test_a_session_with_nothing_is_still_a_report():
    report = build_session_report(nothing())
    assert breaches("session_report", report) == []
    assert lines_of(report, "verdict") == {
        "outcome": "0 of 0 signals kept, 0 orders sent.",
        "data": "recorded market data",
    }


def test_market_sentence_is_worked_by_hand():
    """30 bars: the first opens at 18800 ticks (4700.00), the last closes at 18800+58+2 (4715.00)."""
    assert market_sentence("SIM_ES", frames.bars()) == (
        "SIM_ES rose 0.32% from 4,700.00 to 4,715.00 between 2025-01-06 14:30 and 15:00 UTC, within "
        "4,699.75 and 4,715.25, on a volume of 3,435."
    )
    assert market_sentence("SIM_ES", empty("bars")) == "SIM_ES has no bars in this session."


def test_what_was_stopped_stands_in_the_verdict_and_what_waits_for_it_in_one_line():
    day = "SIM_ES|2025-01-06"
    stopped = (
        ("feature_quality", day, "two rows of one feature"),
        ("predictions", day, f"feature_quality {day} is blocked; got: two rows of one feature"),
        ("raw_signals", day, f"predictions {day} is blocked; got: two rows of one feature"),
    )
    found = inputs(stopped=stopped, never_built=(("model_report", "SIM_ES"), ("trained_model", "SIM_ES")))
    assert verdict(found).endswith(f"Not built: feature_quality {day} and 2 more.")
    lines = lines_of(build_session_report(found), "checks")
    assert lines == {
        "summary": "1 of 1 checks passed",
        f"stopped: feature_quality {day}": "two rows of one feature",
        "held back by these": f"{day}: predictions, raw_signals",
        "never built": "SIM_ES: model_report, trained_model",
        "passed, with partitions": "contract (1)",
    }
