"""Ledgers follow their partitions row by row, on both kinds of metadata store."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import StoreError, UsageError
from zanzibar_assets.store import ledger
from zanzibar_assets.store.config_versions import canonical, config_versions
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets.store.schema import METADATA
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.reporting import frames

DAY, NEXT = PartitionKey(session="2025-01-06"), PartitionKey(session="2025-01-07")


def keep(database, table, frame, fingerprint, key=DAY):
    rows = ledger.entries(table, key, fingerprint, frame)
    record = frames.record(table, str(key), fingerprint)
    Manifest(database).put(record, also=rows)


def dump(database, name):
    with database.reading() as transaction:
        return transaction.rows(METADATA.tables[name].select())


def test_every_column_of_a_table_stands_in_its_ledger():
    """But for counts of what the narrative's document holds."""
    for table, name in ledger.LEDGERS.items():
        columns = set(METADATA.tables[name].c.keys())
        stored = {ledger.TIMES.get(c, c) for c in empty(table).columns}
        assert stored - columns == ({"levels", "warnings"} if table == "narratives" else set())
        assert columns - stored == {"session", "fingerprint"}


def test_rows_come_back_with_the_partition_that_they_came_from(database):
    keep(database, "orders", frames.orders(), "fo")
    keep(database, "fills", frames.fills(), "ff")
    keep(database, "account_state", frames.account_state(), "fa")
    keep(database, "narratives", frames.narratives(), "fn")
    sent, stopped = ledger.orders(database)
    assert (sent["intent_id"], sent["state"], sent["order_ticket"], sent["approved"]) == (
        "int-6", "filled", 506, True)  # fmt: skip
    assert (stopped["gate"], stopped["order_ticket"], stopped["approved"]) == ("daily_loss", None, False)
    expected = frames.orders()["decided_at"].dt.epoch("us").to_list()
    assert [sent["decided_us"], stopped["decided_us"]] == expected
    assert {row["fingerprint"] for row in (sent, stopped)} == {"fo"}
    assert [(row["deal_ticket"], row["profit"]) for row in ledger.fills(database)] == [
        (706, 0.0),
        (707, 21.0),
    ]
    (account,) = ledger.accounts(database)
    assert (account["session"], account["balance"], account["halted"]) == ("2025-01-06", 100_020.0, False)
    (view,) = ledger.narratives(database)
    assert (view["author"], view["instrument"], view["conditional"]) == ("Patryk", "ES", True)
    assert view["published_us"] + 60_000_000 == view["received_us"]


def test_a_partition_that_is_built_again_replaces_its_own_rows_only(database):
    keep(database, "fills", frames.fills(), "one")
    keep(database, "fills", frames.fills(), "other day", NEXT)
    keep(database, "fills", frames.fills().head(1).with_columns(profit=pl.lit(3.5)), "two")
    found = [(row["session"], row["deal_ticket"], row["profit"], row["fingerprint"])
             for row in ledger.fills(database)]  # fmt: skip
    assert sorted(found) == [
        ("2025-01-06", 706, 3.5, "two"),
        ("2025-01-07", 706, 0.0, "other day"),
        ("2025-01-07", 707, 21.0, "other day"),
    ]


def test_the_same_partition_again_changes_nothing(database):
    keep(database, "fills", frames.fills(), "one")
    before = dump(database, "fills")
    keep(database, "fills", frames.fills(), "one")
    assert dump(database, "fills") == before


def test_an_empty_partition_takes_its_rows_out(database):
    keep(database, "fills", frames.fills(), "one")
    keep(database, "fills", empty("fills"), "none")
    assert ledger.fills(database) == []


def test_rows_are_asked_by_column_and_session(database):
    for key in (DAY, NEXT):
        keep(database, "orders", frames.orders(), f"f{key}", key)
    assert len(ledger.orders(database, account="SIM-1", state="blocked")) == 2
    assert ledger.orders(database, account="other") == []
    assert {r["session"] for r in ledger.orders(database, since="2025-01-07")} == {"2025-01-07"}
    assert {r["session"] for r in ledger.orders(database, through="2025-01-06")} == {"2025-01-06"}
    with pytest.raises(UsageError, match="has no column colour"):
        ledger.orders(database, colour="red")


def test_a_narrative_about_no_market_is_kept(database):
    frame = frames.narratives().with_columns(instrument=pl.lit(None, pl.String))
    keep(database, "narratives", frame, "fn")
    assert ledger.narratives(database, instrument="")[0]["narrative_id"] == "n-1"


def test_two_rows_with_one_key_are_refused_and_nothing_is_written(database):
    twice = pl.concat([frames.fills(), frames.fills()])
    with pytest.raises(StoreError, match="carry one key"):
        keep(database, "fills", twice, "one")
    assert dump(database, "partitions") == []


def test_tables_without_a_ledger_have_none():
    assert ledger.entries("bars", PartitionKey("ES", "2025-01-06"), "f", pl.DataFrame()) is None


# Through a workspace


def test_a_workspace_fills_ledgers_only_from_usable_partitions(either_workspace):
    record = frames.record("fills", str(DAY), "one")
    either_workspace.keep(replace(record, verdict=Verdict.FAILED), frames.fills())
    assert ledger.fills(either_workspace.database) == []
    either_workspace.keep(record, frames.fills())
    assert len(ledger.fills(either_workspace.database)) == 2


def test_configurations_are_written_down_when_they_build(either_workspace):
    workspace = either_workspace
    bars = frames.record("bars", "SIM_ES|2025-01-06", "one")
    assert config_versions(workspace.database) == []
    for number, name in enumerate(("one", "two")):
        workspace.keep(replace(bars, fingerprint=name, written_us=10 + number), pl.DataFrame())
    (first,) = config_versions(workspace.database)
    assert (first.first_used_us, first.last_used_us) == (10, 10)
    assert first.text == canonical(workspace.config, workspace.active_instruments())
    assert str(workspace.config.home) not in first.text
    old, model = workspace.config, workspace.config.model.model_copy(update={"horizon_bars": 31})
    workspace.config = old.model_copy(update={"model": model})
    workspace.keep(replace(bars, fingerprint="three", written_us=20), pl.DataFrame())
    workspace.config = old
    workspace.keep(replace(bars, fingerprint="four", written_us=30), pl.DataFrame())
    found = config_versions(workspace.database)
    assert [(v.first_used_us, v.last_used_us) for v in found] == [(10, 30), (20, 20)]
    assert found[0].hash == first.hash != found[1].hash


def test_a_refused_row_leaves_configuration_and_manifest_alone(tmp_path, either_workspace):
    twice = pl.concat([frames.fills(), frames.fills()])
    with pytest.raises(StoreError):
        either_workspace.keep(frames.record("fills", str(DAY), "one"), twice)
    assert config_versions(either_workspace.database) == []
    assert Manifest(either_workspace.database).all() == []


def test_ledgers_survive_a_new_opening(place):
    first = Database(place)
    keep(first, "fills", frames.fills(), "one")
    first.close()
    second = Database(place)
    assert len(ledger.fills(second, signal_id="sig-6")) == 1
    second.close()
