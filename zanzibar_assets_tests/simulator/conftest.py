"""One simulated folder that the tests of the simulator read."""

from __future__ import annotations

import pytest

from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.build import simulate
from zanzibar_assets.simulator.options import SimulatorOptions

SEED = 11
SESSIONS = 3


@pytest.fixture(scope="session")
def known():
    return load_instruments()


@pytest.fixture(scope="session")
def market(tmp_path_factory, known):
    """Result of three sessions of an index future and a crypto perpetual."""
    out = tmp_path_factory.mktemp("market") / "sim"
    result = simulate(out, [known["SIM_ES"], known["SIM_BTC"]], SESSIONS, SEED, SimulatorOptions())
    return out, result
