"""``zanzibar bench structure``: figures, absent peers, growth, what peers find on the same bars."""

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from zanzibar_assets.analysis.kinds import CODES, KIND, KNOWN
from zanzibar_assets.benchmarks.structure import cpu_seconds, exponent, open_gaps, ours, simulated_bars
from zanzibar_assets.benchmarks.structure_overlap import our_events, their_events
from zanzibar_assets.commands.bench import command
from zanzibar_assets.errors import UsageError


def run(*arguments):
    done = CliRunner().invoke(command, ["structure", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_structure_reports_ours_beside_peers_and_says_which_are_absent():
    report = run("--records", "20000")
    assert (report["name"], report["simulated"]) == ("structure", True)
    named = {figure["what"]: figure for figure in report["figures"]}
    assert {figure["wanted"] for figure in named.values()} == {10.0, 100.0, None}
    slow = [f"{task}_4k_bars_smartmoneyconcepts" for task in ("structure", "gaps", "blocks")]
    for what in ("structure_4k_bars", "gaps_4k_bars", "blocks_4k_bars_pyvsmc", *slow):
        assert named[what]["value"] > 0
        assert named[what]["peer_value"] is None
        assert "--peer-python" in named[what]["note"]
    assert {f"{name}_growth_exponent" for name in ("structure", "gaps", "open_gaps")} <= set(named)
    assert len(report["notes"]) == 2


def test_an_interpreter_without_the_peers_is_a_note_not_a_failure():
    report = run("--records", "10000", "--peer-python", sys.executable)
    assert all("No module named" in note for note in report["notes"])


def test_overlap_without_peers_is_empty_and_says_why():
    report = run("--records", "10000", "--overlap")
    assert (report["overlap"], report["bars"]) == ([], 2_000)
    assert len(report["notes"]) == 2


def test_bars_are_for_the_overlap_alone(tmp_path):
    (tmp_path / "bars.parquet").write_bytes(b"")
    with pytest.raises(UsageError, match="goes with --overlap"):
        CliRunner().invoke(
            command, ["structure", "--bars", str(tmp_path / "bars.parquet")], catch_exceptions=False
        )


def test_simulated_bars_are_true_bars_and_the_seeds_own():
    block = simulated_bars(3_000, 7)
    opened, high, low, close = block.ohlc
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    assert np.array_equal(block.ohlc, simulated_bars(3_000, 7).ohlc)
    assert not np.array_equal(block.ohlc, simulated_bars(3_000, 8).ohlc)


def test_the_worst_case_leaves_a_gap_open_on_each_bar_until_one_bar_ends_them_all():
    size = 2_000
    table = ours(open_gaps(size))["gaps"]()
    counts = {kind: int((table[KIND] == CODES[kind]).sum()) for kind in ("fvg", "fvg_fill", "fvg_invert")}
    assert counts["fvg"] >= size - 3
    ended = table[:, (table[KIND] == CODES["fvg_fill"]) & (table[KNOWN] == size - 1)]
    assert ended.shape[1] >= size - 4
    assert counts["fvg_invert"] >= size - 4


@pytest.mark.parametrize("make", [lambda n: simulated_bars(n, 3), open_gaps], ids=["walk", "open_gaps"])
def test_gaps_take_time_in_line_with_the_bars_however_many_stay_open(make):
    """Quadratic work would grow with the square; the bound leaves room for a loaded machine."""
    sizes = [50_000, 100_000, 200_000]
    seconds = [min(cpu_seconds({"gaps": ours(make(size))["gaps"]}, 5)["gaps"]) for size in sizes]
    assert exponent(sizes, seconds) < 1.5


def test_events_are_compared_by_side_and_place(tmp_path):
    block = simulated_bars(2_000, 7)
    own = our_events(block)
    assert {name.rsplit("_", 1)[0] for name in own} >= {"swing", "bos", "fvg", "fvg_fill", "ob", "sweep"}
    fills, gaps = own["fvg_fill_up"], own["fvg_up"]
    assert fills
    assert all(filled > gap for gap, filled in fills)
    assert {(gap,) for gap, _ in fills} <= gaps
    np.savez(tmp_path / "e.npz", fvg_up=np.array([3, 9]), fvg_touch_up=np.array([[3, 9], [5, 11]]))
    assert their_events(tmp_path / "e.npz") == {"fvg_up": {(3,), (9,)}, "fvg_touch_up": {(3, 5), (9, 11)}}
