"""What events were worth, as a picture and a page: measured edges with their intervals, words first."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

import numpy as np
import polars as pl

from zanzibar_assets.reporting import plots

TEMPLATE = Path(__file__).with_name("page.html")
MOST_KINDS = 24


def page_name(instrument: str) -> str:
    """File name of an instrument's page within the reports folder."""
    return f"hit_rates-{instrument}.html"


def sentence(rates: pl.DataFrame) -> str:
    """The finding in one sentence."""
    if rates.is_empty():
        return "No event with a direction was followed by bars yet: nothing was measured."
    looked_at = int(rates["looked_at"][0])
    if not looked_at:
        return "No kind of event occurred often enough to be tested."
    found = rates.filter(pl.col("verdict").is_in(["follows", "reverses"])).height
    said = f"{looked_at} tests were made; {found or 'none'} of them"
    said += " stand" if found != 1 else " stands"
    return f"{said} after allowing for that many looks (false discovery rate 5 %)."


def edge_chart(
    rates: pl.DataFrame, horizon_minutes: int, title: str, theme: plots.Theme = plots.LIGHT
) -> bytes:
    """Edge of each kind over matched times at one horizon with 95 % intervals, as PNG."""
    shown = (
        rates.filter(
            (pl.col("phase") == "all")
            & (pl.col("horizon_minutes") == horizon_minutes)
            & pl.col("ci_low").is_not_null()
        )
        .sort("events", descending=True, maintain_order=True)
        .head(MOST_KINDS)
        .sort("edge_sigma", maintain_order=True)
    )
    figure, (axes,) = plots.canvas(7.2, 1.4 + 0.26 * max(shown.height, 2), theme)
    axes.set_title(title, loc="left", color=theme.ink, fontsize=10)
    axes.axvline(0.0, color=theme.faint, lw=1.0)
    at = np.arange(shown.height)
    edge, low, high = (shown[name].to_numpy() for name in ("edge_sigma", "ci_low", "ci_high"))
    colours = [
        {"follows": theme.buy, "reverses": theme.sell}.get(verdict, theme.price)
        for verdict in shown["verdict"]
    ]
    axes.hlines(at, low, high, colors=colours, lw=1.6)
    axes.scatter(edge, at, color=colours, s=18, zorder=3)
    names = [f"{r['kind']} {_bar(r['timeframe_seconds'])} (n={r['events']:,})" for r in shown.to_dicts()]
    axes.set_yticks(at, names)
    axes.set_xlabel(
        f"mean move in the event's direction after {horizon_minutes} minutes beyond matched times "
        "(in volatility at entry), 95 % interval",
        color=theme.ink,
        fontsize=7,
    )
    return plots.png(figure)


def render_hit_rates(rates: pl.DataFrame, instrument: str, *, simulated: bool) -> str:
    """HTML page of an instrument's EventHitRates."""
    label = '<span class="label">SIMULATED market data</span>' if simulated else ""
    parts = [_figure(rates, instrument, minutes) for minutes in sorted(rates["horizon_minutes"].unique())]
    through = rates["measured_through"][0] if rates.height else "no session"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=f"{escape(instrument)}: what followed events, through {escape(str(through))}",
        document="report of event worth",
        verdict=escape(sentence(rates)),
        labels=label,
        contents=escape(
            "An event is entered at the open of the first bar after it was known. Matched times are all bars "
            "of the same part of the session. Intervals allow for events of one session moving together."
        ),
        sections="\n".join([*parts, _table(rates)]),
    )


def _figure(rates: pl.DataFrame, instrument: str, minutes: int) -> str:
    title = f"{instrument}, {minutes} minutes later"
    light, dark = (
        plots.data_address(edge_chart(rates, minutes, title, theme)) for theme in (plots.LIGHT, plots.DARK)
    )
    caption = (
        "Right of zero: price went the event's way more than at matched times. "
        f"The {MOST_KINDS} commonest kinds that could be tested."
    )
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="Edges of event kinds, {escape(title)}"></picture>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(rates: pl.DataFrame) -> str:
    heads = (
        "kind", "bars", "phase", "minutes", "events", "sessions", "hit %", "matched %", "edge (sigma)",
        "95 % interval", "edge (ticks)", "p adjusted", "verdict",
    )  # fmt: skip
    rows = "\n".join(f"<tr>{_cells(row)}</tr>" for row in rates.to_dicts())
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f"<details><summary>All {rates.height} rows</summary><div class='wide'>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _cells(row: dict[str, object]) -> str:
    interval = "" if row["ci_low"] is None else f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"
    adjusted = "" if row["p_adjusted"] is None else f"{row['p_adjusted']:.3g}"
    numbers = (
        f"{row['horizon_minutes']}", f"{row['events']:,}", f"{row['sessions']:,}",
        f"{100 * float(str(row['hit_rate'])):.1f}", f"{100 * float(str(row['hit_rate_matched'])):.1f}",
        f"{row['edge_sigma']:.3f}", interval, f"{row['edge_ticks']:.2f}", adjusted,
    )  # fmt: skip
    seconds = int(str(row["timeframe_seconds"]))
    words = (str(row["kind"]), _bar(seconds), str(row["phase"]))
    return (
        "".join(f"<td>{escape(word)}</td>" for word in words)
        + "".join(f'<td class="number">{number}</td>' for number in numbers)
        + f"<td>{escape(str(row['verdict']))}</td>"
    )


def _bar(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
