"""Files grow and are maltreated, the reader is killed and restarted: nothing is lost, nothing doubled."""

from __future__ import annotations

import os

import pytest

from zanzibar_assets_tests.benchmarks import tailing

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and forkserver are of POSIX")


@pytest.mark.parametrize(("seed", "hostile"), [(2, True), (4, False), (3, True)])
def test_a_killed_reader_ends_with_the_bytes_of_one_pass(tmp_path, seed, hostile):
    found = tailing.one_run(tmp_path, seed, hostile=hostile, trades=200, most_kills=8)
    assert (found["lost"], found["doubled"], found["other_bytes"]) == (0, 0, 0)
    assert found["partitions"] == 8
    assert found["torn"]
    assert found["bars_rewritten"]
    assert bool(found["truncations"] + found["rotations"]) == hostile
    if not hostile:
        assert "alerts_source_corrected" not in found, "a file that only grows is never called corrected"


def test_lost_rows_would_be_seen():
    """The comparison itself: a partition with a row less, one row twice, none at all."""
    import polars as pl

    whole = pl.DataFrame({"seq": [1, 2, 3], "price": [1.0, None, 3.0]})
    for stored, lost, doubled in (
        (whole, 0, 0),
        (whole.head(2), 1, 0),
        (pl.concat([whole, whole.tail(1)]), 0, 1),
        (whole.clear(), 3, 0),
    ):
        assert tailing.rows_apart(whole, stored) == (lost, doubled)
