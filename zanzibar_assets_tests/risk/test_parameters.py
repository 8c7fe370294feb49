import numpy as np
import polars as pl
import pytest

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.risk.parameters import build_risk_parameters
from zanzibar_assets.risk.volatility import forecast_volatility
from zanzibar_assets_tests.risk.histories import oos_of, random_history, verdict

ES = load_instruments()["ES"]
TAILS = ("var_95_pct", "cvar_95_pct", "var_99_pct", "cvar_99_pct")


@pytest.fixture
def config(tmp_path):
    return Config(home=tmp_path)


def edge(count: int = 800, mean: float = 0.15) -> pl.DataFrame:
    values = np.random.default_rng(4).standard_normal(count)
    values = (values - values.mean()) / values.std(ddof=1)
    return oos_of((0.004 * (values + mean)).tolist())


def parameters(validation, oos, history, config):
    frame = build_risk_parameters(validation, oos, forecast_volatility(history, ES, config), history, config)
    assert breaches("risk_parameters", frame) == []
    return frame.row(0, named=True)


def test_nothing_known_risks_nothing_and_says_why(config):
    row = parameters(empty("validation_report"), empty("model_oos"), random_history(1, 1).head(0), config)
    assert row["kelly_full"] is None
    assert row["kelly_used"] == row["risk_per_trade_pct"] == 0.0
    assert row["rules_risk_per_trade_pct"] == 0.1
    assert all(row[name] is None for name in TAILS)
    assert row["method"] == "none"
    assert "0 out-of-sample trades" in row["reason"]
    assert "no volatility forecast" in row["reason"]


@pytest.mark.parametrize("name", ["hold", "reject", "insufficient_history"])
def test_a_model_that_is_not_promoted_risks_nothing(config, name):
    row = parameters(verdict(name), edge(), random_history(20, 1), config)
    assert row["kelly_full"] > 0
    assert row["kelly_used"] == row["risk_per_trade_pct"] == 0.0
    assert name in row["reason"]


def test_a_promoted_edge_is_shrunk_and_capped(config):
    row = parameters(verdict("promote"), edge(), random_history(20, 1), config)
    assert row["kelly_full"] == pytest.approx(0.15 / 0.004)
    assert 0 < row["kelly_used"] < config.risk.kelly_cap_fraction * row["kelly_full"]
    assert row["risk_per_trade_pct"] <= config.risk.max_risk_per_trade_pct


def test_a_small_edge_stays_below_the_limit(config):
    loose = config.model_copy(
        update={"risk": config.risk.model_copy(update={"max_risk_per_trade_pct": 50.0})}
    )
    bound, free = (parameters(verdict("promote"), edge(), random_history(20, 1), c) for c in (config, loose))
    assert bound["risk_per_trade_pct"] == config.risk.max_risk_per_trade_pct
    assert "limit" in bound["reason"]
    assert config.risk.max_risk_per_trade_pct < free["risk_per_trade_pct"] < 50.0


def test_a_promoted_model_without_certainty_risks_nothing(config):
    row = parameters(verdict("promote"), edge(20, 0.05), random_history(20, 1), config)
    assert row["kelly_used"] == row["risk_per_trade_pct"] == 0.0
    assert "may be 0 or less" in row["reason"]


def test_a_losing_model_risks_nothing(config):
    row = parameters(verdict("promote"), edge(800, -0.2), random_history(20, 1), config)
    assert row["kelly_full"] < 0
    assert row["kelly_used"] == 0.0


def test_rules_never_risk_more_than_the_limit(config):
    tight = config.model_copy(
        update={"risk": config.risk.model_copy(update={"max_risk_per_trade_pct": 0.05})}
    )
    row = parameters(verdict("hold"), edge(), random_history(20, 1), tight)
    assert row["rules_risk_per_trade_pct"] == 0.05


def test_few_sessions_scale_a_normal(config):
    history = random_history(20, 1)
    row = parameters(verdict("hold"), edge(), history, config)
    sigma = forecast_volatility(history, ES, config)["sigma_session"][0]
    assert row["method"] == "normal_ewma_realized"
    assert row["var_95_pct"] == pytest.approx(100 * sigma * 1.644854, rel=1e-6)
    assert row["cvar_99_pct"] == pytest.approx(100 * sigma * 2.665214, rel=1e-6)
    assert "19 session returns, 250 needed" in row["reason"]


def test_enough_sessions_use_what_was_observed(config):
    row = parameters(verdict("hold"), edge(), random_history(252, 3), config)
    assert row["method"] == "historical_worse_side"
    assert row["observations"] == 251
    assert row["var_95_pct"] <= row["cvar_95_pct"] <= row["cvar_99_pct"]
    assert row["var_95_pct"] <= row["var_99_pct"] <= row["cvar_99_pct"]
    assert row["as_of_session"] == "2020-09-08"


def test_one_session_of_bars_still_has_a_labelled_tail(config):
    row = parameters(verdict("hold"), empty("model_oos"), random_history(1, 5), config)
    assert row["method"] == "normal_realized_single_session"
    assert row["var_95_pct"] > 0
