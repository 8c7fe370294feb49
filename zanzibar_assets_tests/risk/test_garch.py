import numpy as np
import pytest

from zanzibar_assets.risk.garch import one_step_variances


def simulated_garch(count: int, seed: int, asymmetry: float = 0.0) -> np.ndarray:
    """Returns of a GARCH(1,1) by its own recursion: 1 % a session in the long run."""
    rng = np.random.default_rng(seed)
    alpha, beta = 0.08, 0.88 - asymmetry / 2
    omega = 1e-4 * (1 - alpha - beta - asymmetry / 2)
    variance, returns = 1e-4, []
    for _ in range(count):
        value = np.sqrt(variance) * rng.standard_normal()
        returns.append(value)
        variance = omega + (alpha + asymmetry * (value < 0)) * value**2 + beta * variance
    return np.array(returns)


@pytest.mark.parametrize("model", ["garch", "gjr_garch"])
def test_forecasts_do_not_see_what_comes_later(model):
    returns = simulated_garch(300, 1)
    forecasts = one_step_variances(returns, model, 200)
    rng = np.random.default_rng(9)
    for cut in rng.integers(201, 300, 5):
        changed = returns.copy()
        changed[cut:] = rng.standard_normal(300 - cut)
        again = one_step_variances(changed, model, 200)
        assert np.array_equal(again[: cut - 200 + 1], forecasts[: cut - 200 + 1])


def test_forecasts_follow_the_scale_of_the_returns():
    returns = simulated_garch(400, 2)
    once, thrice = one_step_variances(returns, "garch", 400), one_step_variances(3 * returns, "garch", 400)
    assert thrice[-1] / once[-1] == pytest.approx(9.0, rel=1e-2)


def test_the_long_run_variance_is_found():
    forecasts = one_step_variances(simulated_garch(3000, 3), "garch", 2000)
    assert float(np.mean(forecasts)) == pytest.approx(1e-4, rel=0.25)
    assert len(forecasts) == 1001
