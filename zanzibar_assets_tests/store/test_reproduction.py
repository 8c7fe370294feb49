"""A partition is computed again from recorded versions, though newer ones stand in their place."""

from __future__ import annotations

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.errors import MissingInput
from zanzibar_assets.store.builder import build_partition
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.reproduction import differences, reproduce
from zanzibar_assets.store.specs import TableSpec
from zanzibar_assets_tests.ml import worlds

KEY = PartitionKey("SIM_ES", "2024-03-04")
SHIFT = {"ticks": 0}


def bars(inputs):
    return worlds.bars(inputs.session, seed=3, count=20).with_columns(pl.col("volume") + SHIFT["ticks"])


def continuous(inputs):
    frame = inputs.read("bars")
    return conform("bars", frame.with_columns(pl.col("volume") * 2))


@pytest.fixture
def specs(monkeypatch):
    monkeypatch.setitem(SHIFT, "ticks", 0)
    return TableSpec("bars", bars, ("analysis.bars",)), TableSpec("orderflow", continuous, ("analysis.bars",))


@pytest.fixture
def doubled(specs, monkeypatch):
    """A table of doubled bars, under a name with the same contract."""
    from zanzibar_assets.contracts import registry

    contract = registry.TABLES["bars"]
    monkeypatch.setitem(registry.TABLES, "orderflow", contract)
    yield specs
    registry.schema_of.cache_clear()
    registry.polars_schema.cache_clear()


def test_the_recorded_versions_are_read_and_not_the_newest(workspace, doubled):
    first, second = doubled
    for spec in doubled:
        assert build_partition(workspace, spec, KEY).status.value == "built"
    SHIFT["ticks"] = 5
    workspace.clock_us.now_us += 1
    assert build_partition(workspace, first, KEY, force=True).status.value == "built"
    found = reproduce(workspace, second, KEY)
    assert (found.differences, found.rows, found.same_code) == ((), 20, True)


def test_a_difference_is_named(workspace, doubled):
    for spec in doubled:
        build_partition(workspace, spec, KEY)
    other = TableSpec("orderflow", lambda inputs: inputs.read("bars"), ("analysis.bars",))
    found = reproduce(workspace, other, KEY)
    assert found.differences[0].startswith("volume: 20 rows, first 0: ")


def test_what_is_not_stored_is_refused(workspace, doubled):
    with pytest.raises(MissingInput, match="not stored"):
        reproduce(workspace, doubled[1], KEY)


def test_differences_by_hand():
    one = pl.DataFrame({"a": [1.0, None, float("nan")], "b": ["x", "y", "z"]})
    assert differences(one, one.clone()) == ()
    assert differences(one, one.head(2)) == ("stored 3 x 2, computed again 2 x 2",)
    other = one.with_columns(b=pl.Series(["x", "q", "z"]))
    assert differences(one, other) == ("b: 1 rows, first 1: y stored, q computed again",)
