"""PostgreSQL keeps the contract of partition stores, on a server that the tests start."""

from __future__ import annotations

import itertools
import threading
import traceback

import polars as pl
import psycopg2
import pytest

from zanzibar_assets.commands._health_stores import lake_item
from zanzibar_assets.config import load_config
from zanzibar_assets.errors import ConfigError, CorruptPartition, StoreError
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.opening import DATABASE_VARIABLE, SCHEMA_VARIABLE, open_partition_store
from zanzibar_assets.store.postgres import PostgresStore
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.timescale import Timescale, hypertable_statements
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets_tests.builders.postgres_server import PASSWORD, Server, server_programs
from zanzibar_assets_tests.store.contract import KEY, StoreContract, numbered
from zanzibar_assets_tests.store.test_builder import DAY, Chain, bars_frame

SCHEMAS = (f"home_{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server():
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed here (neither pg_config nor /usr/lib/postgresql)")
    running = Server(programs)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def store(server):
    opened = PostgresStore(PostgresLink(server.url), next(SCHEMAS))
    yield opened
    opened.close()


@pytest.fixture
def run_sql(server):
    """Statements given straight to the server."""
    link = psycopg2.connect(server.url.replace("+psycopg2", ""))
    link.autocommit = True

    def run(text):
        with link.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    yield run
    link.close()


class TestPostgres(StoreContract):
    @pytest.fixture(
        params=[
            "UPDATE {} SET b = b + 1e-9 WHERE a = 500",
            "UPDATE {} SET a = NULL WHERE a = 0",
            "DELETE FROM {} WHERE a = 999",
            "INSERT INTO {} SELECT * FROM {} WHERE a = 3",
            "UPDATE {} SET a = a WHERE a = 5",
        ]
    )
    def damage(self, request, run_sql):
        def alter(store):
            schema = store.location("bars", KEY, 1).split()[1].split(".")[0]
            name = f'{schema}."bars_v1"'
            assert run_sql(request.param.format(name, name)) == 1

        return alter

    @pytest.fixture
    def opening(self, server, store):
        schema = store.location("bars", KEY, 1).split()[1].split(".")[0]
        return (
            "from zanzibar_assets.store.postgres import PostgresStore\n"
            "from zanzibar_assets.store.postgres_link import PostgresLink\n"
            f"store = PostgresStore(PostgresLink({server.url!r}), {schema!r})"
        )

    @pytest.fixture
    def fault(self):
        return "store._record = killed  # the rows are copied, the commit has not come"


def test_a_second_writer_waits_for_the_first(store, run_sql):
    store.write("bars", KEY, 1, numbered(1))
    copying, release = threading.Event(), threading.Event()

    class Slow(PostgresStore):
        def _record(self, *arguments):
            copying.set()
            assert release.wait(20)
            super()._record(*arguments)

    slow = Slow(store._link, store._schema)
    first = threading.Thread(target=lambda: slow.write("bars", KEY, 1, numbered(2)))
    first.start()
    assert copying.wait(20)
    results = []
    second = threading.Thread(target=lambda: results.append(store.write("bars", KEY, 1, numbered(3))))
    second.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while run_sql(waiting)[0][0] == 0:
        assert second.is_alive()
    release.set()
    first.join()
    second.join()
    assert store.read("bars", KEY, 1, results[0].fingerprint).equals(numbered(3))


def test_a_server_that_crashed_and_came_back_is_used_again(store, server):
    written = store.write("bars", KEY, 1, numbered(50))
    server.kill()
    with pytest.raises(StoreError, match="cannot be reached"):
        store.read("bars", KEY, 1, written.fingerprint)
    server.start()
    assert store.read("bars", KEY, 1, written.fingerprint).equals(numbered(50))


def test_rows_can_be_asked_for_in_sql(store, run_sql):
    store.write("bars", KEY, 1, pl.DataFrame({"close": [1.5, 2.5], "at": [0, 1_000_000]}).with_columns(
        pl.col("at").cast(pl.Datetime("us", "UTC"))))  # fmt: skip
    question = (
        "SELECT partition_instrument, partition_session::text, close, extract(epoch FROM at)::int"
        f' FROM {store._schema}."bars_v1" ORDER BY ctid'
    )
    assert run_sql(question) == [("ES", "2025-01-06", 1.5, 0), ("ES", "2025-01-06", 2.5, 1)]


def test_columns_that_change_without_a_new_version_are_refused(store):
    store.write("bars", KEY, 1, numbered(1))
    with pytest.raises(StoreError, match="gets a new version"):
        store.write("bars", KEY, 1, numbered(1).with_columns(c=pl.lit(1)))


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pl.Series("b", ["a\0b"]), "NUL"),
        (pl.Series("b", [[1]]), "cannot be stored"),
        (pl.Series("b", [-(2**63)]).cast(pl.Datetime("us", "UTC")), "4714 BC"),
    ],
)
def test_what_postgresql_cannot_hold_is_refused_by_name(store, column, reason):
    with pytest.raises(StoreError, match=reason):
        store.write("odd", KEY, 1, pl.DataFrame([column]))


