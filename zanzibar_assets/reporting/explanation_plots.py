"""Pictures of what a model leans on: importance, summary, dependence, one prediction as a waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.reporting import plots

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

Floats = NDArray[np.float64]
MOST_FEATURES = 15
DEPENDENCE_FEATURES = 3
LOW, HIGH = 0.05, 0.95


def importance_chart(explanation: pl.DataFrame, theme: plots.Theme = plots.LIGHT) -> bytes:
    """Mean |SHAP| of a ModelExplanation's first features, as PNG."""
    shown = explanation.sort("rank").head(MOST_FEATURES).reverse()
    figure, (axes,) = plots.canvas(6.4, 0.7 + 0.22 * max(shown.height, 2), theme)
    axes.barh(np.arange(shown.height), shown["mean_abs_shap"].to_numpy(), color=theme.price)
    axes.set_yticks(np.arange(shown.height), shown["feature"].to_list())
    axes.set_xlabel("mean |contribution| (log-odds)", color=theme.ink, fontsize=7)
    return plots.png(figure)


def summary_chart(
    values: Floats, contributions: Floats, names: tuple[str, ...], theme: plots.Theme = plots.LIGHT
) -> bytes:
    """Contributions of each sampled bar by feature, coloured by the feature's rank; shape (rows, features).

    Most important feature on top; dots of one contribution are spread by their density. Missing values
    are drawn in the faint colour.
    """
    order = leading(contributions, MOST_FEATURES)
    figure, (axes,) = plots.canvas(7.2, 0.9 + 0.26 * max(len(order), 2), theme)
    axes.axvline(0.0, color=theme.faint, lw=1.0)
    colours = _colours(theme)
    for place, feature in enumerate(order[::-1]):
        share, own = contributions[:, feature], values[:, feature]
        at = place + 0.38 * _spread(share)
        known = ~np.isnan(own)
        axes.scatter(share[~known], at[~known], s=4, color=theme.faint, linewidths=0)
        axes.scatter(share[known], at[known], s=4, linewidths=0, color=colours(_ranks(own[known])))
    axes.set_yticks(np.arange(len(order)), [names[feature] for feature in order[::-1]])
    axes.set_xlabel("contribution to the log-odds of a rise", color=theme.ink, fontsize=7)
    return plots.png(figure)


def dependence_chart(
    values: Floats, contributions: Floats, names: tuple[str, ...], theme: plots.Theme = plots.LIGHT
) -> bytes:
    """Contribution against value of the most important features side by side, as PNG."""
    order = leading(contributions, DEPENDENCE_FEATURES)
    figure, found = plots.panels(7.2, 2.4, theme, len(order))
    for axes, feature in zip(found, order, strict=True):
        axes.axhline(0.0, color=theme.faint, lw=1.0)
        axes.scatter(values[:, feature], contributions[:, feature], s=4, color=theme.price, linewidths=0)
        axes.set_xlabel(names[feature], color=theme.ink, fontsize=7)
        axes.tick_params(labelsize=6)
    found[0].set_ylabel("contribution (log-odds)", color=theme.ink, fontsize=7)
    return plots.png(figure)


def waterfall_chart(reasons: pl.DataFrame, theme: plots.Theme = plots.LIGHT) -> bytes:
    """From the base to the score of one bar of PredictionReasons, largest reason on top, as PNG."""
    rows = reasons.sort("rank", descending=True)
    steps = rows["contribution"].to_numpy()
    base, score = float(rows["base"][0]), float(rows["log_odds"][0])
    ends = base + np.cumsum(steps)
    figure, (axes,) = plots.canvas(7.2, 0.9 + 0.28 * rows.height, theme)
    at = np.arange(rows.height)
    axes.barh(at, steps, left=ends - steps, color=np.where(steps >= 0, theme.buy, theme.sell))
    axes.vlines(ends[:-1], at[:-1], at[1:], color=theme.faint, lw=0.8)
    axes.axvline(base, color=theme.faint, lw=1.0, ls=":")
    axes.axvline(score, color=theme.ink, lw=1.0, ls=":")
    axes.set_yticks(at, [_reason(row) for row in rows.iter_rows(named=True)])
    axes.set_xlabel(f"log-odds from base {base:+.3f} to score {score:+.3f}", color=theme.ink, fontsize=7)
    return plots.png(figure)


def leading(contributions: Floats, most: int) -> NDArray[np.int64]:
    """Columns of the most important features, most important first, without those that add nothing."""
    strength = np.abs(contributions).mean(axis=0)
    order = np.argsort(-strength, kind="stable")[:most]
    return np.asarray(order[strength[order] > 0], dtype=np.int64)


def _reason(row: dict[str, object]) -> str:
    value = row["value"]
    said = "" if value is None else f" = {value:.4g}"
    return f"{row['feature']}{said}  {row['contribution']:+.3f}"


def _ranks(values: Floats) -> Floats:
    """Position of each value between the 5 % and the 95 % quantile, in [0, 1]; 0.5 where none differ."""
    if not values.size:
        return values
    low, high = np.quantile(values, [LOW, HIGH])
    if high <= low:
        return np.full(len(values), 0.5)
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0), dtype=np.float64)


def _spread(share: Floats) -> Floats:
    """Offsets in [-1, 1] that part dots of one contribution: wide where many stand, no chance involved."""
    width = float(share.max() - share.min())
    bins = np.floor((share - share.min()) / width * 60.0) if width > 0 else np.zeros(len(share))
    offsets = np.zeros(len(share))
    most = max(int(np.unique(bins, return_counts=True)[1].max()), 1)
    for own in np.unique(bins):
        members = np.flatnonzero(bins == own)
        half = len(members) / most
        offsets[members] = np.linspace(-half, half, len(members)) if len(members) > 1 else 0.0
    return offsets


def _colours(theme: plots.Theme) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("values", [theme.price, theme.fill, theme.sell])
