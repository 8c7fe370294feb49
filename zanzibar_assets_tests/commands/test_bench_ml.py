"""``zanzibar bench ml``: figures of ours beside the bare fits, the absent peer, what both compute."""

import json
import sys

import numpy as np
from click.testing import CliRunner

from zanzibar_assets.benchmarks import ml
from zanzibar_assets.commands.bench import command


def run(*arguments):
    done = CliRunner().invoke(command, ["ml", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_ml_reports_ours_beside_the_bare_fits_and_says_that_the_peer_is_absent():
    report = run("--records", "50000", "--peer-python", sys.executable)
    named = {figure["what"]: figure for figure in report["figures"]}
    assert (report["name"], report["simulated"]) == ("ml", True)
    assert named["cpcv_10_2"]["peer_value"] > 0
    assert named["cpcv_10_2"]["wanted"] == 1 / 1.1
    assert 0 < named["splits_10_2"]["value"] < 1
    assert named["splits_10_2"]["peer_value"] is None
    assert "purgedcv" in named["splits_10_2"]["note"]
    assert "2000 rows" in report["notes"][0]


def test_each_path_tests_each_row_once_and_finds_the_weak_signal():
    x, up, starts, ends = ml.simulated_rows(1_500, 3)
    paths = ml.cross_validated(x, up, starts, ends, 3)
    assert paths.shape == (9, 1_500)
    assert np.isfinite(paths).all()
    assert (ends > starts).all()
    assert (np.diff(starts) > 0).all()
