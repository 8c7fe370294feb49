"""A real browser draws the chart: no errors, marks where the rows say, and the past as it was known."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess

import pytest

from zanzibar_assets.calendars import session_window
from zanzibar_assets.commands._reports_server import serving
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.chart_build import build_chart
from zanzibar_assets.reporting.chart_page import page_name, write_chart
from zanzibar_assets.reporting.session import market_sentence
from zanzibar_assets_tests.reporting import chart_frames as made
from zanzibar_assets_tests.reporting import frames

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
BROWSER = os.environ.get("ZANZIBAR_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on the path: the chart was not drawn")

ES = load_instruments()["ES"]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
    "--virtual-time-budget=20000", "--enable-logging=stderr", "--window-size=1400,1000", "--dump-dom",
)  # fmt: skip
FIRST = "window.problems = []; window.addEventListener('error', e => problems.push(String(e.message)));\n"
LOOK = """
const chart = document.getElementById("chart"), slider = document.getElementById("asof");
const seen = () => chart.data.map(t => ({
  name: t.name, key: t.meta ? t.meta.key : null, rows: t.meta ? t.meta.rows : null,
  x: Array.from(t.x), y: Array.from(t.y || []),
}));
const until = holds => new Promise(done => {
  const look = () => { if (holds()) done(); else setTimeout(look, 50); };
  look();
});
const labels = () => [...document.querySelectorAll("#layers label")];
const said = () => ({
  sentence: document.getElementById("sentence").textContent,
  aria: chart.getAttribute("aria-label"),
  counts: Object.fromEntries(labels().filter(l => !l.hidden && l.children[3].textContent)
    .map(l => [l.children[2].textContent, Number(l.children[3].textContent)])),
  styles: Object.fromEntries([...document.querySelectorAll("#layers .glyph")]
    .map(g => [g.nextSibling.textContent, g.style.color + g.textContent])),
});
const moment = () => document.getElementById("moment").textContent;
(async () => {
  const found = {};
  await until(() => chart.dataset.ready);
  const before = chart.data.length;
  found.first = labels().filter(l => l.children[0].checked && l.children[1].className === "glyph")
    .map(l => l.children[2].textContent);
  for (const box of document.querySelectorAll("#layers input")) if (!box.checked) box.click();
  document.getElementById("score").value = "0";
  document.getElementById("score").dispatchEvent(new Event("change"));
  await until(() => chart.data.length > before);
  found.whole = seen();
  found.said_whole = said();
  slider.value = "STEP";
  slider.dispatchEvent(new Event("input"));
  await until(() => moment().includes("UTC"));
  found.past = seen();
  found.said_past = said();
  found.moment = moment();
  document.getElementById("rows").open = true;
  await until(() => document.querySelectorAll("#body tr").length);
  found.table = document.querySelectorAll("#body tr").length;
  const label = (x, y) => ({ x, y, text: "absorption" });
  const places = [label(0, 0), label(30, 5), label(100, 5), label(30, 20)];
  found.room = zanzibarRules.withRoom(places).map(l => [l.x, l.y]);
  const few = Array.from({ length: 9 }, (_, n) => ["k" + n, 2]);
  found.written = [...zanzibarRules.writable([["many", 13], ["none", 0], ["few", 12], ...few])];
  found.problems = window.problems;
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.appendChild(out);
})();
"""
STEP = 29
"""The slider's place: so many bars were known after the first."""


