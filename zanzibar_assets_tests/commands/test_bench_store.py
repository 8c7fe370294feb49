"""``zanzibar bench store``: both stores beside the bare thing, on a server that it starts for itself."""

from __future__ import annotations

import json

from click.testing import CliRunner

from zanzibar_assets.benchmarks import store
from zanzibar_assets.cli import root
from zanzibar_assets.contracts.registry import breaches

LAKE = {
    "lake_read_of_2000_ticks", "lake_read_of_2000_ticks_to_ipc", "lake_write", "lake_write_rate",
    "lake_bytes_per_tick",
}  # fmt: skip
POSTGRES = {
    "postgresql_write",
    "postgresql_write_pgpq",
    "postgresql_write_rate",
    "postgresql_read_rate",
}


def bench():
    done = CliRunner().invoke(root, ["bench", "store", "--records", "2000", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_figures_of_both_stores_or_a_word_why_not():
    found = bench()
    assert (found["name"], found["simulated"]) == ("store", True)
    by_name = {figure["what"]: figure for figure in found["figures"]}
    assert all(figure["value"] > 0 for figure in found["figures"])
    if store.server_programs() is None:
        assert set(by_name) == LAKE
        return
    assert set(by_name) == LAKE | POSTGRES
    assert by_name["postgresql_write"]["ratio"] > 0
    assert "notes" not in found


def test_without_a_server_it_says_so_and_measures_the_lake(monkeypatch):
    monkeypatch.setattr(store, "server_programs", lambda: None)
    found = bench()
    assert {figure["what"] for figure in found["figures"]} == LAKE
    assert store.URL_VARIABLE in found["notes"][0]
    assert "no server is installed" in found["notes"][0]


def test_the_made_up_ticks_hold_the_contract():
    frame = store.ticks(500, 7)
    assert breaches(store.TABLE, frame) == []
    assert frame.equals(store.ticks(500, 7))
    assert not frame.equals(store.ticks(500, 8))
