"""A chart's page and data: what the rows say, the same bytes for the same input, nothing from elsewhere."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

from zanzibar_assets.analysis.kinds import KINDS
from zanzibar_assets.calendars import exchange_zone, session_window
from zanzibar_assets.errors import UsageError
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.reporting.chart_build import build_chart
from zanzibar_assets.reporting.chart_deals import deals_payload, write_traded_charts
from zanzibar_assets.reporting.chart_items import EVENT_TABLES
from zanzibar_assets.reporting.chart_page import ASSETS, page_name, plotly_name, shared_name, write_chart
from zanzibar_assets.reporting.chart_payload import MOST_PROFILE_ROWS
from zanzibar_assets.vocabulary import to_us
from zanzibar_assets_tests.reporting import chart_frames as made
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.test_page import read
from zanzibar_assets_tests.reporting.test_session import inputs as session_inputs

ES = load_instruments()["ES"]
WINDOW = session_window(ES, frames.SESSION)
HOSTILE = '</script><script>alert("x")</script><b>$title'


def chart(found, *, simulated: bool = True):
    return build_chart(found, ES, WINDOW, simulated=simulated)


def data_of(found) -> dict:
    text = chart(found).data
    assert text.isascii()
    assert text.startswith("window.zanzibarChart=")
    assert text.endswith(";\n")
    return json.loads(text.removeprefix("window.zanzibarChart=")[:-2])


def test_data_hold_every_row_at_its_times_and_prices():
    found = made.random_inputs(2)
    items, rows = data_of(found)["items"], chart(found).items
    assert len(items["t"]) == rows.height
    base = WINDOW.starts_us
    assert [base + t for t in items["t"]] == rows["event_ts"].dt.epoch("us").to_list()
    assert [base + k for k in items["k"]] == rows["known_at"].dt.epoch("us").to_list()
    for name in ("drawn_ticks", "lo_ticks", "hi_ticks", "dir"):
        assert items[name] == rows[name].to_list()
    for name in ("layer", "source", "kind"):
        assert [items["words"][name][code] for code in items[name]] == rows[name].to_list()


def test_bars_are_drawn_as_they_are_and_delta_adds_up():
    bars = frames.bars(30)
    data = data_of(made.inputs(bars=bars))["bars"]
    assert data["o"] == bars["open_ticks"].to_list()
    assert data["c"] == bars["close_ticks"].to_list()
    assert data["cvd"] == bars["delta"].cum_sum().to_list()


def test_bars_of_seconds_are_drawn_as_minute_candles():
    minutes = frames.bars(4)
    seconds = pl.concat(
        minutes.with_columns(
            event_ts=pl.col("event_ts") + pl.duration(seconds=20 * n),
            known_at=pl.col("event_ts") + pl.duration(seconds=20 * n + 20),
            bar_seconds=pl.lit(20, pl.Int32),
        )
        for n in range(3)
    ).sort("event_ts")
    data = data_of(made.inputs(bars=seconds))["bars"]
    assert data["volume"] == [3 * v for v in minutes["volume"].to_list()]
    assert data["k"] == [to_us(moment) - WINDOW.starts_us for moment in minutes["known_at"].to_list()]


def test_a_wide_profile_is_summed_and_says_so():
    rows = 5_000
    wide = made.profile(rows)
    data = data_of(made.inputs(volume_profile=wide))["profile"]
    assert data["step"] == 1 + (rows - 1) // MOST_PROFILE_ROWS
    assert len(data["p"]) <= MOST_PROFILE_ROWS + 1
    assert sum(data["ask"]) == pytest.approx(wide["ask_volume"].sum())


def test_the_same_input_gives_the_same_bytes_and_an_empty_session_a_page():
    found = made.random_inputs(4)
    assert chart(found) is not None
    assert (chart(found).html, chart(found).data) == (chart(found).html, chart(found).data)
    empty_page = chart(made.nothing())
    assert "has no bars in this session" in empty_page.html
    assert data_of(made.nothing())["items"]["t"] == []


def test_page_can_be_read_and_holds_no_script_of_its_own():
    html = chart(made.random_inputs(1)).html
    reader = read(html)
    assert reader.of("html") == [{"lang": "en"}]
    assert len(reader.of("h1")) == 1
    sources = [script["src"] for script in reader.of("script")]
    assert all(source and source.startswith("./") for source in sources)
    assert not re.search(r"<script[^>]*>[^<]", html)
    assert "SIMULATED market data" in html
    assert "SIMULATED" not in chart(made.inputs(), simulated=False).html
    labelled = {label["for"] for label in reader.of("label")}
    for tag in ("input", "select"):
        assert {control["id"] for control in reader.of(tag)} <= labelled


def test_text_from_outside_stays_text():
    event = made.event(1, "bos", 1, 2, event_id=HOSTILE, params_hash=HOSTILE)
    event["attrs"] = json.dumps({"phase": HOSTILE, "schematic": HOSTILE})
    events = {t: made.inputs().events[t] for t in EVENT_TABLES}
    found = made.inputs(
        events=events | {"wyckoff_events": made.events("wyckoff_events", [event | {"kind": "sc"}])}
    )
    built = chart(found)
    assert "alert" not in built.html
    json.loads(built.data.removeprefix("window.zanzibarChart=")[:-2])


def test_files_are_written_once_and_found_by_the_page(tmp_path):
    built = chart(made.random_inputs(1))
    write_chart(built.html, built.data, tmp_path, "ES", frames.SESSION)
    page = (tmp_path / page_name("ES", frames.SESSION)).read_text(encoding="utf-8")
    linked = [tag["src"] for tag in read(page).of("script")] + [
        tag["href"] for tag in read(page).of("link") if tag["rel"] == "stylesheet"
    ]
    assert all((tmp_path / name).is_file() for name in linked)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_chart(built.html, built.data, tmp_path, "ES", "2025-01-07")
    for name in (plotly_name(), shared_name("chart.js"), shared_name("chart.css")):
        assert (tmp_path / name).stat().st_mtime_ns == before[name]
    assert not list(tmp_path.glob("*.partial"))


def test_deals_stand_on_the_market_then_and_only_kept_signals_are_marked():
    bars = frames.bars()
    found = deals_payload(bars, frames.signals(), frames.fills())
    kept = frames.signals().filter(pl.col("status") == "kept")
    assert [signal["k"] for signal in found["signals"]] == kept["known_at"].dt.epoch("us").to_list()
    first = found["deals"][0]
    known = bars.filter(pl.col("known_at") <= frames.at(6.1))
    assert (first["t"], first["at"]) == (to_us(frames.at(6.1)), known["close"][-1])
    early = frames.fills().with_columns(time_utc=pl.lit(frames.at(-5)).cast(pl.Datetime("us", "UTC")))
    assert deals_payload(bars, frames.signals(), early)["deals"] == []


def test_report_has_a_chart_with_its_deals_beside_it(tmp_path):
    write_traded_charts(session_inputs(), tmp_path)
    page = tmp_path / frames.SESSION / "chart-SIM_ES.html"
    scripts = [tag["src"] for tag in read(page.read_text(encoding="utf-8")).of("script")]
    assert scripts[1:3] == ["../session_chart-SIM_ES-2025-01-06.data.js", "./chart-SIM_ES.deals.js"]
    written = [scripts[0], scripts[2], scripts[3]]
    assert all((page.parent / name).is_file() for name in written)


def test_zone_of_the_exchange_is_known_or_refused():
    assert exchange_zone(ES) == "America/Chicago"
    with pytest.raises(UsageError, match="no time zone"):
        exchange_zone(ES.model_copy(update={"calendar": "XNYS"}))


def test_every_kind_of_event_has_a_look_of_its_own():
    rules = (ASSETS / "chart_rules.js").read_text(encoding="utf-8")
    listed = json.loads(re.search(r"const KINDS = (\[.*?\]);", rules, re.DOTALL)[1])
    hues = {name: re.findall(r"#[0-9a-f]{6}", line) for name, line in palettes(rules).items()}
    shapes = rules.count("glyph:")
    assert len(set(listed)) == len(listed) <= len(hues["light"]) * shapes
    assert len(set(hues["light"])) == len(hues["light"]) == len(set(hues["dark"])) == len(hues["dark"])
    twice = {"level_accept", "level_sweep"}
    of_trades = {"absorption", "book_sweep", "refill", "stop_run", "poi", "poi_touch", "poi_invalidated"}
    both = {f"{kind} ({made_of})" for kind in twice for made_of in ("bar", "tick")}
    assert set(listed) == (set(KINDS) - twice) | of_trades | both


def palettes(rules: str) -> dict[str, str]:
    return {name: re.search(rf"{name}: \[(.*?)\]", rules, re.DOTALL)[1] for name in ("light", "dark")}
