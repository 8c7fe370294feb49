"""Charts as PNG bytes: a session's price chart and small plots for materialization metadata.

matplotlib is imported here, lazily, and drawn through ``Figure`` objects alone: no pyplot state, no
display. The same input gives the same bytes. Marks stand where a thing became known, never earlier.
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
MOST_ZONES = 12


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


def price_chart(
    *,
    bars: pl.DataFrame,
    points_of_interest: pl.DataFrame,
    signals: pl.DataFrame,
    fills: pl.DataFrame,
    title: str,
    theme: Theme = LIGHT,
) -> bytes:
    """One instrument's session: range and close of each bar, zones, signals and deals.

    The frames follow their contracts and hold one instrument only. A zone is drawn from its
    ``known_at`` to its invalidation or the last bar; signals stand at ``known_at``; deals at their
    time on the market's close then, since the deal's own price belongs to the traded symbol.
    """
    figure, (axes, volume) = canvas(9.6, 4.6, theme, rows=2, ratios=(4, 1))
    axes.set_title(title, loc="left", color=theme.ink, fontsize=11)
    times = bars["known_at"].to_numpy()
    axes.fill_between(times, bars["low"].to_numpy(), bars["high"].to_numpy(), color=theme.faint, lw=0)
    axes.plot(times, bars["close"].to_numpy(), color=theme.price, lw=1.1, label="close, range shaded")
    if bars.height:
        _zones(axes, bars, points_of_interest, theme)
    _signals(axes, signals, theme)
    _deals(axes, bars, fills, theme)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower left", fontsize=8, frameon=False, labelcolor=theme.ink, ncols=6
    )
    width = np.timedelta64(int(bars["bar_seconds"][0]) if bars.height else 60, "s")
    volume.bar(times, bars["volume"].to_numpy(), width=width, color=theme.price, align="edge", linewidth=0)
    volume.set_ylabel("volume", color=theme.ink, fontsize=8)
    volume.set_xlabel("UTC", color=theme.ink, fontsize=8)
    return png(figure)


def price_sparkline(bars: pl.DataFrame, theme: Theme = LIGHT) -> bytes:
    """Close above volume, small: for the metadata of a ``bars`` partition."""
    figure, (axes, volume) = canvas(4.8, 1.8, theme, rows=2, ratios=(3, 1))
    times = bars["known_at"].to_numpy()
    axes.plot(times, bars["close"].to_numpy(), color=theme.price, lw=1.0)
    volume.fill_between(times, 0.0, bars["volume"].to_numpy(), color=theme.price, lw=0, step="pre")
    volume.tick_params(labelsize=6)
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
        axes.set_facecolor(theme.ground)
        axes.tick_params(colors=theme.ink, labelsize=8)
        for spine in axes.spines.values():
            spine.set_color(theme.faint)
    if rows > 1:
        untyped: Any = dates
        locator = untyped.AutoDateLocator()
        found[-1].xaxis.set_major_locator(locator)
        found[-1].xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))
    return figure, found


def _zones(axes: Axes, bars: pl.DataFrame, zones: pl.DataFrame, theme: Theme) -> None:
    """The best-scored zones as bands from the moment they were known."""
    ended = dict(zones.filter(pl.col("kind") == "poi_invalidated").select("poi_id", "known_at").iter_rows())
    last = bars["known_at"][-1]
    born = zones.filter(pl.col("kind") == "poi").sort("score", descending=True, maintain_order=True)
    for number, row in enumerate(born.head(MOST_ZONES).iter_rows(named=True)):
        colour = theme.buy if row["dir"] > 0 else theme.sell
        end = min(ended.get(row["poi_id"], last), last)
        axes.fill_between(
            [row["known_at"], end], row["lo"], row["hi"], color=colour, alpha=0.18, lw=0,
            label="zone of interest" if number == 0 else None,
        )  # fmt: skip


def _signals(axes: Axes, signals: pl.DataFrame, theme: Theme) -> None:
    kept = signals.filter(pl.col("status") == "kept")
    for direction, marker, colour, name in ((1, "^", theme.buy, "buy"), (-1, "v", theme.sell, "sell")):
        own = kept.filter(pl.col("dir") == direction)
        if own.height:
            axes.scatter(
                own["known_at"].to_numpy(), own["entry"].to_numpy(), marker=marker, s=46, color=colour,
                zorder=3, label=f"{name} signal",
            )  # fmt: skip


def _deals(axes: Axes, bars: pl.DataFrame, fills: pl.DataFrame, theme: Theme) -> None:
    if not (fills.height and bars.height):
        return
    placed = fills.sort("time_utc").join_asof(
        bars.select("known_at", "close"), left_on="time_utc", right_on="known_at", strategy="backward"
    )
    placed = placed.filter(pl.col("close").is_not_null())
    if placed.height:
        axes.scatter(
            placed["time_utc"].to_numpy(), placed["close"].to_numpy(), marker="o", s=58, zorder=4,
            facecolors="none", edgecolors=theme.fill, linewidths=1.6, label="deal",
        )  # fmt: skip


def png(figure: Figure) -> bytes:
    """PNG bytes of a figure: the same drawing gives the same bytes."""
    buffer = io.BytesIO()
    # Without the Software tag the bytes depend on the drawing alone.
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor(), metadata={"Software": None})
    return buffer.getvalue()
