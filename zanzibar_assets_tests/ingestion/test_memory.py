"""Decoding a file of any size takes the memory of a few chunks."""

import pytest

from zanzibar_assets.benchmarks.ingest import repeat_records
from zanzibar_assets.commands import _decode_memory
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.bulk import write_bulk

pytestmark = pytest.mark.skipif(
    not _decode_memory.RESET_PEAK.exists(), reason="peak memory is read from /proc, which is not there"
)


def test_a_file_of_400_mb_becomes_parquet_within_three_chunks(tmp_path):
    made = write_bulk(tmp_path, load_instruments()["SIM_ES"], 100_000, 5, trades_per_session=20_000)
    path = tmp_path / "long" / made.ticks.name
    repeat_records(made.ticks, path, 400_000_000)
    found = _decode_memory.measured_apart(path, tmp_path / "out.parquet", limit_bytes=2_000_000_000)
    assert found["records"] == 10_000_000
    assert found["peak_bytes"] <= 3 * found["chunk_bytes"]
