"""The list of what is in the reports folder: sessions with their report and charts, then the rest."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from string import Template

from zanzibar_assets.reporting.chart_page import shared_name

CHART = re.compile(r"^session_chart-([A-Z][A-Z0-9_]*)-(\d{4}-\d{2}-\d{2})\.html$")
HIT_RATES = re.compile(r"^hit_rates-([A-Z][A-Z0-9_]*)\.html$")
MODEL = re.compile(r"^model-([A-Z][A-Z0-9_]*)\.html$")
SESSION = re.compile(r"^\d{4}-\d{2}-\d{2}$")
PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Reports - Zanzibar</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="$style">
</head>
<body>
<main>
<p class="soft">Zanzibar</p>
<h1>Charts and reports</h1>
$body
</main>
</body>
</html>
"""
)


def render_index(reports: Path) -> str:
    """HTML of the list, latest session first; a folder that is not there has none."""
    names = sorted(path.name for path in reports.iterdir()) if reports.is_dir() else []
    charts: dict[str, list[str]] = {}
    for name in names:
        if found := CHART.match(name):
            charts.setdefault(found[2], []).append(found[1])
        elif SESSION.match(name) and (reports / name / "index.html").is_file():
            charts.setdefault(name, [])
    rows = [_row(reports, session, charts[session]) for session in sorted(charts, reverse=True)]
    worth = [found[1] for name in names if (found := HIT_RATES.match(name))]
    body = [_table(rows) if rows else "<p>No chart and no report was made yet.</p>"]
    if worth:
        links = ", ".join(f'<a href="hit_rates-{name}.html">{name}</a>' for name in worth)
        body.append(f"<p>What events were worth: {links}</p>")
    models = [found[1] for name in names if (found := MODEL.match(name))]
    if models:
        links = ", ".join(f'<a href="model-{name}.html">{name}</a>' for name in models)
        body.append(f"<p>Models and what they proved: {links}</p>")
    return PAGE.substitute(style=shared_name("chart.css"), body="\n".join(body))


def _table(rows: list[str]) -> str:
    return (
        "<table><caption>Latest session first</caption><thead><tr>"
        '<th scope="col">Session</th><th scope="col">Report</th><th scope="col">Charts</th>'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _row(reports: Path, session: str, instruments: list[str]) -> str:
    there = (reports / session / "index.html").is_file()
    report = f'<a href="{session}/index.html">report</a>' if there else "not traded"
    charts = ", ".join(f'<a href="session_chart-{i}-{session}.html">{escape(i)}</a>' for i in instruments)
    return f'<tr><th scope="row">{session}</th><td>{report}</td><td>{charts or "none"}</td></tr>'
