"""The Parquet lake keeps the contract of partition stores."""

from __future__ import annotations

import pytest

from zanzibar_assets.store.lake import Lake
from zanzibar_assets_tests.store.contract import KEY, StoreContract


class TestLake(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return Lake(tmp_path)

    @pytest.fixture
    def damage(self):
        def flip(store):
            path = store.path("bars", KEY, 1)
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 4
            path.write_bytes(bytes(content))

        return flip

    @pytest.fixture
    def opening(self, tmp_path):
        return (
            "from pathlib import Path\nfrom zanzibar_assets.store.lake import Lake\n"
            f"store = Lake(Path({str(tmp_path)!r}))"
        )

    @pytest.fixture
    def fault(self):
        return "os.fsync = killed"
