"""The summary counts what the manifest holds and says the outcome in one sentence."""

from __future__ import annotations

import json

import pytest

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.reporting.summary import RunSummary, summarise_run
from zanzibar_assets.store.manifest import CheckOutcome
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.reporting import frames

CONTRACT_KEYS = {"assets", "checks", "signals", "orders", "fills", "account", "seconds"}


def summarise(records, statuses=None, **changes):
    inputs = {
        "signals": frames.signals(), "orders": frames.orders(), "fills": frames.fills(),
        "account_state": frames.account_state(), "validation_by_instrument": {"SIM_ES": frames.validation()},
        "notes": ["SIM_ES has no earlier session: regimes are empty"],
        "look_next": [("zanzibar up", "the graph")], "seconds": 12.3456, "errors": [],
    }  # fmt: skip
    return summarise_run(records=records, statuses=statuses or {}, **(inputs | changes))


def nothing_traded():
    return {table: empty(table) for table in ("signals", "orders", "fills", "account_state")}


def sound_records():
    return [
        frames.record("bars", "SIM_ES|2025-01-03", checks=(CheckOutcome("contract", True, "holds"),)),
        frames.record("bars", "SIM_ES|2025-01-06", rows=5),
        frames.record("signals", "2025-01-06", rows=3),
    ]


def test_tables_count_partitions_rows_and_what_was_built():
    summary = summarise(sound_records(), {("bars", "SIM_ES|2025-01-06"): "built"})
    (bars, signals) = summary.tables
    assert (bars.table, bars.stage, bars.partitions, bars.rows) == ("bars", "bars", 2, 15)
    assert (bars.built, bars.up_to_date, bars.blocked, bars.failed) == (1, 1, 0, 0)
    assert (signals.table, signals.partitions, signals.rows) == ("signals", 1, 3)
    assert summary.is_complete
    assert summary.simulated_data


def test_blocked_and_failed_partitions_are_counted_apart_and_named():
    failing = CheckOutcome("contract", False, "price: greater_than(0)")
    records = [
        *sound_records(),
        frames.record("clean_ticks", "SIM_ES|2025-01-06", None, verdict=Verdict.FAILED, checks=(failing,)),
        frames.record("vwap", "SIM_ES|2025-01-06", None, verdict=Verdict.BLOCKED, reasons=("no bars",)),
    ]
    summary = summarise(records)
    by_table = {t.table: t for t in summary.tables}
    assert (by_table["clean_ticks"].failed, by_table["clean_ticks"].partitions) == (1, 0)
    assert (by_table["vwap"].blocked, by_table["vwap"].failed) == (1, 0)
    assert ("vwap SIM_ES|2025-01-06", "no bars") in summary.blocked
    assert [c.detail for c in summary.failed_checks] == ["price: greater_than(0)"]
    assert not summary.is_complete
    assert summary.verdict().startswith("PARTLY BUILT: 2 partitions could not be built")


def test_a_warning_alone_does_not_make_the_run_incomplete():
    warning = CheckOutcome("enough_history", False, "two sessions", blocking=False)
    records = [*sound_records(), frames.record("trained_model", "SIM_ES", checks=(warning,))]
    summary = summarise(records)
    assert summary.is_complete
    assert [c.name for c in summary.failed_checks] == ["enough_history"]


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({}, "1 of 2 orders filled on the SIMULATED account."),
        ({"orders": empty("orders")}, "no order was made (2 signals kept)."),
        (nothing_traded(), "no order was made."),
    ],
)
def test_verdict_says_what_was_traded(changes, ending):
    assert summarise(sound_records(), **changes).verdict().endswith(ending)


def test_a_failed_run_is_never_called_complete():
    summary = summarise(sound_records(), errors=["execution failed: the terminal is gone"])
    assert not summary.is_complete
    assert not summary.verdict().startswith("DONE")
    assert "the terminal is gone" in json.dumps(summary.to_json())


def test_one_live_order_is_enough_to_call_the_account_live():
    live = frames.sound("orders", [frames.order(6), {**frames.order(7), "simulated": False}])
    assert "on a LIVE account" in summarise(sound_records(), orders=live).verdict()


def test_a_run_without_tables_says_that_nothing_was_built():
    assert RunSummary(tables=()).verdict().startswith("NOTHING WAS BUILT")
    assert not RunSummary(tables=()).is_complete


def test_a_model_counts_as_traded_only_by_unapproved_orders():
    (model,) = summarise(sound_records()).models
    assert (model.instrument, model.verdict, model.traded) == ("SIM_ES", "reject", True)
    approved = frames.sound("orders", [frames.order(6)])
    assert not summarise(sound_records(), orders=approved).models[0].traded


def test_json_document_has_the_contracts_keys_and_only_plain_values():
    document = summarise(sound_records()).to_json()
    assert set(document) >= CONTRACT_KEYS
    again = json.loads(json.dumps(document))
    assert again["seconds"] == 12.346
    assert [o["state"] for o in again["orders"]] == ["filled", "blocked"]
    assert again["orders"][0]["decided_at"] == "2025-01-06T14:36:00+00:00"
    assert again["account"]["balance"] == 100_020.0
    assert all(row["simulated"] for row in again["signals"] + again["orders"] + again["fills"])
    assert [row["approved"] for row in again["orders"]] == [True, False]


def test_json_of_a_run_that_never_reached_an_account_has_an_empty_account():
    assert summarise(sound_records(), **nothing_traded()).to_json()["account"] == {}
