"""Rows beside a peer's, and a peer process that is asked in turns."""

import sys

import numpy as np
import pytest

from zanzibar_assets.benchmarks.book import Rows, compared
from zanzibar_assets.benchmarks.peer_process import PeerProcess
from zanzibar_assets.errors import UsageError

PEER = """
import sys
print('{"ready": true}', flush=True)
for line in sys.stdin:
    if line.strip() == "end":
        sys.exit("tired")
    print('{"seconds": 2.5}', flush=True)
"""


def rows(*found):
    stamps, ticks, sizes = zip(*found, strict=True)
    return Rows(np.array(stamps), np.array(ticks), np.array(sizes, dtype=float))


def test_rows_that_differ_are_counted(tmp_path):
    ours = rows((100, [5, 7], [1, 2]), (200, [5, 7], [1, 0]), (300, [5, 8], [1, 2]), (400, [1, 2], [1, 1]))
    peer = rows((100, [5, 7], [1, 2]), (200, [5, 0], [1, 0]), (300, [5, 7], [1, 2]))
    np.savez(tmp_path / "rows.npz", **peer._asdict())
    note = compared(ours, tmp_path / "rows.npz")
    assert note.startswith(
        "2 of 4 rows equal in instant, prices and sizes; 1 differ, 1 ours only, 0 the peer's only"
    )
    assert note.endswith("the peer ends with its data")


def test_a_peer_answers_in_turns_and_its_end_is_told(tmp_path):
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    with PeerProcess(sys.executable, script, [], tmp_path / "err") as peer:
        assert peer.answer() == {"ready": True}
        assert [peer.ask("run")["seconds"] for _ in range(2)] == [2.5, 2.5]
        with pytest.raises(UsageError, match="tired"):
            peer.ask("end")
    with pytest.raises(UsageError, match="does not start"):
        PeerProcess(tmp_path / "no python", script, [], tmp_path / "err")