def draw(folder, profile, page: str) -> tuple[dict, list[str]]:
    """What a page drew, and the messages on the browser's console."""
    with serving(folder, "127.0.0.1", 0) as port:
        done = subprocess.run(
            [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", f"http://127.0.0.1:{port}/{page}"],
            capture_output=True, timeout=240, check=False,
        )  # fmt: skip
    text = done.stdout.decode()
    match = re.search(r'<pre id="found">(.*?)</pre>', text, re.DOTALL)
    assert match, text[-2_000:] + done.stderr.decode()[-2_000:]
    console = [line for line in done.stderr.decode().splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(match[1])), console


INPUTS = made.random_inputs(11)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    chart = build_chart(INPUTS, ES, session_window(ES, frames.SESSION), simulated=True)
    write_chart(chart.html, chart.data, folder, "ES", frames.SESSION)
    (folder / "first.js").write_text(FIRST)
    (folder / "look.js").write_text(LOOK.replace("STEP", str(STEP)))
    page = (folder / page_name("ES", frames.SESSION)).read_text(encoding="utf-8")
    page = page.replace("</main>", '</main><script src="./first.js"></script>')
    page = page.replace("</body>", '<script src="./look.js"></script></body>')
    (folder / "looked.html").write_text(page, encoding="utf-8")
    found, console = draw(folder, tmp_path_factory.mktemp("profile"), "looked.html")
    return chart.items, found, console


def test_the_page_loads_without_an_error_under_the_servers_policy(drawn):
    _, found, console = drawn
    assert found["problems"] == []
    assert console == []


def milliseconds(moments) -> list[float]:
    return [us / 1_000 for us in moments.dt.epoch("us").to_list()]


def check_events(items, traces) -> int:
    """Each trace's marks stand on its rows: first at the event's time, then at the known time."""
    events, known, level = (
        milliseconds(items["event_ts"]),
        milliseconds(items["known_at"]),
        items["drawn"].to_list(),
    )
    marked = 0
    for trace in traces:
        if not (trace["key"] or "").startswith("event|"):
            continue
        assert trace["x"] == [x for row in trace["rows"] for x in (events[row], known[row], None)]
        assert trace["y"] == [y for row in trace["rows"] for y in (level[row], level[row], None)]
        marked += len(trace["rows"])
    return marked


def test_marks_stand_where_the_rows_say(drawn):
    items, found, _ = drawn
    assert check_events(items, found["whole"]) == items.filter(layer="event").height > 0
    zones = [row for t in found["whole"] if (t["key"] or "").startswith("zone|") for row in t["rows"]]
    assert sorted(zones) == items.with_row_index().filter(layer="zone")["index"].to_list()
    known = milliseconds(items["known_at"])
    for trace in found["whole"]:
        if (trace["key"] or "").startswith("zone|"):
            assert [trace["x"][6 * n] for n in range(len(trace["rows"]))] == [
                known[row] for row in trace["rows"]
            ]


def test_moving_the_time_back_shows_what_was_known_then_and_nothing_else(drawn):
    items, found, _ = drawn
    cut = frames.at(STEP + 1)
    limit = milliseconds(items["known_at"].clear().extend_constant(cut, 1))[0]
    assert found["moment"].startswith(f"{cut:%Y-%m-%d %H:%M:%S} UTC")
    known = items.with_row_index().filter(items["known_at"] <= cut)
    assert check_events(items, found["past"]) == known.filter(layer="event").height > 0
    for trace in found["past"]:
        assert set(trace["rows"] or []) <= set(known["index"].to_list())
        if trace["name"] == "session VWAP" or (trace["key"] or "").startswith("zone|"):
            assert max((x for x in trace["x"] if x is not None), default=0) <= limit
    (candles,) = (t for t in found["past"] if t["name"] == "price")
    assert len(candles["x"]) == STEP + 1
    assert not [t for t in found["past"] if t["name"] in ("sold", "bought", "poc", "vah", "val")]
    assert found["table"] == min(500, known.filter(known["layer"] != "zone_end").height)


def test_the_words_above_the_chart_are_those_of_the_chosen_time(drawn):
    _, found, _ = drawn
    then = INPUTS.bars.filter(INPUTS.bars["known_at"] <= frames.at(STEP + 1))
    assert found["said_past"]["sentence"] == market_sentence("ES", then)
    assert found["said_whole"]["sentence"] == market_sentence("ES", INPUTS.bars)
    for words in (found["said_past"], found["said_whole"]):
        assert words["aria"] == words["sentence"]


def test_counts_of_layers_are_those_of_the_chosen_time(drawn):
    items, found, _ = drawn
    for said, rows in (
        (found["said_whole"], items),
        (found["said_past"], items.filter(items["known_at"] <= frames.at(STEP + 1))),
    ):
        events = rows.filter(layer="event").group_by("source", "kind").len()
        expected = {layer_name(source, kind): count for source, kind, count in events.iter_rows()}
        assert {k: n for k, n in said["counts"].items() if k in found["said_whole"]["styles"]} == expected
        assert said["counts"]["Wyckoff phases"] == rows.filter(layer="phase").height
        assert said["counts"]["POC, VAH, VAL, nodes"] == rows.filter(layer="profile").height


def layer_name(source: str, kind: str) -> str:
    """Two engines make these two kinds; their layers say which."""
    if kind not in ("level_accept", "level_sweep"):
        return kind
    return f"{kind} (tick)" if source == "orderflow_events" else f"{kind} (bar)"


def test_no_two_kinds_look_the_same_and_few_are_on_at_first(drawn):
    items, found, _ = drawn
    styles = found["said_whole"]["styles"]
    assert len(set(styles.values())) == len(styles) > 3
    counts = items.filter(layer="event").group_by("source", "kind").len()
    named = {layer_name(source, kind): count for source, kind, count in counts.iter_rows()}
    assert len(found["first"]) <= 8
    assert sum(named[name] for name in found["first"]) <= 40


def test_names_on_the_chart_do_not_cover_each_other_and_are_few(drawn):
    _, found, _ = drawn
    assert found["room"] == [[0, 0], [100, 5], [30, 20]]
    assert found["written"] == [f"k{n}" for n in range(8)]
