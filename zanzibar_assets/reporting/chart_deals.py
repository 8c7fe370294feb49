"""What the account did in a session, laid over the market's chart: kept signals and deals.

The market's chart stays one of market data; a session report adds a page beside itself that shows the
same data with these marks. A deal stands on the market's close then, since the traded symbol has
its own price.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from zanzibar_assets.reporting.chart_page import (
    data_name,
    deals_name,
    render_page,
    traded_page_name,
    write_bytes,
    write_shared,
)
from zanzibar_assets.reporting.chart_payload import ID_LENGTH, script
from zanzibar_assets.reporting.labels import marks
from zanzibar_assets.reporting.session import market_sentence

if TYPE_CHECKING:
    from zanzibar_assets.reporting.session import SessionInputs


def write_traded_charts(inputs: SessionInputs, reports: Path) -> None:
    """Write, beside a session's report, the chart of each instrument with what the account did."""
    for instrument in inputs.charts:
        bars = inputs.bars.get(instrument)
        if bars is None or bars.is_empty():
            continue
        own = [frame.filter(pl.col("instrument") == instrument) for frame in (inputs.signals, inputs.fills)]
        page = render_page(
            instrument,
            inputs.session,
            market_sentence(instrument, bars),
            simulated=inputs.simulated_data,
            own_scripts=[f"../{data_name(instrument, inputs.session)}", f"./{deals_name(instrument)}"],
            root="../",
        )
        path = reports / traded_page_name(instrument, inputs.session)
        text = script(deals_payload(bars, *own), "zanzibarDeals")
        write_bytes(text.encode("ascii"), path.with_name(deals_name(instrument)))
        write_bytes(page.encode("utf-8"), path)
    write_shared(reports)


def deals_payload(bars: pl.DataFrame, signals: pl.DataFrame, fills: pl.DataFrame) -> dict[str, Any]:
    """Kept signals and deals of one instrument as plain data; times in microseconds since 1970.

    Deals before the first bar was known have no market price to stand on and are left out.
    """
    kept = signals.filter(pl.col("status") == "kept").sort("known_at", maintain_order=True)
    return {
        "signals": [_signal(row) for row in kept.iter_rows(named=True)],
        "deals": [_deal(row) for row in _placed(bars, fills).iter_rows(named=True)],
    }


def _placed(bars: pl.DataFrame, fills: pl.DataFrame) -> pl.DataFrame:
    closes = bars.select(bar_known="known_at", market="close")
    placed = fills.sort("time_utc", maintain_order=True).join_asof(
        closes, left_on="time_utc", right_on="bar_known", strategy="backward"
    )
    return placed.filter(pl.col("market").is_not_null())


def _us(moment: Any) -> int:
    return int(pl.Series([moment]).dt.epoch("us")[0])


def _signal(row: dict[str, Any]) -> dict[str, Any]:
    found = marks(row)
    text = (
        f"stop {row['stop_distance']:,.2f} and target {row['target_distance']:,.2f} away, "
        f"risk {row['risk_pct']:.2f} %" + (f" [{found}]" if found else "")
    )
    side = "buy" if row["dir"] > 0 else "sell"
    return {
        "k": _us(row["known_at"]),
        "entry": row["entry"],
        "side": side,
        "text": text,
        "id": row["signal_id"][:ID_LENGTH],
    }


def _deal(row: dict[str, Any]) -> dict[str, Any]:
    found = marks(row)
    closed = f", closed by {row['exit_reason']}" if row["exit_reason"] else ""
    text = (
        f"{row['entry']} {row['side']} {row['volume_lots']:.2f} {row['mt5_symbol']} at {row['price']:,.2f}, "
        f"profit {row['profit']:+,.2f}{closed}" + (f" [{found}]" if found else "")
    )
    return {"t": _us(row["time_utc"]), "at": row["market"], "text": text}
