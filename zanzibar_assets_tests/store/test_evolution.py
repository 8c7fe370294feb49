"""Partitions of every older contract version are read in today's form, or say that they cannot be."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import TABLES, polars_schema
from zanzibar_assets.errors import StaleInput, StoreError
from zanzibar_assets.store.evolution import MIGRATIONS, Rebuild, load, load_as_stored, migrate, obstacle
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.vocabulary import Grain, Stage
from zanzibar_assets_tests.reporting.frames import record
from zanzibar_assets_tests.store.frozen_schemas import (
    columns_now,
    frame_of,
    frozen,
    known_versions,
    path_of,
)

OLDER = [(t, v) for t, v in known_versions() if t in TABLES and v < TABLES[t].version]
NEVER_AGAIN = (Stage.INGESTION, Stage.EXECUTION)
"""Tables of these stages cannot always be built again: their sources may be gone."""
KEYS = {Grain.MARKET: "SIM_ES|2025-01-06", Grain.SESSION: "2025-01-06", Grain.INSTRUMENT: "SIM_ES"}


@pytest.mark.parametrize("table", TABLES)
def test_a_contract_changes_its_columns_only_with_a_new_version(table):
    version = TABLES[table].version
    assert path_of(table, version).exists(), (
        f"{table} v{version} is not written down: run python -m zanzibar_assets_tests.store.frozen_schemas"
    )
    assert columns_now(table) == frozen(table, version), (
        f"the columns of {table} changed but its version is still {version}: raise the version in"
        f' contracts/registry.py, add ("{table}", {version}) to MIGRATIONS in store/evolution.py and run'
        " python -m zanzibar_assets_tests.store.frozen_schemas"
    )


@pytest.mark.parametrize(("table", "version"), OLDER)
def test_every_older_version_is_read_in_todays_form_or_says_why_not(table, version, tmp_path):
    lake, key = Lake(tmp_path), PartitionKey.parse(KEYS[TABLES[table].grain])
    old = frame_of(table, version, 20)
    written = lake.write(table, key, version, old)
    stored = replace(record(table, str(key), written.fingerprint), schema_version=version)
    assert load_as_stored(lake, stored).equals(old)
    steps = [MIGRATIONS.get((table, step)) for step in range(version, TABLES[table].version)]
    assert None not in steps, f"add ({table!r}, version) to MIGRATIONS in store/evolution.py"
    if any(isinstance(step, Rebuild) for step in steps):
        with pytest.raises(StaleInput, match=f"materialize {table} again"):
            load(lake, stored)
        return
    found = load(lake, stored)
    assert dict(found.schema) == polars_schema(table)
    shared = [
        name for name in old.columns if name in found.columns and old.schema[name] == found.schema[name]
    ]
    assert shared, "a migration keeps what was known"
    assert found.height == old.height
    assert load_as_stored(lake, stored).equals(old), "the stored bytes stay"


@pytest.mark.parametrize(("table", "version"), OLDER)
def test_an_empty_partition_of_an_older_version_migrates_like_any_other(table, version):
    if obstacle(table, version) is None:
        assert dict(migrate(table, version, frame_of(table, version, 0)).schema) == polars_schema(table)


def test_tables_that_cannot_be_built_again_have_functions():
    refused = [
        name for name, step in MIGRATIONS.items()
        if isinstance(step, Rebuild) and TABLES[name[0]].stage in NEVER_AGAIN
    ]  # fmt: skip
    assert refused == []


def test_ticks_of_the_first_version_were_never_dated_anew():
    old = frame_of("clean_ticks", 1, 30)
    found = migrate("clean_ticks", 1, old)
    assert found.select(old.columns).equals(old)
    assert found["late_us"].to_list() == [0] * 30
    assert found["flag"].null_count() == 30


def test_a_version_of_the_future_is_refused():
    version = TABLES["bars"].version + 1
    with pytest.raises(StaleInput, match="newer Zanzibar"):
        migrate("bars", version, pl.DataFrame())


def test_a_chain_of_steps_is_walked_in_order(monkeypatch):
    names = list(polars_schema("bars"))
    monkeypatch.setitem(TABLES, "bars", replace(TABLES["bars"], version=3))
    monkeypatch.setitem(MIGRATIONS, ("bars", 1), lambda frame: frame.rename({"price": "almost"}))
    monkeypatch.setitem(MIGRATIONS, ("bars", 2), lambda frame: frame.rename({"almost": names[0]}))
    old = frame_of("bars", 1, 5)
    assert migrate("bars", 1, old.rename({names[0]: "price"})).equals(old)
    monkeypatch.delitem(MIGRATIONS, ("bars", 2))
    assert obstacle("bars", 1) == "no migration from version 2 is known"


def test_a_record_without_a_frame_is_said_so(tmp_path):
    with pytest.raises(StoreError, match="no stored frame"):
        load(Lake(tmp_path), record("bars", "SIM_ES|2025-01-06", None))
