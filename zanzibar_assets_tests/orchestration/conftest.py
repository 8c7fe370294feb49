from __future__ import annotations

import pytest

from zanzibar_assets_tests.orchestration import home

NAMES = ("SIM_BTC", "SIM_ES")


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """Wednesday to Monday of a futures and a crypto instrument: a weekend lies in between."""
    folder = tmp_path_factory.mktemp("market") / "sierra"
    return folder, home.make_market(folder, NAMES, 6)


@pytest.fixture(scope="session")
def ran(tmp_path_factory, market):
    """The whole graph over the market, traded on a simulated account."""
    zanzibar = home.resource(tmp_path_factory.mktemp("home"), *market, NAMES)
    return home.run(zanzibar)
