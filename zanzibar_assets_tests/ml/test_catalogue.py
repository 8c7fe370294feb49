"""The catalogue says what features are made of, and it is true."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import TABLES, polars_schema
from zanzibar_assets.ml.catalogue import AS_OF, BAR_CLOSE, FEATURE_NAMES, FEATURES
from zanzibar_assets.ml.feature_document import features_markdown
from zanzibar_assets.ml.features import FeatureInputs
from zanzibar_assets.ml.left_out import LEFT_OUT
from zanzibar_assets_tests.house.repository import ROOT
from zanzibar_assets_tests.ml.test_features import build, world

SOURCES = tuple(name for name in FeatureInputs.__dataclass_fields__)
TIMES = ("event_ts", "known_at")
USED = {used for feature in FEATURES for used in feature.inputs}


def test_the_contract_holds_exactly_the_catalogue():
    assert tuple(polars_schema("feature_matrix"))[2:] == FEATURE_NAMES
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)


def test_each_feature_says_where_it_comes_from_and_when_it_is_known():
    for feature in FEATURES:
        assert feature.source in SOURCES, feature.name
        assert feature.known_at_rule in (BAR_CLOSE, AS_OF), feature.name
        assert all((feature.unit, feature.window, feature.owner, feature.description)), feature.name
        assert feature.owner in {table.stage.value for table in TABLES.values()}, feature.name


@pytest.mark.parametrize("table", SOURCES)
def test_each_column_of_a_source_is_used_or_left_out_with_its_reason(table):
    columns = {name for name in polars_schema(table) if name not in TIMES}
    used = {name.split(".")[1] for name in USED if name.split(".")[0] == table}
    left = set(LEFT_OUT[table])
    assert used <= columns, "inputs that the table does not have"
    assert left <= columns, "left out, but the table has no such column"
    assert not used & left
    assert used | left == columns, f"neither used nor left out: {sorted(columns - used - left)}"
    assert all(len(reason) > 5 for reason in LEFT_OUT[table].values())


def test_nothing_is_left_out_of_a_table_that_is_no_source():
    assert set(LEFT_OUT) == set(SOURCES)


@cache
def whole():
    return build(world())


def changed_by(table: str, column: str) -> set[str]:
    """Features that move when one column of one table gets other values."""
    inputs = world()
    frame = getattr(inputs, table)
    found = build(replace(inputs, **{table: frame.with_columns(other(frame[column], column))}))
    return {name for name in FEATURE_NAMES if not found[name].equals(whole()[name])}


def other(values: pl.Series, name: str) -> pl.Series:
    """Another series of the type, in another order where the values differ among themselves."""
    rng = np.random.default_rng(7)
    if name in ("instrument", "instrument_a", "instrument_b"):
        return pl.repeat("elsewhere", len(values), eager=True).rename(name)
    if name == "session_state":
        return pl.Series(name, ["pre_open"] * 60 + ["open"] * (len(values) - 60))
    if name == "bar_seconds":
        return (values * 2).rename(name)
    if values.dtype == pl.Boolean:
        return (~values).rename(name)
    if values.dtype.is_numeric() and name != "timeframe_seconds":
        return (values.cast(pl.Float64) * 2 + 1).cast(values.dtype).rename(name)
    return values.shuffle(seed=int(rng.integers(99))).rename(name)


def cases():
    return [
        (table, column)
        for table in SOURCES
        for column, kind in polars_schema(table).items()
        if column not in TIMES and kind != pl.Datetime("us", "UTC")
    ]


@pytest.mark.parametrize("table", SOURCES)
def test_only_declared_inputs_move_a_feature(table):
    """Each column of a source is given other values: only features that declare it may move."""
    for source, column in cases():
        if source != table:
            continue
        moved = changed_by(table, column)
        declared = {feature.name for feature in FEATURES if f"{table}.{column}" in feature.inputs}
        assert moved <= declared, f"{table}.{column} moves {sorted(moved - declared)} undeclared"
        assert moved or not declared, f"{table}.{column} is declared by {sorted(declared)} but moves nothing"


def test_the_document_is_what_the_catalogue_says():
    stored = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert stored == features_markdown(), (
        "run: python -m zanzibar_assets.ml.feature_document docs/features.md"
    )
