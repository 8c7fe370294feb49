"""What events were worth, as a picture and a page: measured edges with their intervals, words first."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

import numpy as np
import polars as pl

from zanzibar_assets.analysis.hit_rates import LEAST_EVENTS, LEAST_SESSIONS
from zanzibar_assets.reporting import plots

TEMPLATE = Path(__file__).with_name("page.html")
MOST_KINDS = 24
INTERVALS = (
    "Intervals allow for events of one session moving together: that of an edge is Student's with an error "
    "clustered by session, that of a hit rate Wilson's with as many events as that error leaves independent."
)


def page_name(instrument: str) -> str:
    """File name of an instrument's page within the reports folder."""
    return f"hit_rates-{instrument}.html"


def sentence(rates: pl.DataFrame) -> str:
    """The finding in one sentence."""
    if rates.is_empty():
        return "No event with a direction was followed by bars yet: nothing was measured."
    looked_at = int(rates["looked_at"][0])
    if not looked_at:
        events, sessions = (int(str(rates[name].max())) for name in ("events", "sessions"))
        return (
            f"Nothing could be tested: a kind needs at least {LEAST_EVENTS} events in at least "
            f"{LEAST_SESSIONS} sessions, and the most there were of one are {events:,} events in "
            f"{sessions} session{'s' if sessions != 1 else ''}."
        )
    found = rates.filter(pl.col("verdict").is_in(["follows", "reverses"])).height
    said = f"{looked_at} tests were made; {found or 'none'} of them"
    said += " stand" if found != 1 else " stands"
    return f"{said} after allowing for that many looks (false discovery rate 5 %)."


def correction(looked_at: int) -> str:
    """What was done to p-values since so many tests were made, in words; nothing when none was."""
    if not looked_at:
        return ""
    harmonic = sum(1.0 / n for n in range(1, looked_at + 1))
    return (
        f"Adjusted p-values hold the false discovery rate over all {looked_at:,} tests of this page by the "
        "correction of Benjamini and Yekutieli, which allows for tests that depend on each other: the "
        f"smallest p-value is multiplied by {looked_at:,} x (1 + 1/2 + ... + 1/{looked_at:,}) = "
        f"{looked_at * harmonic:,.0f}, the next by half of that and so on. So a p of .0006 that is the "
        f"smallest becomes {min(1.0, 0.0006 * looked_at * harmonic):.2g}: among that many looks chance "
        "alone shows small ones."
    )


def tested(rates: pl.DataFrame, horizon_minutes: int) -> pl.DataFrame:
    """Rows of whole sessions at a horizon that were tested, the commonest first."""
    own = (pl.col("phase") == "all") & (pl.col("horizon_minutes") == horizon_minutes)
    found = rates.filter(own & pl.col("ci_low").is_not_null())
    return found.sort("events", descending=True, maintain_order=True)


def edge_chart(
    rates: pl.DataFrame, horizon_minutes: int, title: str, theme: plots.Theme = plots.LIGHT
) -> bytes:
    """Edge of each kind over matched times at one horizon with 95 % intervals, as PNG.

    Where nothing was tested the picture says so and has no axes.
    """
    shown = tested(rates, horizon_minutes).head(MOST_KINDS).sort("edge_sigma", maintain_order=True)
    if shown.is_empty():
        return _words("no kind of event was tested: too few events or sessions", theme)
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
        f"mean move in the event's direction after {horizon_minutes} minutes beyond\n"
        "matched times (in volatility at entry) with its 95 % interval",
        color=theme.ink,
        fontsize=7,
    )
    return plots.png(figure)


def _words(text: str, theme: plots.Theme) -> bytes:
    figure, (axes,) = plots.canvas(7.2, 0.5, theme)
    axes.set_axis_off()
    axes.text(0.0, 0.5, text, color=theme.ink, fontsize=9, va="center")
    return plots.png(figure)


def render_hit_rates(rates: pl.DataFrame, instrument: str, *, simulated: bool) -> str:
    """HTML page of an instrument's EventHitRates."""
    label = '<span class="label">SIMULATED market data</span>' if simulated else ""
    parts = [_figure(rates, instrument, minutes) for minutes in sorted(rates["horizon_minutes"].unique())]
    through = rates["measured_through"][0] if rates.height else "no session"
    how = [INTERVALS, correction(int(rates["looked_at"][0]))] if any(parts) else []
    notes = [f'<p class="soft">{escape(text)}</p>' for text in how if text]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=f"{escape(instrument)}: what followed events, through {escape(str(through))}",
        document="report of event worth",
        verdict=escape(sentence(rates)),
        labels=label,
        contents=escape(
            "An event is entered at the open of the first bar after it was known. Matched times are all bars "
            "of the same part of the session."
        ),
        sections="\n".join([*parts, *notes, *_table(rates)]),
    )


def _figure(rates: pl.DataFrame, instrument: str, minutes: int) -> str:
    """Plot of a horizon; where another one was tested but not this, a sentence; else nothing."""
    count = tested(rates, minutes).height
    if not count:
        said = f"{minutes} minutes later: no kind of event occurred often enough to be tested."
        return f"<p>{said}</p>" if rates["ci_low"].count() else ""
    title = f"{instrument}, {minutes} minutes later"
    light, dark = (
        plots.data_address(edge_chart(rates, minutes, title, theme)) for theme in (plots.LIGHT, plots.DARK)
    )
    caption = "Right of zero: price went the event's way more than at matched times. " + (
        f"The {MOST_KINDS} commonest of {count} kinds and bar lengths that could be tested."
        if count > MOST_KINDS
        else f"All {count} kinds and bar lengths that could be tested."
    )
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="Edges of event kinds, {escape(title)}"></picture>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(rates: pl.DataFrame) -> list[str]:
    """The rows behind the page, folded; nothing when there is none."""
    if rates.is_empty():
        return []
    heads = (
        "kind", "bars", "phase", "minutes", "events", "sessions", "hit %", "95 % interval", "matched %",
        "edge (sigma)", "95 % interval", "edge (ticks)", "p", "p adjusted", "verdict",
    )  # fmt: skip
    rows = "\n".join(f"<tr>{_cells(row)}</tr>" for row in rates.to_dicts())
    head = "".join(f"<th>{name}</th>" for name in heads)
    return [
        f"<details><summary>All {rates.height:,} rows</summary><div class='wide'>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    ]


def _cells(row: dict[str, object]) -> str:
    interval = "" if row["ci_low"] is None else f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"
    plain = "" if row["p_value"] is None else f"{row['p_value']:.3g}"
    rate = "" if row["hit_rate_low"] is None else _percent(row, "hit_rate_low", "hit_rate_high")
    adjusted = "" if row["p_adjusted"] is None else f"{row['p_adjusted']:.3g}"
    numbers = (
        f"{row['horizon_minutes']}", f"{row['events']:,}", f"{row['sessions']:,}",
        _percent(row, "hit_rate"), rate, _percent(row, "hit_rate_matched"),
        f"{row['edge_sigma']:.3f}", interval, f"{row['edge_ticks']:.2f}", plain, adjusted,
    )  # fmt: skip
    seconds = int(str(row["timeframe_seconds"]))
    words = (str(row["kind"]), _bar(seconds), str(row["phase"]))
    return (
        "".join(f"<td>{escape(word)}</td>" for word in words)
        + "".join(f'<td class="number">{number}</td>' for number in numbers)
        + f"<td>{escape(str(row['verdict']))}</td>"
    )


def _percent(row: dict[str, object], *names: str) -> str:
    return " to ".join(f"{100 * float(str(row[name])):.1f}" for name in names)


def _bar(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
