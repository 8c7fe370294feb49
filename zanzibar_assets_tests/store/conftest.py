"""A workspace in a temporary home with a clock that only moves when told to; both kinds of metadata store."""

from __future__ import annotations

import itertools

import pytest

from zanzibar_assets.config import load_config
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.opening import DATABASE_VARIABLE, SCHEMA_VARIABLE
from zanzibar_assets.store.places import PostgresSchema, SqliteFile
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets_tests.builders.postgres_server import Server, server_programs

KINDS = ("sqlite", "postgresql")
NUMBERS = itertools.count()


class Clock:
    """Microseconds that the test sets."""

    def __init__(self):
        self.now_us = 1_736_000_000_000_000

    def __call__(self):
        return self.now_us


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(load_config(tmp_path, instruments=["SIM_ES", "SIM_NQ"]), Clock(), "run-1")
    yield opened
    opened.database.close()


def running_server():
    """A new server, or a skip that says why there is none."""
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed here (neither pg_config nor /usr/lib/postgresql)")
    running = Server(programs)
    running.start()
    return running


@pytest.fixture(scope="session")
def metadata_server():
    running = running_server()
    yield running
    running.stop()


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def place(kind, tmp_path, request):
    """Where an empty metadata database of each kind may be made."""
    if kind == "sqlite":
        return SqliteFile(tmp_path / "m.sqlite")
    server = request.getfixturevalue("metadata_server")
    return PostgresSchema(PostgresLink(server.url), f"home_{next(NUMBERS)}_meta")


@pytest.fixture
def database(place):
    opened = Database(place)
    yield opened
    opened.close()


@pytest.fixture
def either_workspace(kind, tmp_path, monkeypatch, request):
    """A workspace with all its stores in files, then one with all in PostgreSQL."""
    if kind == "postgresql":
        server = request.getfixturevalue("metadata_server")
        monkeypatch.setenv(DATABASE_VARIABLE, server.url)
        monkeypatch.setenv(SCHEMA_VARIABLE, f"home_{next(NUMBERS)}")
    opened = Workspace(load_config(tmp_path, instruments=["SIM_ES", "SIM_NQ"]), Clock(), "run-1")
    yield opened
    opened.database.close()
    if kind == "postgresql":
        opened.lake.close()
