import json
import math

import numpy as np
import pytest

from zanzibar_assets.cli import main
from zanzibar_assets.ml.ic import rank_ic
from zanzibar_assets.ml.sharpe import dsr, expected_max_sharpe, min_trl, moments, psr


@pytest.fixture
def run(tmp_path, capsys):
    def call(text, *options):
        path = tmp_path / "returns.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as left:
            main(["validate", str(path), *options])
        shown = capsys.readouterr()
        return left.value.code, shown.out, shown.err

    return call


def column(values, name="return"):
    return "\n".join([name, *(repr(float(v)) for v in values)]) + "\n"


SAMPLE = np.random.default_rng(3).normal(0.002, 0.01, 120)


def test_figures_are_those_of_the_formulas(run):
    code, out, _ = run(column(SAMPLE), "--trials", "20", "--json")
    found, seen = json.loads(out), moments(SAMPLE)
    shape = (seen.sharpe, 120, seen.skew, seen.kurtosis)
    assert code == 0
    assert found["sharpe"] == seen.sharpe
    assert found["psr"] == pytest.approx(psr(*shape))
    assert found["var_trials"] == pytest.approx(1 / 119)
    assert found["dsr"] == pytest.approx(dsr(*shape, 20, 1 / 119))
    assert found["expected_max_sharpe"] == pytest.approx(expected_max_sharpe(20, 1 / 119))
    assert found["min_trl"] == pytest.approx(min_trl(seen.sharpe, seen.skew, seen.kurtosis))
    assert 0.9 < found["bayes_prob_positive"] < 1.0
    assert found["sharpe_low"] < found["sharpe"] < found["sharpe_high"]
    assert found["sharpe_annual"] is None
    assert "ic" not in found
    assert "bayes_prob_positive_tau" not in found


def test_published_example_through_the_file(run):
    # Bailey & Lopez de Prado (2014): normal-like returns, 89 trials of annual variance 1/2, Sharpe 2.5 a year
    draws = np.random.default_rng(1).normal(size=1_250)
    draws = (draws - draws.mean()) / draws.std(ddof=1) * 0.01 + 0.01 * 2.5 / math.sqrt(250)
    _, out, _ = run(column(draws), "--trials", "89", "--var-trials", str(0.5 / 250), "--json")
    assert json.loads(out)["dsr"] == pytest.approx(0.94984, abs=2e-3)


def test_periods_add_annual_figures_and_the_prior(run):
    _, out, _ = run(column(SAMPLE), "--trials", "1", "--periods", "252", "--json")
    found = json.loads(out)
    assert found["sharpe_annual"] == pytest.approx(found["sharpe"] * math.sqrt(252))
    assert found["bayes_prob_positive_tau"] < found["bayes_prob_positive"]
    assert found["min_trl_years"] == pytest.approx(found["min_trl"] / 252)
    assert found["dsr"] == found["psr"]  # one trial: nothing to deflate


def test_a_score_adds_its_ic(run):
    scores = SAMPLE + np.random.default_rng(4).normal(0, 0.02, 120)
    rows = "\n".join(
        [
            "score,when,return",
            *(f"{s!r},x,{r!r}" for s, r in zip(scores.tolist(), SAMPLE.tolist(), strict=True)),
        ]
    )
    found = json.loads(run(rows, "--trials", "5", "--json")[1])
    assert found["ic"] == pytest.approx(rank_ic(scores, SAMPLE))
    assert found["ic_t"] > 2
    assert found["ic_lags"] == 2


def test_a_losing_series_has_no_track_record_length(run):
    code, out, _ = run(column(-SAMPLE), "--trials", "5", "--json")
    assert code == 0
    assert json.loads(out)["min_trl"] is None


def test_lines_for_people(run):
    code, out, _ = run(column(SAMPLE), "--trials", "20", "--periods", "252")
    assert code == 0
    assert "DSR after 20 trials" in out
    assert "a year" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.01\n0.02\n-0.01\n" * 10, "has no header"),
        ("gain\n" + "0.01\n-0.01\n" * 10, "no column `return`"),
        ("return\n" + "0.01\n-0.01\n" * 10 + "n/a\n", "line 22"),
        ("return\n" + "0.01\n-0.01\n" * 10 + "NaN\n", "no finite number"),
        ("return\n" + "0.01\n-0.01\n" * 10 + "inf\n", "no finite number"),
        ("return,note\n" + "0.01,a\n-0.01,b\n" * 10 + ",c\n", "no finite number"),
        ("return\n0.01\n0.02\n", "too few rows"),
        ("return\n", "too few rows"),
        ("", "no CSV"),
        ("return\n" + "0.01\n" * 20, "never vary"),
        ("return,score\n" + "0.01,x\n-0.01,1\n" * 10, "score is no finite number"),
        ("return;score\n" + "0.01;1\n-0.01;2\n" * 10, "comma-separated"),
    ],
)
def test_bad_files_are_refused_in_one_plain_line(run, text, words):
    code, out, err = run(text, "--trials", "5", "--json")
    assert (code, out) == (1, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "options",
    [(), ("--trials", "0"), ("--trials", "5", "--var-trials", "-1"), ("--trials", "5", "--periods", "0")],
)
def test_wrong_usage_is_exit_two(run, options):
    assert run(column(SAMPLE), *options)[0] == 2


def test_a_byte_order_mark_and_spaces_are_no_obstacle(run):
    code, out, _ = run("\ufeff return , note\n" + "0.01 ,a\n -0.02,b\n" * 10, "--trials", "2", "--json")
    assert code == 0
    assert json.loads(out)["n"] == 20
