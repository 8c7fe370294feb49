import math

import polars as pl
import pytest

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.risk.volatility import forecast_volatility
from zanzibar_assets_tests.risk.histories import BARS_A_SESSION, bars_of, random_history


@pytest.fixture
def config(tmp_path):
    return Config(home=tmp_path)


ES = load_instruments()["ES"]
BTC = load_instruments()["BTCUSDT"]


def forecast(history, instrument, config):
    frame = forecast_volatility(history, instrument, config)
    assert breaches("volatility_forecast", frame) == []
    return frame.row(0, named=True)


def test_no_history_says_so(config):
    row = forecast(random_history(1, 1).head(0), ES, config)
    assert row["method"] == "none"
    assert row["sigma_session"] is None
    assert row["as_of_session"] is None
    assert "no bars" in row["reason"]


def test_prices_that_never_moved_have_no_forecast(config):
    row = forecast(bars_of({"2024-01-02": [(100.0, 100.0)] * 3}), ES, config)
    assert row["method"] == "none"
    assert "did not move" in row["reason"]


def test_one_session_is_its_own_realised_variance(config):
    row = forecast(bars_of({"2024-01-02": [(100.0, 101.0), (101.0, 100.0)]}), ES, config)
    session = math.sqrt(2) * math.log(1.01)
    assert row["method"] == "realized_single_session"
    assert row["sigma_session"] == pytest.approx(session)
    assert row["sigma_bar"] == pytest.approx(math.log(1.01))
    assert row["sigma_annual"] == pytest.approx(session * math.sqrt(252))


def test_markets_open_every_day_have_a_longer_year(config):
    history = random_history(10, 4)
    ratio = forecast(history, BTC, config)["sigma_annual"] / forecast(history, ES, config)["sigma_annual"]
    assert ratio == pytest.approx(math.sqrt(365 / 252))


def test_few_sessions_are_weighted_and_say_why_there_is_no_garch(config):
    row = forecast(random_history(31, 2), BTC, config)
    assert row["method"] == "ewma_realized"
    assert row["observations"] == 31
    assert "fewer than 60" in row["reason"]
    expected = math.sqrt(BARS_A_SESSION * 0.002**2 + 0.003**2)
    assert row["sigma_session"] == pytest.approx(expected, rel=0.35)
    assert row["sigma_bar"] == pytest.approx(0.002, rel=0.35)


def test_enough_sessions_choose_by_out_of_sample_qlike(config):
    row = forecast(random_history(150, 6), ES, config)
    figures = {
        p.split()[0]: float(p.split()[1]) for p in row["reason"].split(";")[0].split("QLIKE ")[1].split(", ")
    }
    assert row["method"] == min(figures, key=figures.get)
    assert "ewma_realized" in figures
    assert row["sigma_session"] == pytest.approx(math.sqrt(BARS_A_SESSION * 0.002**2 + 0.003**2), rel=0.4)


def test_the_forecast_depends_on_its_history_only(config):
    history = random_history(80, 7)
    keys = sorted(history["session"].unique())
    first = forecast_volatility(history.filter(pl.col("session").is_in(keys[:70])), ES, config)
    assert first.equals(forecast_volatility(history.filter(pl.col("session") <= keys[69]), ES, config))


def test_sigma_follows_the_scale_of_the_moves(config):
    calm, wild = random_history(20, 8, 0.001, 0.0), random_history(20, 8, 0.003, 0.0)
    assert forecast(wild, ES, config)["sigma_session"] == pytest.approx(
        3 * forecast(calm, ES, config)["sigma_session"], rel=1e-6
    )
