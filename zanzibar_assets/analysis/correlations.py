"""Correlation of each pair of instruments within a session, on a five-minute grid, as known then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import (
    UTC_US,
    Bools,
    Floats,
    Ints,
    floats,
    micros,
    nullable,
    stamps,
    trade_rows,
)
from zanzibar_assets.analysis.grid_returns import Closes, grid_of
from zanzibar_assets.analysis.hayashi_yoshida import Returns, covariance_as_of, variance_as_of
from zanzibar_assets.analysis.rolling import divide
from zanzibar_assets.analysis.session_dcc import SessionDcc, session_dcc
from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT, US_PER_SECOND

MIN_OBSERVATIONS = 12
"""Grid returns of the session before a correlation of its own is published."""
LAGS_US = tuple(round(s * US_PER_SECOND) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 180, 300))
SPACING_SHARE = 0.75
"""A lag counts from this share of the mean time between the trades of the sparser side on."""


@dataclass(frozen=True, slots=True)
class _Prices:
    """Trade prices of one instrument by the time they were known."""

    closes: Closes
    known_us: Ints
    log_price: Floats
    returns: Returns

    @classmethod
    def of(cls, bars: pl.DataFrame, clean_ticks: pl.DataFrame) -> _Prices:
        rows = trade_rows(clean_ticks).filter(pl.col("price_ticks") > 0).sort(KNOWN_AT, maintain_order=True)
        known, price = micros(rows, KNOWN_AT), np.log(floats(rows, "price_ticks"))
        return cls(Closes.of(bars), known, price, Returns.of(known, price))

    def spacing_us(self, at_us: Ints) -> Floats:
        """Mean time between the times at which there was a trade, up to each time."""
        times = np.unique(self.known_us)
        count = np.searchsorted(times, at_us, side="right").astype(np.float64)
        elapsed = at_us - times[0] if len(times) else np.zeros(len(at_us))
        spacing = divide(elapsed.astype(np.float64), count)
        return np.where(np.isfinite(spacing), spacing, np.inf)


def build_correlations(
    bars_by_instrument: Mapping[str, pl.DataFrame],
    ticks_by_instrument: Mapping[str, pl.DataFrame],
    history_by_instrument: Mapping[str, pl.DataFrame],
    config: Config,
) -> pl.DataFrame:
    """One row a pair (a < b by id) and grid time at which both had a bar in the last five minutes.

    ``corr_ewma``: exponentially weighted, half-life ``analysis.correlation_halflife_bars`` grid
    steps, of five-minute log returns with mean zero (a return that would span more than one grid
    step is left out). ``corr_dcc``: DCC(1,1) of the same returns, fitted on the history.
    ``corr_hayashi_yoshida``: of the session's trades so far (closes of bar records), clipped to [-1, 1].
    ``lead_lag_seconds``: the lag of up to five minutes at which that covariance is largest in size,
    among those that the trades' spacing so far can resolve; positive: a leads b. ``observations``: grid
    returns so far; before 12 all but ``corr_dcc`` are null. Every instrument with bars needs its ticks.
    """
    traded = {key: bars for key, bars in bars_by_instrument.items() if bars.height}
    prices = {key: _Prices.of(bars, ticks_by_instrument[key]) for key, bars in traded.items()}
    if len(prices) < 2:
        return empty("correlations")
    dcc = session_dcc(traded, history_by_instrument, config)
    # One grid for all: a grid time is over as soon as any instrument's bar says so, not the pair's own.
    grid = grid_of([price.closes for price in prices.values()])
    pairs = [_pair(a, b, prices, grid, dcc, config) for a, b in combinations(sorted(prices), 2)]
    return conform("correlations", pl.concat(pairs).sort(KNOWN_AT, "instrument_a", "instrument_b"))


def _pair(
    key_a: str, key_b: str, prices: Mapping[str, _Prices], grid: Ints, dcc: SessionDcc, config: Config
) -> pl.DataFrame:
    a, b = prices[key_a], prices[key_b]
    rows = np.flatnonzero(a.closes.on_grid(grid)[1] & b.closes.on_grid(grid)[1])
    return_a, return_b = a.closes.returns(grid), b.closes.returns(grid)
    paired = np.isfinite(return_a) & np.isfinite(return_b)
    observations, at = np.cumsum(paired)[rows], grid[rows]
    enough = observations >= MIN_OBSERVATIONS
    ewma = _ewma_correlation(return_a, return_b, paired, config.analysis.correlation_halflife_bars)[rows]
    hayashi_yoshida, lead_lag = _asynchronous(a, b, at)
    conditional, reason = dcc.pair(key_a, key_b, at)
    columns = {
        "corr_ewma": np.where(enough, ewma, np.nan),
        "corr_dcc": conditional,
        "corr_hayashi_yoshida": np.where(enough, hayashi_yoshida, np.nan),
        "lead_lag_seconds": np.where(enough, lead_lag, np.nan),
    }
    fitted = reason is None
    return pl.DataFrame(
        {
            EVENT_TS: stamps(at),
            KNOWN_AT: stamps(at),
            **{name: nullable(values) for name, values in columns.items()},
            "observations": observations,
        }
    ).with_columns(
        pl.lit(key_a).alias("instrument_a"),
        pl.lit(key_b).alias("instrument_b"),
        pl.lit(dcc.through if fitted else None, dtype=pl.String).alias("dcc_fitted_through"),
        pl.lit(dcc.known_us if fitted else None, dtype=pl.Int64).cast(UTC_US).alias("dcc_fit_known_at"),
        pl.lit(reason, dtype=pl.String).alias("dcc_reason"),
    )


class EwmaCorrelation:
    """S = l S + (1 - l) r r' over rows in which both returns are usable; the weights' scale cancels."""

    def __init__(self, halflife: float) -> None:
        self.keep = 0.5 ** (1.0 / halflife)
        self._sums = np.zeros(3)

    def feed(self, a: Floats, b: Floats, usable: Bools) -> Floats:
        """Correlation after each of the next rows, carried over the unusable ones; NaN before the first."""
        from zanzibar_assets.analysis._filter_kernels import weighted_products

        products = np.empty((len(a), 3))
        weighted_products(a, b, usable, self.keep, self._sums, products)
        scale = np.sqrt(products[:, 0] * products[:, 1])
        return np.clip(divide(products[:, 2], scale), -1.0, 1.0)

    def state(self) -> dict[str, list[float]]:
        """JSON-able state."""
        return {"sums": self._sums.tolist()}

    def resume(self, state: Mapping[str, list[float]]) -> None:
        """Go on from a state."""
        self._sums = np.array(state["sums"], dtype=np.float64)


def _ewma_correlation(a: Floats, b: Floats, usable: Bools, halflife: float) -> Floats:
    return EwmaCorrelation(halflife).feed(a, b, usable)


def _asynchronous(a: _Prices, b: _Prices, at_us: Ints) -> tuple[Floats, Floats]:
    """Hayashi-Yoshida correlation, and the lag of the largest covariance in size (seconds)."""
    variances = [np.maximum(variance_as_of(x.known_us, x.log_price, at_us), 0.0) for x in (a, b)]
    scale = np.sqrt(variances[0] * variances[1])
    # Nearest lags first: argmax takes the first of equals.
    lags = [0, *(lag for step in LAGS_US for lag in (step, -step))]
    contrast = np.column_stack([covariance_as_of(a.returns, b.returns, at_us, lag) for lag in lags])
    correlation = np.clip(divide(contrast[:, 0], scale), -1.0, 1.0)
    least = SPACING_SHARE * np.maximum(a.spacing_us(at_us), b.spacing_us(at_us))
    lag_us = np.array(lags, dtype=np.float64)
    resolved = (np.abs(lag_us)[None, :] >= least[:, None]) | (lag_us == 0.0)
    best = lag_us[np.where(resolved, np.abs(contrast), -1.0).argmax(axis=1)] / US_PER_SECOND
    return correlation, np.where(scale > 0.0, best, np.nan)
