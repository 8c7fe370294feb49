"""The page of one session: HTML, light and dark, a sentence under each chart.

The same inputs as the report's rows; the charts are pages beside it, nothing is loaded from elsewhere
and every text from outside is escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import polars as pl

from zanzibar_assets.reporting.chart_page import traded_page_name
from zanzibar_assets.reporting.labels import DIRECTION, MODEL_WORDS, because, fate, marks
from zanzibar_assets.reporting.session import SessionInputs, market_sentence, report_lines, verdict

TEMPLATE = Path(__file__).with_name("page.html")
Column = tuple[str, bool]
"""Heading of a table's column and whether it holds numbers."""


def render_page(inputs: SessionInputs) -> str:
    """HTML of a session's page."""
    sections = {
        "Market": _market(inputs),
        "Can the data be trusted": _lines(inputs, ("trust",), "Nothing is known of the data's completeness."),
        "Signals": _signals(inputs.signals),
        "Orders": _orders(inputs.orders),
        "Fills": _fills(inputs.fills),
        "Account": _lines(inputs, ("account", "performance"), "The account was not touched."),
        "Models and risk": _models(inputs),
        "Narratives": _lines(inputs, ("narratives", "narrative scores"), "No narrative for this session."),
        "Checks": _lines(inputs, ("checks",), "No checks are recorded."),
    }
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        title=f"Session {escape(inputs.session)}",
        document="session report",
        verdict=escape(verdict(inputs)),
        labels=_labels(inputs),
        contents=" · ".join(f'<a href="#{_anchor(name)}">{name}</a>' for name in sections),
        sections="\n".join(_section(name, body) for name, body in sections.items()),
    )


def _section(name: str, body: str) -> str:
    anchor = _anchor(name)
    return f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{name}</h2>\n{body}</section>'


def _labels(inputs: SessionInputs) -> str:
    found = ["SIMULATED market data"] if inputs.simulated_data else []
    found += ["SIMULATED account"] if inputs.orders.height and bool(inputs.orders["simulated"].all()) else []
    found += ["UNAPPROVED model traded"] if inputs.orders.filter(~inputs.orders["approved"]).height else []
    return " ".join(f'<span class="label">{escape(text)}</span>' for text in found)


def _market(inputs: SessionInputs) -> str:
    parts = [_chart(inputs, name) for name in sorted(inputs.bars)]
    parts += [f"<p>Left out: {escape(text)}</p>" for text in inputs.left_out]
    return "\n".join(parts) or "<p>No market data in this session.</p>"


def _chart(inputs: SessionInputs, instrument: str) -> str:
    """The instrument's interactive chart in a frame, with its sentence as the text alternative."""
    bars = inputs.bars[instrument]
    sentence = market_sentence(instrument, bars)
    if bars.is_empty():
        return f"<p>{escape(sentence)}</p>"
    if instrument not in inputs.charts:
        return f"<p>{escape(sentence)} It has no chart: session_chart was not built for it.</p>"
    kept = _own(inputs.signals, instrument).filter(pl.col("status") == "kept").height
    deals = _own(inputs.fills, instrument).height
    sentence += (
        f" {kept} kept signals and {deals} deals are marked where they became known;"
        " deals stand on the market's price then, since the traded symbol has its own price."
    )
    name = escape(Path(traded_page_name(instrument, inputs.session)).name)
    title = escape(f"Chart of {instrument}, session {inputs.session}")
    return (
        f'<figure><iframe src="{name}" title="{title}" loading="lazy"></iframe>'
        f'<figcaption>{escape(sentence)} <a href="{name}">Open the chart by itself</a></figcaption></figure>'
    )


def _own(frame: pl.DataFrame, instrument: str) -> pl.DataFrame:
    return frame.filter(pl.col("instrument") == instrument)


def _signals(frame: pl.DataFrame) -> str:
    """Kept signals in the open, dropped ones folded beneath the reasons that dropped them."""
    if frame.is_empty():
        return "<p>No signals in this session.</p>"
    kept = frame.filter(frame["status"] == "kept")
    dropped = frame.filter(frame["status"] == "dropped")
    parts = [_signal_table("Kept signals", kept, "No signal was kept.")]
    if dropped.height:
        counts = Counter(dropped["reason"].to_list()).most_common(3)
        common = "; ".join(f"{count} × {reason}" for reason, count in counts)
        table = _signal_table("Dropped signals, each with its reason", dropped, "")
        parts.append(
            f"<details><summary>{dropped.height} dropped, mostly: {escape(common)}</summary>{table}</details>"
        )
    return "\n".join(parts)


