"""Published numbers of Sharpe inference, overfitting, weights, Kelly, VaR and its tests."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from zanzibar_assets.ml import sharpe_errors as errors
from zanzibar_assets.ml.bayesian_sharpe import posterior
from zanzibar_assets.ml.cross_validation import cpcv_folds, path_count
from zanzibar_assets.ml.overfitting import probability_of_overfitting, split_count
from zanzibar_assets.ml.sharpe import Moments, dsr, expected_max_sharpe, min_trl, psr
from zanzibar_assets.ml.uniqueness import average_uniqueness
from zanzibar_assets.risk import measures
from zanzibar_assets.risk.var_backtests import (
    accepted_failures,
    independence_of_failures,
    proportion_of_failures,
)

CASES = json.loads((Path(__file__).parents[1] / "reference" / "quant_cases.json").read_text("utf-8"))["cases"]
SAMPLE = ("skew", "kurt")


def period(i):
    return i["sr_annual"] / math.sqrt(i["periods"])


def shape(i):
    return [i[name] for name in SAMPLE]


def ratio(i):
    return i["mean"] / i["sd"]


def psr_2012(i):
    return psr(period(i), i["T"], *shape(i), i["benchmark"])


def years(i):
    root = math.sqrt(i["periods"])
    needed = min_trl(period(i), *shape(i), i["benchmark_annual"] / root, i["confidence"])
    return needed / i["periods"]


def deflated(i):
    return dsr(period(i), i["T"], *shape(i), i["n_trials"], i["var_trial_sr_annual"] / i["periods"])


def fold_counts(i):
    starts = np.arange(200, dtype=np.int64)
    found = []
    for groups, chosen in i["N_k"]:
        found += [len(cpcv_folds(starts, starts, groups, chosen, 0)), path_count(groups, chosen)]
    return found


def uniqueness(i):
    spans = np.array(i["spans"], dtype=np.int64)
    return average_uniqueness(spans[:, 0], spans[:, 1]).tolist()


def kelly(i):
    if "odds" in i:
        return measures.kelly_binary(i["p"], i["odds"])
    if "c" in i:
        return [measures.growth_share(c) for c in i["c"]]
    return measures.kelly_continuous(i["mean"], i["sd"], i["rf"])


def daily(i, measure):
    return [10_000 * measure(0.2 / math.sqrt(250), level) for level in i["alpha"]]


def both_tails(i):
    return [f(1.0, a) for a in i["alpha"] for f in (measures.normal_var, measures.normal_expected_shortfall)]


def kupiec(i):
    if "p_T" in i:
        return [count for p, size in i["p_T"] for count in accepted_failures(size, p)]
    found = proportion_of_failures(i["n"], i["x"], i["p"])
    return [found.statistic, found.p_value]


def christoffersen(i):
    found = independence_of_failures(i["n00"], i["n10"], i["n01"], i["n11"])
    return [found.statistic, found.p_value]


def bayes(i):
    sharpe = i["sr_per_period"]
    found = posterior(Moments(i["n"], sharpe, 1.0, sharpe, 0.0, 3.0), 1.0, None)
    return [found.probability_above(level) for level in (0.0, 0.1)]


def observed(i):
    return errors.observed_false_discovery(ratio(i), i["T"], i["SR0"], i["SR1"], i["p_H1"], *shape(i))


BY_AREA = {
    "PSR": psr_2012,
    "MinTRL": years,
    "E[max SR]": lambda i: expected_max_sharpe(i["n_trials"], i["variance"]),
    "MinBTL": lambda i: errors.min_backtest_length(i["n_trials"], i["target_sr_annual"]),
    "SR variance": lambda i: math.sqrt(errors.sharpe_variance(ratio(i), i["T"], *shape(i))),
    "PSR (2025 convention)": lambda i: errors.psr_at_null(ratio(i), i["T"], *shape(i), i["benchmark"]),
    "MinTRL (2025 convention)": lambda i: errors.min_trl_at_null(
        ratio(i), *shape(i), i["benchmark"], i["alpha"]
    ),
    "power": lambda i: errors.missed_share(i["SR0"], i["SR1"], i["T"], *shape(i), i["alpha"]),
    "pFDR": lambda i: errors.planned_false_discovery(i["p_H1"], i["alpha"], i["beta"]),
    "oFDR": observed,
    "PSR (2025, AR1)": lambda i: [
        errors.psr_at_null(ratio(i), i["T"], *shape(i), level, i["rho"]) for level in i["benchmark"]
    ],
    "Var[max SR]": lambda i: errors.max_sharpe_variance(i["K"], i["variance"]),
    "SR annualisation under AR(1)": lambda i: [errors.annual_factor(rho, i["q"]) for rho in i["rho"]],
    "CPCV": fold_counts,
    "sample weights": uniqueness,
    "Kelly": kelly,
    "ES": lambda i: daily(i, measures.normal_expected_shortfall),
    "VaR": lambda i: daily(i, measures.normal_var),
    "VaR/ES": both_tails,
    "Kupiec": kupiec,
    "Christoffersen": christoffersen,
    "BayesSR": bayes,
}
BY_ID = {
    "dsr_2014_sr0": lambda i: expected_max_sharpe(i["n_trials"], i["var_trial_sr_annual"] / i["periods"]),
    "dsr_2014_N46": deflated,
    "dsr_2014_N89_fails": deflated,
    "cscv_count": lambda i: split_count(i["S"]),
    "pbo_toy_clean": lambda i: probability_of_overfitting(i["M"], i["S"], metric=i["metric"]).pbo,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_published_number(case):
    compute = BY_ID.get(case["id"]) or BY_AREA[case["area"]]
    found = np.atleast_1d(compute(case["inputs"]))
    np.testing.assert_allclose(found, np.atleast_1d(case["expected"]), rtol=0, atol=case["tolerance"])


def test_every_case_says_where_it_comes_from():
    assert len(CASES) >= 31
    assert all(case["source"] and case["provenance"] for case in CASES)
