import polars as pl
import pytest

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.reporting.hit_rate_page import edge_chart, page_name, render_hit_rates, sentence


def rates(*verdicts, looked_at=12):
    rows = [
        {
            "kind": f"kind_{i}<b>", "timeframe_seconds": 60, "phase": "all", "horizon_minutes": 30,
            "events": 100 + i, "sessions": 20, "hit_rate": 0.6, "hit_rate_low": 0.5, "hit_rate_high": 0.7, "hit_rate_matched": 0.5,
            "edge_sigma": 0.1 * i, "ci_low": 0.1 * i - 0.05, "ci_high": 0.1 * i + 0.05,
            "edge_ticks": 1.5, "p_value": 0.01,
            "p_adjusted": 0.04, "looked_at": looked_at, "verdict": verdict, "measured_through": "2024-03-01",
        }
        for i, verdict in enumerate(verdicts)
    ]  # fmt: skip
    return conform("event_hit_rates", pl.DataFrame(rows))


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
    assert "often enough" in sentence(rates("too few", looked_at=0))


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
