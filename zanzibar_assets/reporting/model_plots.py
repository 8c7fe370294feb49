"""Pictures of a model's record: equity of every path, calibration, IC, trials, posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.ml.bayesian_sharpe import SharpePosterior
from zanzibar_assets.ml.calibration import reliability
from zanzibar_assets.ml.strategy import PathResult
from zanzibar_assets.reporting import plots

Floats = NDArray[np.float64]
POSTERIOR_POINTS = 160


def equity_chart(paths: Sequence[PathResult], judged: int, theme: plots.Theme = plots.LIGHT) -> bytes:
    """Net return of every out-of-sample path, summed over periods; the judged path is drawn in bold."""
    figure, (axes,) = plots.canvas(7.2, 2.8, theme)
    axes.axhline(0.0, color=theme.faint, lw=1.0)
    for path in sorted(paths, key=lambda one: one.path == judged):
        bold = path.path == judged
        equity = np.concatenate(([0.0], np.cumsum(path.periods))) * 1e4
        label = f"path {path.path}, judged: {len(path.net)} trades" if bold else None
        axes.plot(equity, color=theme.fill if bold else theme.price, lw=1.8 if bold else 0.8,
                  alpha=1.0 if bold else 0.6, label=label)  # fmt: skip
    axes.set_xlabel("period (label spans that do not overlap)", color=theme.ink, fontsize=7)
    axes.set_ylabel("net return (bp, sum of logs)", color=theme.ink, fontsize=7)
    axes.legend(loc="upper left", fontsize=7, frameon=False, labelcolor=theme.ink)
    return plots.png(figure)


def calibration_chart(chance: Floats, up: Floats, theme: plots.Theme = plots.LIGHT) -> bytes:
    """Observed share of rises against predicted P(up), by tenth of the predictions, with the diagonal.

    Whiskers are two binomial standard errors, as if rows were independent: overlap makes the truth wider.
    """
    curve = reliability(chance, up)
    said, seen = (np.array([getattr(one, name) for one in curve]) for name in ("predicted", "observed"))
    rows = np.array([one.rows for one in curve])
    error = 2.0 * np.sqrt(seen * (1.0 - seen) / rows)
    low = min(said.min(), (seen - error).min()) - 0.02
    high = max(said.max(), (seen + error).max()) + 0.02
    figure, (axes,) = plots.canvas(4.6, 3.4, theme)
    axes.plot([low, high], [low, high], color=theme.faint, lw=1.0)
    axes.errorbar(said, seen, yerr=error, color=theme.price, marker="o", ms=4, lw=1.0)
    axes.set_xlabel("predicted P(up)", color=theme.ink, fontsize=7)
    axes.set_ylabel("share that rose", color=theme.ink, fontsize=7)
    return plots.png(figure)


def ic_chart(parts: Sequence[tuple[str, float]], theme: plots.Theme = plots.LIGHT) -> bytes:
    """Rank IC of named parts as bars: horizons, regimes, phases, sessions."""
    figure, (axes,) = plots.canvas(7.2, 0.8 + 0.24 * max(len(parts), 2), theme)
    values = np.array([value for _, value in parts][::-1])
    axes.barh(np.arange(len(parts)), values, color=np.where(values >= 0, theme.buy, theme.sell))
    axes.axvline(0.0, color=theme.faint, lw=1.0)
    axes.set_yticks(np.arange(len(parts)), [name for name, _ in parts][::-1])
    axes.set_xlabel("rank IC out of sample", color=theme.ink, fontsize=7)
    return plots.png(figure)


def trials_chart(
    sharpes: Sequence[float], own: float, hurdle: float, theme: plots.Theme = plots.LIGHT
) -> bytes:
    """Histogram of the Sharpe ratios of all scored trials, the model's own, and the deflated hurdle."""
    figure, (axes,) = plots.canvas(7.2, 2.6, theme)
    axes.hist(sharpes, bins=min(40, max(5, round(2 * math.sqrt(len(sharpes))))), color=theme.price)
    axes.axvline(own, color=theme.fill, lw=1.8, label=f"this model {own:+.4f}")
    axes.axvline(hurdle, color=theme.sell, lw=1.8, ls="--", label=f"best expected of luck {hurdle:+.4f}")
    axes.set_xlabel(f"Sharpe ratio a period, net ({len(sharpes)} scored trials)", color=theme.ink, fontsize=7)
    axes.legend(loc="upper left", fontsize=7, frameon=False, labelcolor=theme.ink)
    return plots.png(figure)


def posterior_chart(
    found: Sequence[tuple[str, SharpePosterior]],
    hurdle: float,
    scale: float,
    theme: plots.Theme = plots.LIGHT,
) -> bytes:
    """Posterior densities of the annual Sharpe ratio by prior, each over its peak, zero and the hurdle."""
    figure, (axes,) = plots.canvas(7.2, 2.6, theme)
    low = min(one.mean - 4.0 * one.sd for _, one in found)
    high = max(one.mean + 4.0 * one.sd for _, one in found)
    grid = np.linspace(low, max(high, 1.05 * hurdle), POSTERIOR_POINTS)
    middle = (grid[1:] + grid[:-1]) / 2.0 * scale
    for (name, one), colour in zip(found, (theme.fill, theme.price, theme.buy), strict=False):
        above = np.array([one.probability_above(float(level)) for level in grid])
        density = -np.diff(above)
        axes.plot(middle, density / density.max(), color=colour, lw=1.4, label=name)
    axes.axvline(0.0, color=theme.faint, lw=1.0)
    axes.axvline(hurdle * scale, color=theme.sell, lw=1.4, ls="--", label="best expected of luck")
    axes.set_xlabel("Sharpe ratio a year", color=theme.ink, fontsize=7)
    axes.set_yticks([])
    axes.legend(loc="upper left", fontsize=7, frameon=False, labelcolor=theme.ink)
    return plots.png(figure)


def stability_chart(stability: pl.DataFrame, theme: plots.Theme = plots.LIGHT) -> bytes:
    """Importance in common and rank correlation of each fold and period with the others, side by side."""
    shown = stability.filter(pl.col("rank_correlation").is_not_null()).sort("kind", "part").reverse()
    figure, (common, order) = plots.panels(7.2, 0.8 + 0.22 * max(shown.height, 2), theme, 2)
    at = np.arange(shown.height)
    colours = [theme.price if kind == "fold" else theme.fill for kind in shown["kind"]]
    common.barh(at, shown["overlap"].to_numpy(), color=colours)
    common.set_xlim(0.0, 1.0)
    common.set_yticks(at, [f"{row['kind']} {row['part']}" for row in shown.iter_rows(named=True)])
    common.set_xlabel("importance in common", color=theme.ink, fontsize=7)
    order.hlines(at, shown["lowest"], shown["rank_correlation"], color=theme.faint, lw=2.0)
    order.scatter(shown["rank_correlation"], at, color=colours, s=20, zorder=3)
    order.set_xlim(min(0.0, float(np.min(shown["lowest"].to_numpy()))) - 0.02, 1.02)
    order.set_yticks(at, [""] * len(at))
    order.set_ylim(common.get_ylim())
    order.set_xlabel("rank correlation (line: down to the lowest)", color=theme.ink, fontsize=7)
    return plots.png(figure)
