"""How partitions stand in PostgreSQL's tables: one each on plain servers, rows for hypertables."""

from __future__ import annotations

import itertools
import threading

import psycopg2
import pytest

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store import postgres_children
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.postgres import PostgresStore
from zanzibar_assets.store.postgres_children import Children
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.postgres_rows import Rows
from zanzibar_assets_tests.store.contract import KEY, StoreContract, numbered

SCHEMAS = (f"layout_{number}" for number in itertools.count())


@pytest.fixture
def store(metadata_server):
    opened = PostgresStore(PostgresLink(metadata_server.url), next(SCHEMAS))
    yield opened
    opened.close()


@pytest.fixture
def run_sql(metadata_server):
    """Statements given straight to the server."""
    link = psycopg2.connect(metadata_server.url.replace("+psycopg2", ""))
    link.autocommit = True

    def run(text):
        with link.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall()

    yield run
    link.close()


class RowsStore(PostgresStore):
    """The layout of hypertables, on a server that has none."""

    def _layout(self, cursor, place):
        return Rows()


@pytest.mark.parametrize(
    "name",
    [
        "test_values_at_the_edges_come_back",
        "test_many_rows_keep_their_order",
        "test_a_write_replaces_its_partition_and_no_other",
        "test_what_was_replaced_stays_readable_by_its_fingerprint",
        "test_the_same_rows_again_make_no_version",
        "test_a_partition_that_goes_back_is_current_and_nothing_else",
        "test_a_version_that_is_forgotten_is_gone_and_the_current_partition_is_not",
        "test_every_grain_keeps_its_versions",
        "test_writers_of_one_partition_come_one_after_the_other",
    ],
)
def test_the_layout_of_hypertables_keeps_the_contract(store, name):
    rows = RowsStore(store._link, store._schema)
    getattr(StoreContract(), name)(rows)


def test_a_table_keeps_the_layout_with_which_it_was_made(store, run_sql):
    former = RowsStore(store._link, store._schema).write("bars", KEY, 1, numbered(3))
    now = store.write("bars", KEY, 1, numbered(4))
    assert store.read("bars", KEY, 1, former.fingerprint).equals(numbered(3))
    assert store.read("bars", KEY, 1, now.fingerprint).equals(numbered(4))
    store.write("bars", KEY, 2, numbered(5))
    kinds = "SELECT relkind FROM pg_class WHERE oid = '{}.\"bars_v{}\"'::regclass"
    assert [run_sql(kinds.format(store._schema, version)) for version in (1, 2)] == [[("r",)], [("p",)]]


def test_a_question_reads_the_partitions_that_it_names_alone(store, run_sql):
    for instrument, session in (("ES", "2025-01-06"), ("ES", "2025-01-07"), ("NQ", "2025-01-06")):
        store.write("bars", PartitionKey(instrument, session), 1, numbered(3))
    store.write("bars", KEY, 1, numbered(4))
    name = f'{store._schema}."bars_v1"'
    asked = f"FROM {name} WHERE partition_instrument = 'ES' AND partition_session = '2025-01-06'"
    plan = run_sql(f"EXPLAIN SELECT * {asked}")
    assert next(line for (line,) in plan if "Scan" in line).count("bars_v1_ES_2025-01-06_") == 1
    assert sum("Scan" in line for (line,) in plan) == 1
    assert run_sql(f"SELECT count(*) {asked}") == [(4,)]
    assert run_sql(f"SELECT count(*) FROM {name}") == [(10,)]


def test_a_reader_sees_the_old_rows_or_the_new_ones(store, metadata_server):
    old = store.write("bars", KEY, 1, numbered(3))
    reader = PostgresStore(PostgresLink(metadata_server.url), store._schema)
    with reader._link.transaction(read_only=True) as cursor:
        assert reader._row(cursor, reader._place("bars", KEY, 1))[0] == old.fingerprint
        new = store.write("bars", KEY, 1, numbered(5))
        assert reader._row(cursor, reader._place("bars", KEY, 1))[0] == old.fingerprint
        cursor.execute(f'SELECT count(*) FROM {store._schema}."bars_v1"')
        assert cursor.fetchone() == (5,)  # never none, never both
    reader.close()
    assert store.read("bars", KEY, 1, new.fingerprint).equals(numbered(5))


def test_writers_of_other_partitions_do_not_wait_for_a_copy(store):
    store.write("bars", KEY, 1, numbered(1))
    other, done = PartitionKey("NQ", "2025-01-06"), []

    class Slow(Children):
        def receive(self, *arguments):
            super().receive(*arguments)
            writer = threading.Thread(target=lambda: done.append(store.write("bars", other, 1, numbered(2))))
            writer.start()
            writer.join(20)

    class SlowStore(PostgresStore):
        def _layout(self, cursor, place):
            return Slow()

    slow = SlowStore(PostgresLink(store._link._url), store._schema)
    slow.write("bars", KEY, 1, numbered(3))
    slow.close()
    assert [written.rows for written in done] == [2]


def test_who_holds_the_whole_table_is_named_after_a_while(store, metadata_server, monkeypatch):
    monkeypatch.setattr(postgres_children, "LOCK_WAIT", "200ms")
    old = store.write("bars", KEY, 1, numbered(3))
    reader = PostgresStore(PostgresLink(metadata_server.url), store._schema)
    with reader._link.transaction() as cursor:
        cursor.execute(f'SELECT count(*) FROM {store._schema}."bars_v1"')
        store.write("bars", PartitionKey("NQ", "2025-01-06"), 1, numbered(1))  # a new one waits for nobody
        with pytest.raises(StoreError, match="somebody reads the whole table"):
            store.write("bars", KEY, 1, numbered(4))
    reader.close()
    assert store.read("bars", KEY, 1, old.fingerprint).equals(numbered(3))
    assert store.write("bars", KEY, 1, numbered(4)).rows == 4
