"""GARCH and GJR-GARCH one-step forecasts of session variance by ``arch``.

``arch`` is fitted on returns in per cent (x100): on plain decimals its optimiser stays at the
starting values. A fit that did not converge, or whose variance explodes, is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PER_CENT = 100.0
ASYMMETRY = {"garch": 0, "gjr_garch": 1}
_MAX_PERSISTENCE = 0.999


def one_step_variances(returns: Floats, model: str, fitted_on: int) -> Floats | None:
    """Variance forecasts of sessions ``fitted_on .. len(returns)`` (the last one lies ahead).

    Parameters come from the first ``fitted_on`` returns only; each forecast uses the returns
    before its session. None when the fit cannot be used.
    """
    from arch import arch_model

    asymmetric = ASYMMETRY[model]
    specification: Any = arch_model(
        returns * PER_CENT, mean="Constant", vol="GARCH", p=1, o=asymmetric, q=1, dist="normal", rescale=False
    )
    fitted = specification.fit(last_obs=fitted_on, disp="off", show_warning=False)
    if fitted.convergence_flag != 0 or not _stable(fitted.params):
        return None
    forecast = fitted.forecast(horizon=1, start=fitted_on - 1, reindex=False)
    variances = np.asarray(forecast.variance, dtype=np.float64)[:, 0] / PER_CENT**2
    usable = bool(np.isfinite(variances).all() and (variances > 0).all())
    return variances if usable else None


def _stable(parameters: Any) -> bool:
    values = {str(name): float(value) for name, value in parameters.items()}
    if not all(np.isfinite(value) for value in values.values()):
        return False
    persistence = values["alpha[1]"] + values["beta[1]"] + 0.5 * values.get("gamma[1]", 0.0)
    return persistence < _MAX_PERSISTENCE
