"""The statements that TimescaleDB would be given, and that plain PostgreSQL is given none of them."""

from __future__ import annotations

import pytest

from zanzibar_assets.contracts.registry import TABLES, empty
from zanzibar_assets.store.copy_format import schema_names
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.postgres_children import Children
from zanzibar_assets.store.postgres_rows import Rows
from zanzibar_assets.store.postgres_tables import Place
from zanzibar_assets.store.timescale import Timescale

APACHE, FULL = Timescale("2.17", "apache"), Timescale("2.17", "timescale")
MARKET, SESSION, INSTRUMENT = (
    PartitionKey("ES", "2025-01-06"),
    PartitionKey(session="2025-01-06"),
    PartitionKey("ES"),
)


def statements(table, key, added):
    place = Place("home", table, TABLES[table].version, key)
    return list(Rows(added).creation(place, schema_names(empty(table))))


@pytest.mark.parametrize(("table", "key"), [("clean_ticks", MARKET), ("signals", SESSION)])
def test_plain_postgresql_gets_partitioned_tables(table, key):
    place = Place("home", table, TABLES[table].version, key)
    (text,) = Children().creation(place, schema_names(empty(table)))
    assert "PARTITION BY" in text
    assert not any("timescale" in s or "hypertable" in s for s in (text, *statements(table, key, None)))


def test_the_apache_edition_gets_hypertables_alone():
    added = statements("clean_ticks", MARKET, APACHE)[len(statements("clean_ticks", MARKET, None)) :]
    assert len(added) == 1
    assert added[0].startswith("SELECT create_hypertable(")


def test_ticks_get_minute_bars_in_the_order_of_the_tape():
    text = statements("clean_ticks", MARKET, FULL)
    (view,) = [s for s in text if "timescaledb.continuous" in s]
    version = TABLES["clean_ticks"].version
    assert view.startswith(f'CREATE MATERIALIZED VIEW IF NOT EXISTS home."clean_ticks_v{version}_1m"')
    assert "first(price_ticks, row_no) AS open_ticks" in view
    assert "time_bucket(interval '1 minute', event_ts)" in view
    assert f"FROM home.\"clean_ticks_v{version}\" WHERE kind = 'trade'" in view
    assert view.endswith("WITH NO DATA"), "the only form that a transaction may hold"
    assert f"create_hypertable('home.\"clean_ticks_v{version}\"', 'event_ts'" in text[-5]
    assert "add_continuous_aggregate_policy" in text[-1]


def test_other_tables_go_by_session_and_have_no_aggregate():
    text = statements("bars", MARKET, FULL)
    assert any("'partition_session'" in s and "create_hypertable" in s for s in text)
    assert not any("continuous" in s for s in text)


def test_tables_without_a_session_stay_plain():
    assert not any("hypertable" in s for s in statements("trained_model", INSTRUMENT, FULL))
