"""The interactive page of a session's chart: a small page, its data, and scripts written once.

Nothing is loaded from elsewhere: plotly and the page's own script and style stand once in the reports
folder under names that hold their version, and every page refers to them. No page holds a script
of its own, so that the server can forbid inline scripts altogether.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from string import Template

from zanzibar_assets.errors import ConfigError

ASSETS = Path(__file__).with_name("chart_assets")
SHARED = ("chart_rules.js", "chart.js", "chart.css")


def page_name(instrument: str, session: str) -> str:
    """File name of a market chart within the reports folder."""
    return f"session_chart-{instrument}-{session}.html"


def data_name(instrument: str, session: str) -> str:
    """File name of a chart's data within the reports folder."""
    return f"session_chart-{instrument}-{session}.data.js"


def traded_page_name(instrument: str, session: str) -> str:
    """Path within the reports folder of the same chart with the account's signals and deals."""
    return f"{session}/chart-{instrument}.html"


def deals_name(instrument: str) -> str:
    """File name, beside its page, of what the account did."""
    return f"chart-{instrument}.deals.js"


def render_page(
    instrument: str,
    session: str,
    sentence: str,
    *,
    simulated: bool,
    own_scripts: Sequence[str],
    root: str = "./",
) -> str:
    """HTML of a chart's page; ``own_scripts`` hold its data, ``root`` leads to the reports folder."""
    own = [f"{root}{shared_name(name)}" for name in ("chart_rules.js", "chart.js")]
    scripts = [f"{root}{plotly_name()}", *own_scripts, *own]
    label = '<span class="label">SIMULATED market data</span>' if simulated else ""
    return Template((ASSETS / "chart.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{instrument}, session {session}"),
        sentence=escape(sentence),
        labels=label,
        root=root,
        style=shared_name("chart.css"),
        scripts="\n".join(f'<script src="{escape(name)}"></script>' for name in scripts),
    )


def write_shared(reports: Path) -> None:
    """Write plotly and the pages' own script and style when this version of them is not there."""
    sources = {plotly_name(): _plotly_file(), **{shared_name(name): ASSETS / name for name in SHARED}}
    for name, source in sources.items():
        target = reports / name
        if not (target.exists() and target.stat().st_size == source.stat().st_size):
            write_bytes(source.read_bytes(), target)


def write_chart(html: str, data: str, reports: Path, instrument: str, session: str) -> None:
    """Write a market chart: its data first, so that no page stands without them."""
    write_shared(reports)
    write_bytes(data.encode("ascii"), reports / data_name(instrument, session))
    write_bytes(html.encode("utf-8"), reports / page_name(instrument, session))


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file atomically; the folder is made when it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    temporary.write_bytes(content)
    temporary.replace(path)


@cache
def shared_name(name: str) -> str:
    """Name of an own script or style that changes with its text: older pages keep theirs."""
    digest = hashlib.blake2b((ASSETS / name).read_bytes(), digest_size=4).hexdigest()
    stem, suffix = name.rsplit(".", 1)
    return f"{stem}-{digest}.{suffix}"


@cache
def plotly_name() -> str:
    """Name of plotly's script, with the version of the package that it comes from."""
    return f"plotly-{version('plotly')}.min.js"


def _plotly_file() -> Path:
    """The script that the plotly package ships, found without importing the package."""
    spec = find_spec("plotly")
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    for place in places:
        found = Path(place) / "package_data" / "plotly.min.js"
        if found.is_file():
            return found
    raise ConfigError(
        "plotly's script is not installed",
        expected="the plotly package with package_data/plotly.min.js",
        action="pip install -c constraints.txt -e .",
    )