def test_two_homes_in_one_schema_are_told_apart(server, store):
    mine = store.write("bars", KEY, 1, numbered(1))
    other = PostgresStore(PostgresLink(server.url), store._schema)
    other.write("bars", KEY, 1, numbered(2))
    other.close()
    assert not store.exists("bars", KEY, 1, mine.fingerprint)
    assert store.read("bars", KEY, 1, mine.fingerprint).equals(numbered(1))
    assert store.forget("bars", KEY, 1, mine.fingerprint)
    with pytest.raises(CorruptPartition, match="no other home"):
        store.read("bars", KEY, 1, mine.fingerprint)


def test_the_environment_chooses_the_store_and_doctor_names_it(tmp_path, server):
    config = load_config(tmp_path)
    assert isinstance(open_partition_store(config, {}), Lake)
    assert "Parquet" in lake_item(open_partition_store(config, {}), []).detail
    opened = open_partition_store(config, {DATABASE_VARIABLE: server.url})
    item = lake_item(opened, [])
    opened.close()
    assert item.status == "ok"
    assert "PostgreSQL" in item.detail
    assert "no TimescaleDB" in item.detail


def all_text(error):
    return "".join(traceback.format_exception(error)) + repr(error.__dict__)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret%21pass@127.0.0.1:1/db",
        "postgresql+psycopg2://user@127.0.0.1:1/db?password=s3cret%21pass",
        "postgresql://user:s3cret%21pass@127.0.0.1:notaport/db",
        "postgresql://user:s3cret!pass@[half/db",
        "mysql://user:s3cret!pass@127.0.0.1/db",
        "postgresql://user:s3cret!pass@127.0.0.1:1/db?nonsense=s3cret!pass",
    ],
)
def test_a_password_is_in_no_message(tmp_path, url):
    with pytest.raises((ConfigError, StoreError)) as caught:
        open_partition_store(load_config(tmp_path), {DATABASE_VARIABLE: url}).describe()
    assert "s3cret" not in all_text(caught.value)


def test_a_wrong_password_is_in_no_message_and_doctor_fails(tmp_path, server):
    url = server.url.replace(PASSWORD, "wr0ng-word")
    item = lake_item(open_partition_store(load_config(tmp_path), {DATABASE_VARIABLE: url}), [])
    assert item.status == "fail"
    assert "wr0ng-word" not in repr(item)
    assert "authentication failed" in item.detail


def test_compression_is_asked_for_only_where_the_licence_allows_it():
    apache = list(hypertable_statements("h.t", Timescale("2.17", "apache"), segmented=True))
    full = list(hypertable_statements("h.t", Timescale("2.17", "timescale"), segmented=True))
    assert len(apache) == 1
    assert "create_hypertable('h.t', 'partition_session'" in apache[0]
    assert full[0] == apache[0]
    assert "compress_segmentby = 'partition_instrument'" in full[1]
    assert "add_compression_policy" in full[2]
    session_only = list(hypertable_statements("h.t", Timescale("2.17", "timescale"), segmented=False))
    assert "segmentby" not in session_only[1]


def test_trace_says_that_a_partition_stands_in_the_database(store, tmp_path):
    from zanzibar_assets.reporting.trace import walk
    from zanzibar_assets.store.database import Database
    from zanzibar_assets.store.manifest import Manifest
    from zanzibar_assets_tests.reporting.frames import record

    written = store.write("bars", KEY, 1, numbered(2))
    here, there = record("bars", str(KEY), written.fingerprint), record("bars", str(KEY), "0" * 32)
    manifest = Manifest(Database(tmp_path / "m.sqlite"))
    (database,) = walk([here], manifest, instrument=None, path_of=str)
    (lake,) = walk([there], manifest, instrument=None, path_of=str)
    assert database.source == "postgresql: bars_v1 ES|2025-01-06"
    assert lake.source == "lake/bars/v1/instrument=ES/session=2025-01-06/part.parquet"


def test_a_home_that_changes_its_stores_finds_each_as_it_was_left(tmp_path, server, monkeypatch):
    schema = next(SCHEMAS)
    bars = Chain().bars_spec

    def build(url):
        monkeypatch.setenv(DATABASE_VARIABLE, url)
        monkeypatch.setenv(SCHEMA_VARIABLE, schema)
        workspace = Workspace(load_config(tmp_path, instruments=["SIM_ES"]), lambda: 1_736_000_000_000_000)
        outcome = build_partition(workspace, bars, DAY)
        stored = workspace.lake.read("bars", DAY, 1, outcome.record.fingerprint)
        workspace.database.close()
        if url:
            workspace.lake.close()
        return outcome.status, stored

    found_in = (("", Status.BUILT), (server.url, Status.BUILT), ("", Status.UP_TO_DATE))
    for url, expected in found_in:
        first, frame = build(url)
        again, same = build(url)
        assert (first, again) == (expected, Status.UP_TO_DATE)
        assert frame.equals(bars_frame())
        assert same.equals(frame)
