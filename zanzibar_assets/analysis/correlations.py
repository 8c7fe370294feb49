"""Correlation of each pair of instruments within a session, on a five-minute grid, as known then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Floats, Ints, floats, micros, nullable, stamps
from zanzibar_assets.analysis.hayashi_yoshida import Returns, covariance_as_of, variance_as_of
from zanzibar_assets.analysis.rolling import divide
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND

GRID_SECONDS = 300
MIN_OBSERVATIONS = 12
"""Grid returns before a correlation is published."""
LAG_STEPS = 5


@dataclass(frozen=True, slots=True)
class _Series:
    """Closes of one instrument by the time they were known, and the bar length."""

    known_us: Ints
    log_close: Floats
    bar_us: int

    def returns(self) -> Returns:
        return Returns(self.known_us[:-1], self.known_us[1:], np.diff(self.log_close))


def build_correlations(bars_by_instrument: Mapping[str, pl.DataFrame], config: Config) -> pl.DataFrame:
    """One row a pair (a < b by id) and grid time at which both had a bar in the last five minutes.

    ``corr_ewma``: exponentially weighted, half-life ``analysis.correlation_halflife_bars`` grid
    steps, of five-minute log returns with mean zero (a return that would span more than one grid
    step is left out). ``corr_hayashi_yoshida``: of the bar returns of the session so far, clipped to
    [-1, 1]. ``lead_lag_seconds``: the lag of up to five bars at which that covariance is largest in
    size; positive: a leads b. ``observations``: grid returns so far; before 12 all three are null.
    """
    frames = {key: bars.filter(pl.col("close") > 0) for key, bars in bars_by_instrument.items()}
    series = {
        key: _Series(
            micros(bars, KNOWN_AT),
            np.log(floats(bars, "close")),
            int(bars["bar_seconds"][0]) * US_PER_SECOND,
        )
        for key, bars in frames.items()
        if bars.height
    }
    pairs = [_pair(a, b, series, config) for a, b in combinations(sorted(series), 2)]
    if not pairs:
        return empty("correlations")
    return conform("correlations", pl.concat(pairs).sort(KNOWN_AT, "instrument_a", "instrument_b"))


def _pair(key_a: str, key_b: str, series: Mapping[str, _Series], config: Config) -> pl.DataFrame:
    a, b = series[key_a], series[key_b]
    step = GRID_SECONDS * US_PER_SECOND
    first = min(a.known_us[0], b.known_us[0]) // step * step
    last = max(a.known_us[-1], b.known_us[-1])
    grid = np.arange(first, last + 1, step, dtype=np.int64)
    (close_a, fresh_a), (close_b, fresh_b) = _on_grid(a, grid, step), _on_grid(b, grid, step)
    fresh = fresh_a & fresh_b
    paired = fresh.copy()
    paired[1:] &= fresh[:-1]
    paired[:1] = False
    return_a, return_b = np.diff(close_a, prepend=np.nan), np.diff(close_b, prepend=np.nan)
    rows = np.flatnonzero(fresh)
    observations = np.cumsum(paired)
    enough = observations[rows] >= MIN_OBSERVATIONS
    ewma = _ewma_correlation(return_a, return_b, paired, config.analysis.correlation_halflife_bars)
    hayashi_yoshida, lead_lag = _asynchronous(a, b, grid[rows])
    published = {
        "corr_ewma": ewma[rows],
        "corr_hayashi_yoshida": hayashi_yoshida,
        "lead_lag_seconds": lead_lag,
    }
    return pl.DataFrame(
        {
            EVENT_TS: stamps(grid[rows]),
            KNOWN_AT: stamps(grid[rows]),
            "instrument_a": pl.repeat(key_a, len(rows), dtype=pl.String, eager=True),
            "instrument_b": pl.repeat(key_b, len(rows), dtype=pl.String, eager=True),
            **{name: nullable(np.where(enough, values, np.nan)) for name, values in published.items()},
            "observations": observations[rows],
        }
    )


def _on_grid(series: _Series, grid: Ints, step: int) -> tuple[Floats, Bools]:
    """Last close known at each grid time, and whether it became known within the last step."""
    row = np.searchsorted(series.known_us, grid, side="right") - 1
    fresh = (row >= 0) & (series.known_us[row] > grid - step)
    return series.log_close[row], fresh


def _ewma_correlation(a: Floats, b: Floats, usable: Bools, halflife: float) -> Floats:
    """S = l S + (1 - l) r r' over usable rows, carried over the others; the weights' scale cancels."""
    keep = 0.5 ** (1.0 / halflife)
    found = np.full(len(a), np.nan)
    s_aa = s_bb = s_ab = 0.0
    for t in range(len(a)):
        if usable[t]:
            x, y = float(a[t]), float(b[t])
            s_aa, s_bb, s_ab = keep * s_aa + x * x, keep * s_bb + y * y, keep * s_ab + x * y
        if s_aa > 0.0 and s_bb > 0.0:
            found[t] = min(1.0, max(-1.0, s_ab / (s_aa * s_bb) ** 0.5))
    return found


def _asynchronous(a: _Series, b: _Series, at_us: Ints) -> tuple[Floats, Floats]:
    """Hayashi-Yoshida correlation, and the lag of the largest covariance in size (seconds)."""
    returns_a, returns_b = a.returns(), b.returns()
    scale = np.sqrt(variance_as_of(returns_a, at_us) * variance_as_of(returns_b, at_us))
    step = max(a.bar_us, b.bar_us)
    # nearest lags first: argmax takes the first of equals
    lags = sorted(range(-LAG_STEPS, LAG_STEPS + 1), key=lambda k: (abs(k), -k))
    contrast = np.column_stack([covariance_as_of(returns_a, returns_b, at_us, k * step) for k in lags])
    correlation = np.clip(divide(contrast[:, 0], scale), -1.0, 1.0)
    best = np.array(lags, dtype=np.float64)[np.abs(contrast).argmax(axis=1)] * step / US_PER_SECOND
    return correlation, np.where(scale > 0.0, best, np.nan)
