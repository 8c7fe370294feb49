"""The server goes away at each point of a build: a plain error, nothing half-written, then it goes on."""

from __future__ import annotations

import pytest

from zanzibar_assets.config import load_config
from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.builder import Status, build_partition
from zanzibar_assets.store.opening import DATABASE_VARIABLE, SCHEMA_VARIABLE
from zanzibar_assets.store.specs import TableSpec
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets_tests.builders.postgres_server import PASSWORD
from zanzibar_assets_tests.store.conftest import running_server
from zanzibar_assets_tests.store.test_builder import DAY, NEXT, Chain, bars_frame


@pytest.fixture(scope="module")
def server():
    running = running_server()
    yield running
    running.stop()


@pytest.fixture
def opened(server, tmp_path, monkeypatch):
    """A home of its own on the server; it counts its openings."""

    def open_home(name="outage"):
        monkeypatch.setenv(DATABASE_VARIABLE, server.url)
        monkeypatch.setenv(SCHEMA_VARIABLE, name)
        return Workspace(load_config(tmp_path, instruments=["SIM_ES"]), lambda: 1_736_000_000_000_000)

    return open_home


class DyingLake:
    """The home's store; the server dies once right after a partition is in it."""

    def __init__(self, lake, server):
        self._lake, self._server = lake, server

    def __getattr__(self, name):
        return getattr(self._lake, name)

    def write(self, *arguments):
        written = self._lake.write(*arguments)
        self._server.kill()
        return written


def build(workspace, chain, key=DAY):
    return build_partition(workspace, chain.bars_spec, key)


def test_between_inputs_and_result(opened, server):
    chain, workspace = Chain(), opened("before")

    def compute(inputs):
        server.kill()
        return bars_frame()

    with pytest.raises(StoreError) as caught:
        build_partition(workspace, TableSpec("bars", compute, ("analysis.bars",)), DAY)
    assert "PostgreSQL" in str(caught.value)
    assert PASSWORD not in repr(caught.value)
    server.start()
    assert workspace.manifest.all() == []
    assert build(workspace, chain).status is Status.BUILT
    assert build(workspace, chain).status is Status.UP_TO_DATE


def test_between_the_partition_and_its_row(opened, server):
    chain, workspace = Chain(), opened("between")
    assert build(workspace, chain).status is Status.BUILT
    sound, workspace.lake = workspace.lake, DyingLake(workspace.lake, server)
    chain.frames[str(DAY)] = bars_frame(close=20_001)
    with pytest.raises(StoreError):
        build_partition(workspace, chain.bars_spec, DAY, force=True)
    server.start()
    workspace.lake = sound
    (record,) = workspace.manifest.all()
    assert sound.read("bars", DAY, 1, record.fingerprint).equals(bars_frame())  # the old one, whole
    outcome = build_partition(workspace, chain.bars_spec, DAY, force=True)
    assert sound.read("bars", DAY, 1, outcome.record.fingerprint).equals(bars_frame(close=20_001))
    assert [v.record.fingerprint for v in workspace.manifest.versions("bars", DAY)] == [record.fingerprint]


def test_a_new_opening_says_that_the_server_is_away_and_works_once_it_is_back(opened, server):
    chain = Chain()
    build(opened("away"), chain)
    server.kill()
    with pytest.raises(StoreError, match="start the server"):
        opened("another")
    server.start()
    workspace = opened("away")
    assert build(workspace, chain).status is Status.UP_TO_DATE
    assert build(workspace, chain, NEXT).status is Status.BUILT
