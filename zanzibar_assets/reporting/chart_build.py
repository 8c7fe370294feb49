"""A market chart from an instrument's session: rows, page and data, made from the same frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zanzibar_assets.calendars import exchange_zone
from zanzibar_assets.reporting.chart_items import ChartInputs, build_session_chart
from zanzibar_assets.reporting.chart_page import data_name, render_page
from zanzibar_assets.reporting.chart_payload import ChartFacts, payload, script
from zanzibar_assets.reporting.session import market_sentence

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.calendars import SessionWindow
    from zanzibar_assets.instruments import Instrument


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows (SessionChart), page, data script, and what was left out in words."""

    items: pl.DataFrame
    html: str
    data: str
    left_out: list[str]


def build_chart(
    inputs: ChartInputs, instrument: Instrument, window: SessionWindow, *, simulated: bool
) -> Chart:
    """Chart of one session: the same frames give the same bytes."""
    items = build_session_chart(inputs, instrument.tick_size)
    sentence = market_sentence(instrument.id, inputs.bars)
    facts = ChartFacts(
        instrument=instrument.id,
        session=window.session,
        tick_size=instrument.tick_size,
        zone=exchange_zone(instrument),
        base_us=window.starts_us,
        simulated=simulated,
        sentence=sentence,
    )
    html = render_page(
        instrument.id,
        window.session,
        sentence,
        simulated=simulated,
        own_scripts=[f"./{data_name(instrument.id, window.session)}"],
    )
    words = [f"{table} {kind}: {missing} of {total}" for table, kind, total, missing in items.left_out]
    return Chart(items.frame, html, script(payload(inputs, items, facts)), words)
