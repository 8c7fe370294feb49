"""The guide to adding a feature names what the code holds."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from zanzibar_assets_tests.house.repository import ROOT

TEXT = (ROOT / "docs" / "new-feature.md").read_text(encoding="utf-8")
FUNCTIONS = {
    "build_feature_matrix": "zanzibar_assets/ml/features.py",
    "flow_features": "zanzibar_assets/ml/flow_features.py",
    "of_bar": "zanzibar_assets/ml/joins.py",
    "as_of": "zanzibar_assets/ml/joins.py",
    "TABLES": "zanzibar_assets/contracts/registry.py",
    "conform": "zanzibar_assets/contracts/registry.py",
    "table_asset": "zanzibar_assets/orchestration/table_asset.py",
    "assert_conforms": "zanzibar_assets_tests/analysis/laws.py",
    "assert_prefix": "zanzibar_assets_tests/analysis/laws.py",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_it_names_is_defined_where_it_says(name):
    assert f"`{name}`" in TEXT
    source = (ROOT / FUNCTIONS[name]).read_text(encoding="utf-8")
    assert re.search(rf"^(def {name}\(|{name}\b.* = )", source, re.MULTILINE)


def test_every_file_and_command_it_names_exists():
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_-]+)*/?(?:\.py|\.md)?)`", TEXT))
    files = {name for name in named if "/" in name}
    assert {"ml/catalogue_rows.py", "store/evolution.py", "orchestration/assets/", "docs/design.md"} <= files
    for name in files:
        assert (ROOT / name).exists() or (ROOT / "zanzibar_assets" / name).exists(), name
    commands = re.findall(r"^python -m ([\w.]+)", TEXT, re.MULTILINE)
    assert len(commands) == 4
    assert [name for name in commands if find_spec(name) is None] == []


def test_the_options_of_an_asset_and_the_readers_of_inputs_exist():
    import inspect

    from zanzibar_assets.orchestration.table_asset import table_asset
    from zanzibar_assets.store.inputs import Inputs

    for option in ("reads", "modules", "sections", "checks"):
        assert f"`{option}`" in TEXT
        assert option in inspect.signature(table_asset).parameters
    readers = re.findall(r"`inputs\.(\w+)`", TEXT)
    assert len(readers) == 3
    assert all(hasattr(Inputs, reader) for reader in readers)
