"""A workspace in a temporary home with a clock that only moves when told to."""

from __future__ import annotations

import pytest

from zanzibar_assets.config import load_config
from zanzibar_assets.store.workspace import Workspace


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