def _signal_table(caption: str, frame: pl.DataFrame, without: str) -> str:
    columns = [
        ("Known (UTC)", False), ("Instrument", False), ("Side", False), ("Entry", True), ("Stop away", True),
        ("Target away", True), ("Risk %", True), ("From", False), ("Fate and reason", False),
        ("Labels", False),
    ]  # fmt: skip
    rows = [
        [
            f"{row['known_at']:%H:%M:%S}", row["instrument"], DIRECTION[row["dir"]], _number(row["entry"]),
            _number(row["stop_distance"]), _number(row["target_distance"]), _number(row["risk_pct"]),
            "rules" if row["source"] == "poi" else f"model {row['model_id'][:8]}",
            fate(row) + because(row), marks(row),
        ]
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip
    return _table(
        "Every candidate of the session with its fate", columns, rows, "No signals in this session."
    )


def _orders(frame: pl.DataFrame) -> str:
    columns = [
        ("Decided (UTC)", False), ("Symbol", False), ("Side", False), ("Lots", True), ("Fill", True),
        ("Stop", True), ("Target", True), ("State", False), ("Reason", False), ("Labels", False),
    ]  # fmt: skip
    rows = [
        [
            f"{row['decided_at']:%H:%M:%S}", row["mt5_symbol"], DIRECTION[row["dir"]],
            _number(row["volume_lots"]), _number(row["fill_price"]), _number(row["sl"]), _number(row["tp"]),
            row["state"] + (f" by {row['gate']}" if row["gate"] else ""), row["reason"], marks(row),
        ]
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip
    return _table("Order intents, sent or stopped by a gate", columns, rows, "No order was decided.")


def _fills(frame: pl.DataFrame) -> str:
    columns = [
        ("Deal", True), ("Time (UTC)", False), ("Symbol", False), ("Side", False), ("Entry", False),
        ("Lots", True), ("Price", True), ("Profit", True), ("Costs", True), ("Closed by", False),
        ("Labels", False),
    ]  # fmt: skip
    rows = [
        [
            str(row["deal_ticket"]), f"{row['time_utc']:%H:%M:%S}", row["mt5_symbol"], row["side"],
            row["entry"], _number(row["volume_lots"]), _number(row["price"]), f"{row['profit']:+,.2f}",
            f"{row['commission'] + row['swap'] + row['fee']:+,.2f}", row["exit_reason"], marks(row),
        ]
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip
    return _table("Deals as the terminal reports them", columns, rows, "No deal was made.")


def _models(inputs: SessionInputs) -> str:
    parts = [_lines(inputs, ("models", "risk"), "No model and no risk parameters for this session.")]
    columns = [("Measure", False), ("Value", True), ("Threshold", True), ("Passed", False), ("Detail", False)]
    for instrument in sorted(inputs.validation):
        frame = inputs.validation[instrument]
        if frame.is_empty():
            continue
        rows = [
            [
                row["metric"], _number(row["value"], 4), _number(row["threshold"], 4),
                {True: "yes", False: "no", None: "-"}[row["passed"]], row["detail"],
            ]
            for row in frame.iter_rows(named=True)
        ]  # fmt: skip
        title = f"{instrument}: {MODEL_WORDS[frame['verdict'][0]]}"
        table = _table(f"Validation of {instrument}", columns, rows, "")
        parts.append(f"<details><summary>{escape(title)}: the measures</summary>{table}</details>")
    return "\n".join(parts)


def _lines(inputs: SessionInputs, sections: Sequence[str], without: str) -> str:
    """Lines of the report's sections as a list; the sentence ``without`` when there are none."""
    found = [(item, value) for section, item, value in report_lines(inputs) if section in sections]
    if not found:
        return f"<p>{escape(without)}</p>"
    items = "".join(f"<li><strong>{escape(item)}</strong>: {escape(value)}</li>" for item, value in found)
    return f"<ul>{items}</ul>"


def _table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], without: str) -> str:
    if not rows:
        return f"<p>{escape(without)}</p>"
    kinds = [_cell_class(name, numeric) for name, numeric in columns]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>' for (name, _), kind in zip(columns, kinds, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{escape(cell)}</td>" for cell, k in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell_class(name: str, numeric: bool) -> str:
    """Numbers stand right; sentences get the width that they need to be read."""
    if numeric:
        return ' class="number"'
    return ' class="words"' if "reason" in name.lower() else ""


def _number(value: Any, digits: int = 2) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def write_page(html: str, path: Path) -> None:
    """Write a page atomically; the folder is made when it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(html, encoding="utf-8")
    temporary.replace(path)
