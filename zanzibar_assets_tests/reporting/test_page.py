"""The page is well-formed, self-contained, labelled and safe against what stands in the data."""

from __future__ import annotations

from html.parser import HTMLParser

import polars as pl
import pytest

from zanzibar_assets.reporting.page import render_page, write_page
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.test_session import inputs, nothing

VOID = {"meta", "img", "source", "br", "link", "hr", "input"}


class Reader(HTMLParser):
    """Checks that tags nest and collects attributes and text by tag."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def html() -> str:
    return render_page(inputs())


def test_page_is_well_formed_and_self_contained(html):
    reader = read(html)
    for _, attributes in reader.found:
        for name in ("src", "srcset", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "chart-SIM_ES.html"
    assert not reader.of("script")
    assert not reader.of("link")
    assert "@import" not in html
    assert "url(" not in html


def test_page_can_be_read_without_seeing_it(html):
    reader = read(html)
    assert reader.of("html") == [{"lang": "en"}]
    assert len(reader.of("h1")) == 1
    (frame,) = reader.of("iframe")
    assert frame["title"] == "Chart of SIM_ES, session 2025-01-06"
    assert "SIM_ES rose" in " ".join(reader.text)
    assert len(reader.of("figcaption")) == len(reader.of("figure")) == 1
    assert all(head.get("scope") == "col" for head in reader.of("th"))
    assert len(reader.of("caption")) == len(reader.of("table"))
    anchors = {link["href"][1:] for link in reader.of("a") if link["href"].startswith("#")}
    assert anchors == {heading["id"] for heading in reader.of("h2")}


def test_dropped_signals_are_folded_beneath_their_reasons(html):
    signals = html.split('id="signals"')[1].split("</section>")[0]
    shown, folded = signals.split("<details>")
    assert "1 dropped, mostly: 1 × cooling down" in folded
    assert "cooling down" not in shown


def test_page_shows_the_interactive_chart_of_each_instrument_that_has_one(html):
    (frame,) = read(html).of("iframe")
    assert frame["src"] == "chart-SIM_ES.html"
    assert frame["loading"] == "lazy"
    without = render_page(inputs(charts=()))
    assert not read(without).of("iframe")
    assert "session_chart was not built for it" in without


def test_page_says_the_verdict_and_the_labels(html):
    text = " ".join(read(html).text)
    assert "2 of 3 signals kept" in text
    for label in ("SIMULATED market data", "SIMULATED account", "UNAPPROVED model traded"):
        assert label in text
    assert "DSR 0.31 is below 0.95" in text


def test_page_without_simulation_has_no_such_label():
    real = {
        name: getattr(inputs(), name).with_columns(simulated=pl.lit(False)) for name in ("signals", "orders")
    }
    approved = real["orders"].with_columns(approved=pl.lit(True))
    quiet = inputs(signals=real["signals"], orders=approved, simulated_data=False)
    text = render_page(quiet).split("<nav")[0]
    assert 'class="label"' not in text


def test_text_from_outside_is_escaped():
    hostile = '<script>alert("x")</script>$verdict'
    signals = frames.sound("signals", [{**frames.signal(6), "reason": hostile}])
    narratives = frames.narratives().with_columns(author=pl.lit(hostile))
    html = render_page(inputs(signals=signals, narratives=narratives, left_out=(hostile,)))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "$verdict" in html


def test_page_of_a_session_with_nothing_says_so():
    text = " ".join(read(render_page(nothing())).text)
    for sentence in ("No market data", "No signals", "No order was decided", "No deal", "No narrative"):
        assert sentence in text


def test_write_replaces_a_page_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "2025-01-06" / "index.html"
    write_page("one", path)
    write_page("two", path)
    assert path.read_text(encoding="utf-8") == "two"
    assert [p.name for p in path.parent.iterdir()] == ["index.html"]
