"""Charts are valid PNGs, the same for the same input, and show nothing before it was known."""

from __future__ import annotations

import base64
import struct

import numpy as np
import polars as pl
import pytest

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.reporting import plots
from zanzibar_assets_tests.reporting import frames


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def chart(**changes):
    inputs = {
        "bars": frames.bars(), "points_of_interest": frames.points_of_interest(),
        "signals": frames.signals(), "fills": frames.fills(), "title": "SIM_ES",
    }  # fmt: skip
    return plots.price_chart(**(inputs | changes))


def pixels(png: bytes) -> np.ndarray:
    import io

    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def test_chart_has_its_size_and_is_the_same_for_the_same_input():
    assert size_of(chart()) == (960, 460)
    assert chart() == chart()
    assert chart() != chart(theme=plots.DARK)


@pytest.mark.parametrize("table", ["points_of_interest", "signals", "fills"])
def test_each_mark_changes_the_chart(table):
    assert chart() != chart(**{table: empty(table)})


def test_dropped_signals_are_not_drawn():
    only_kept = frames.signals().filter(pl.col("status") == "kept")
    assert chart(signals=only_kept) == chart()


def test_a_session_without_bars_gives_an_empty_chart_instead_of_an_error():
    assert size_of(chart(bars=empty("bars"))) == (960, 460)


def test_a_deal_before_the_first_bar_is_not_drawn():
    early = frames.fills().with_columns(time_utc=pl.lit(frames.at(-5)).cast(pl.Datetime("us", "UTC")))
    assert chart(fills=early) == chart(fills=empty("fills"))


def test_a_zone_stands_from_where_it_was_known():
    """What lies left of a zone's known_at looks as if there were no zone."""
    zones = frames.points_of_interest().with_columns(
        known_at=pl.lit(frames.at(20)).cast(pl.Datetime("us", "UTC"))
    )
    options = {"signals": empty("signals"), "fills": empty("fills")}
    with_zone = pixels(chart(points_of_interest=zones, **options))
    without = pixels(chart(points_of_interest=empty("points_of_interest"), **options))
    different = np.argwhere(np.any(with_zone != without, axis=2))
    legend_top = 400  # the legend stands beneath the chart and gains an entry
    columns = different[different[:, 0] < legend_top][:, 1]
    assert columns.size
    assert columns.min() > 960 * 0.5


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
