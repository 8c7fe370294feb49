"""Small plots as PNG bytes, for materialization metadata and the page of hit rates.

matplotlib is imported here, lazily, and drawn through ``Figure`` objects alone: no pyplot state, no
display. The same input gives the same bytes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 100


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one chart; they keep their contrast on the theme's own ground."""

    ground: str
    ink: str
    faint: str
    price: str
    buy: str
    sell: str
    fill: str


LIGHT = Theme("#ffffff", "#1b1f24", "#c9d1d9", "#30526b", "#0b6e4f", "#b3261e", "#5b21b6")
DARK = Theme("#14181d", "#e6e9ec", "#3a424b", "#9cc3e0", "#4fd1a5", "#ff8a80", "#c4a7ff")


def price_sparkline(bars: pl.DataFrame, theme: Theme = LIGHT) -> bytes:
    """Close above volume, small: for the metadata of a ``bars`` partition."""
    figure, (axes, volume) = canvas(4.8, 1.8, theme, rows=2, ratios=(3, 1))
    times = bars["known_at"].to_numpy()
    axes.plot(times, bars["close"].to_numpy(), color=theme.price, lw=1.0)
    volume.fill_between(times, 0.0, bars["volume"].to_numpy(), color=theme.price, lw=0, step="pre")
    volume.tick_params(labelsize=6)
    axes.tick_params(labelsize=6)
    return png(figure)


def known_sketch(items: pl.DataFrame, theme: Theme = LIGHT) -> bytes:
    """Events of a session's chart by price: dots where they happened, rings where they were known."""
    events = items.filter(pl.col("layer") == "event")
    figure, (axes,) = canvas(7.2, 2.6, theme, rows=1)
    level, opened = events["drawn"].to_numpy(), events["event_ts"].to_numpy()
    known = events["known_at"].to_numpy()
    axes.hlines(level, opened, known, color=theme.faint, lw=0.6)
    axes.scatter(opened, level, s=3, color=theme.price, label="happened")
    axes.scatter(known, level, s=7, facecolors="none", edgecolors=theme.fill, linewidths=0.5, label="known")
    # a fixed place: looking for the best one takes long, and how long decides whether matplotlib warns
    axes.legend(loc="upper left", fontsize=7, frameon=False, labelcolor=theme.ink)
    axes.tick_params(labelsize=6)
    return png(figure)


def histogram(values: Sequence[float] | pl.Series, label: str, theme: Theme = LIGHT) -> bytes:
    """Distribution of a column's finite values, small; ``label`` names the quantity and its unit."""
    found = np.asarray(pl.Series(values).cast(pl.Float64).drop_nulls(), dtype=np.float64)
    found = found[np.isfinite(found)]
    figure, (axes,) = canvas(4.8, 1.8, theme)
    if found.size:
        axes.hist(found, bins=min(40, max(5, int(np.sqrt(found.size)))), color=theme.price)
    axes.set_xlabel(f"{label} (n = {found.size})", color=theme.ink, fontsize=7)
    axes.tick_params(labelsize=6)
    return png(figure)


def markdown_image(png: bytes, alternative: str) -> str:
    """A PNG as a Markdown image with its text alternative, for Dagster's metadata."""
    text = alternative.replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"![{text}]({data_address(png)})"


def data_address(png: bytes) -> str:
    """``data:`` address of a PNG."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def canvas(
    width: float, height: float, theme: Theme, rows: int = 1, ratios: tuple[int, ...] = (1,)
) -> tuple[Figure, list[Axes]]:
    """Figure in a theme\'s colours with axes one above the other; several share a time axis."""
    from matplotlib import dates
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor=theme.ground, layout="constrained")
    grid: Any = figure.subplots(rows, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": ratios})
    found: list[Axes] = [row[0] for row in grid]
    for axes in found:
        style(axes, theme)
    if rows > 1:
        untyped: Any = dates
        locator = untyped.AutoDateLocator()
        found[-1].xaxis.set_major_locator(locator)
        found[-1].xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))
    return figure, found


def panels(width: float, height: float, theme: Theme, columns: int) -> tuple[Figure, list[Axes]]:
    """Figure in a theme's colours with axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor=theme.ground, layout="constrained")
    grid: Any = figure.subplots(1, columns, squeeze=False)
    found: list[Axes] = list(grid[0])
    for axes in found:
        style(axes, theme)
    return figure, found


def style(axes: Axes, theme: Theme) -> None:
    """Ground, ticks and spines in a theme's colours."""
    axes.set_facecolor(theme.ground)
    axes.tick_params(colors=theme.ink, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)


def png(figure: Figure) -> bytes:
    """PNG bytes of a figure: the same drawing gives the same bytes."""
    buffer = io.BytesIO()
    # Without the Software tag the bytes depend on the drawing alone.
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor(), metadata={"Software": None})
    return buffer.getvalue()
