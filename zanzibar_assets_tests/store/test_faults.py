"""A few of the faults of ``benchmarks/store_faults.py``, seeded: kills, flipped bits, full disks."""

from __future__ import annotations

import signal

import pytest

from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.postgres import PostgresStore
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets_tests.benchmarks import store_faults as faults
from zanzibar_assets_tests.builders.postgres_server import Server, server_programs

posix = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is a POSIX signal")


@pytest.fixture(scope="module")
def server():
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed here (neither pg_config nor /usr/lib/postgresql)")
    running = Server(programs)
    running.start()
    yield running
    running.stop()


@posix
def test_writers_killed_at_random_instants_leave_old_or_new_in_the_lake(tmp_path):
    opening = faults.LAKE_OPENING.format(str(tmp_path))
    found = faults.kills(Lake(tmp_path), opening, 5_000, 3, 0.2)
    assert (found["torn"], found["lost"]) == (0, 0)
    assert found["old"] + found["new"] == 3


@posix
def test_writers_killed_at_random_instants_leave_old_or_new_in_postgresql(server):
    store = PostgresStore(PostgresLink(server.url), "killed")
    opening = faults.POSTGRES_OPENING.format(server.url, "killed")
    found = faults.kills(store, opening, 2_000, 2, 0.3)
    store.close()
    assert (found["torn"], found["lost"]) == (0, 0)
    assert found["old"] + found["new"] == 2


def test_every_flipped_bit_of_a_stored_file_is_caught(tmp_path):
    assert faults.lake_flips(tmp_path, 50) == {"flipped": 50, "caught": 50}


def test_every_flipped_bit_of_a_table_s_file_is_caught(server):
    found = faults.postgres_flips(server, 3)
    assert (found["caught"], found["unseen"]) == (3, 0)


def test_a_full_disk_of_postgresql_is_named_and_keeps_the_old_rows(server):
    found = faults.postgres_full_disk(server)
    if "not_tried" in found:
        pytest.skip(found["not_tried"])
    assert found["message"].startswith("the disk of PostgreSQL is full")
    assert (found["old_partition_whole"], found["written_again"]) == (True, True)
