import polars as pl
import pytest

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.reporting import plots
from zanzibar_assets.reporting.hit_rate_page import (
    correction,
    edge_chart,
    page_name,
    render_hit_rates,
    sentence,
)


def rates(*verdicts, looked_at=12):
    rows = [
        {
            "kind": f"kind_{i}<b>", "timeframe_seconds": 60, "phase": "all", "horizon_minutes": 30,
            "events": 100 + i, "sessions": 20, "hit_rate": 0.6, "hit_rate_low": 0.5,
            "hit_rate_high": 0.7, "hit_rate_matched": 0.5,
            "edge_sigma": 0.1 * i, "ci_low": 0.1 * i - 0.05, "ci_high": 0.1 * i + 0.05,
            "edge_ticks": 1.5, "p_value": 0.01,
            "p_adjusted": 0.04, "looked_at": looked_at, "verdict": verdict, "measured_through": "2024-03-01",
        }
        for i, verdict in enumerate(verdicts)
    ]  # fmt: skip
    return conform("event_hit_rates", pl.DataFrame(rows))


def untested():
    missing = ("hit_rate_low", "hit_rate_high", "ci_low", "ci_high", "p_value", "p_adjusted")
    gone = {name: pl.lit(None, pl.Float64) for name in missing}
    return rates("too few", looked_at=0).with_columns(**gone)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["follows", "too few"], "12 tests were made; 1 of them stands after"),
        (["follows", "reverses"], "12 tests were made; 2 of them stand after"),
        (["no measured worth"], "12 tests were made; none of them stand after"),
    ],
)
def test_the_finding_counts_every_look(verdicts, said):
    assert sentence(rates(*verdicts)).startswith(said)


def test_nothing_measured_is_said():
    assert "nothing was measured" in sentence(empty("event_hit_rates"))
    wanted = "at least 30 events in at least 8 sessions, and the most there were of one are 100 events in 20"
    assert wanted in sentence(untested())


def test_the_page_is_labelled_and_escaped():
    page = render_hit_rates(rates("follows", "reverses"), "ES", simulated=True)
    assert "SIMULATED market data" in page
    assert "kind_1&lt;b&gt;" in page
    assert "<b>" not in page
    assert page.count("<figure>") == 1
    assert "SIMULATED" not in render_hit_rates(rates("follows"), "ES", simulated=False)


def test_an_empty_page_stands():
    assert "nothing was measured" in render_hit_rates(empty("event_hit_rates"), "ES", simulated=False)


def test_the_same_rates_draw_the_same_bytes():
    first, second = (edge_chart(rates("follows", "too few"), 30, "ES") for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_each_instrument_has_a_page():
    assert page_name("ES") != page_name("NQ")


def test_where_nothing_was_tested_no_plot_is_drawn_but_the_rows_stand():
    page = render_hit_rates(untested(), "ES", simulated=False)
    assert "<figure" not in page
    assert "commonest" not in page
    assert page.count("Nothing could be tested") == 1
    assert "All 1 rows" in page


def test_a_horizon_without_tests_is_said_beside_one_with_them():
    both = pl.concat([rates("follows"), untested().with_columns(horizon_minutes=pl.lit(60, pl.Int32))])
    page = render_hit_rates(both, "ES", simulated=False)
    assert page.count("<figure>") == 1
    assert "60 minutes later: no kind of event occurred often enough" in page
    assert "All 1 kinds" in page


def test_the_correction_for_many_looks_is_named_with_its_factor():
    # 12 * (1 + 1/2 + ... + 1/12) = 37.2; 400 * 6.5699 = 2,628, and .0006 times that is above 1
    assert "= 37," in correction(12)
    assert "a p of .0006 that is the smallest becomes 0.022" in correction(12)
    assert "= 2,628," in correction(400)
    assert "becomes 1:" in correction(400)
    page = render_hit_rates(rates("follows"), "ES", simulated=False)
    assert "all 12 tests of this page by the correction of Benjamini and Yekutieli" in page


def test_the_hit_rate_has_its_interval_in_the_table():
    assert '<td class="number">50.0 to 70.0</td>' in render_hit_rates(rates("follows"), "ES", simulated=False)


def test_the_label_of_the_plot_fits_its_width():
    widest = rates("follows").with_columns(kind=pl.lit("wyckoff_distribution_upthrust"))
    figures = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "png", lambda figure: figures.append(figure) or b"")
        edge_chart(widest, 30, "ES")
    (figure,) = figures
    figure.canvas.draw()
    label = figure.axes[0].xaxis.label.get_window_extent()
    assert label.x0 >= 0
    assert label.x1 <= figure.bbox.x1
