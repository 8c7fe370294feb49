"""Plots are valid PNGs and the same for the same input."""

from __future__ import annotations

import base64
import struct

import pytest

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.reporting import plots
from zanzibar_assets.reporting.chart_items import build_session_chart
from zanzibar_assets_tests.reporting import chart_frames as made
from zanzibar_assets_tests.reporting import frames


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def test_sketch_of_a_chart_is_the_same_for_the_same_input_and_shows_its_events():
    items = build_session_chart(made.random_inputs(1), made.TICK).frame
    assert size_of(plots.known_sketch(items)) == (720, 260)
    assert plots.known_sketch(items) == plots.known_sketch(items)
    assert plots.known_sketch(items) != plots.known_sketch(items.clear())
    assert plots.known_sketch(items, plots.DARK) != plots.known_sketch(items)


def test_sparkline_of_bars_and_of_none():
    assert size_of(plots.price_sparkline(frames.bars())) == (480, 180)
    assert size_of(plots.price_sparkline(empty("bars"))) == (480, 180)


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0, float("nan"), float("inf"), None, 2.0], list(range(500))]
)
def test_histogram_leaves_out_what_is_not_finite(values):
    assert size_of(plots.histogram(values, "spread in ticks")) == (480, 180)


def test_markdown_image_carries_the_bytes_and_a_clean_alternative():
    png = plots.histogram([1.0, 2.0], "x")
    text = plots.markdown_image(png, "a [b]\nc")
    assert text.startswith("![a (b) c](data:image/png;base64,")
    assert base64.b64decode(text.rsplit(",", 1)[1][:-1]) == png
