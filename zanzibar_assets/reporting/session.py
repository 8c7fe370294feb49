"""One session in lines: what was decided, traded and measured, and why.

The report's rows and the page (``page.py``) are made from the same inputs, so that they agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.reporting.check_lines import check_lines, not_built, stopping
from zanzibar_assets.reporting.labels import DIRECTION, MODEL_WORDS, fate, marks
from zanzibar_assets.reporting.trust import trust_lines

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.manifest import CheckOutcome

Line = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInputs:
    """Everything a session's report is made from; the frames follow their contracts.

    ``signals``, ``orders``, ``fills``, ``account_state``, ``performance``, ``narratives`` and
    ``narrative_scores`` are the session's partitions. Maps are by instrument id: ``bars`` of the session,
    ``validation`` and ``risk`` as they stood for it; ``charts`` are the instruments with a chart of it.
    ``completeness`` says what is known of each instrument's data. ``checks`` maps "table partition"
    to the checks of the session's partitions, ``stopped`` are (table, partition, reason) of those that
    were not built and ``never_built`` (table, partition) of those that nobody tried; ``left_out``
    names instruments or tables that could not be used, with the reason.
    """

    session: str
    signals: pl.DataFrame
    orders: pl.DataFrame
    fills: pl.DataFrame
    account_state: pl.DataFrame
    performance: pl.DataFrame
    narratives: pl.DataFrame
    narrative_scores: pl.DataFrame
    bars: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    charts: tuple[str, ...] = ()
    completeness: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    validation: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    risk: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    checks: Mapping[str, tuple[CheckOutcome, ...]] = field(default_factory=dict)
    stopped: tuple[tuple[str, str, str], ...] = ()
    never_built: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    simulated_data: bool = False


def page_name(session: str) -> str:
    """Path of a session's page under the reports folder."""
    return f"{session}/index.html"


def build_session_report(inputs: SessionInputs) -> pl.DataFrame:
    """SessionReport rows in reading order; ``html`` is the page's path under the reports folder."""
    import polars as pl

    lines = list(report_lines(inputs))
    frame = pl.DataFrame(
        lines, schema={"section": pl.String, "item": pl.String, "value": pl.String}, orient="row"
    )
    return conform("session_report", frame.with_columns(html=pl.lit(page_name(inputs.session))))


def report_lines(inputs: SessionInputs) -> Iterator[Line]:
    """(section, item, value) in reading order."""
    yield ("verdict", "outcome", verdict(inputs))
    yield ("verdict", "data", "SIMULATED market data" if inputs.simulated_data else "recorded market data")
    yield from _market_lines(inputs)
    yield from trust_lines(inputs.completeness)
    yield from _signal_lines(inputs)
    yield from _order_lines(inputs)
    yield from _fill_lines(inputs)
    yield from _account_lines(inputs)
    yield from _model_lines(inputs)
    yield from _narrative_lines(inputs)
    yield from check_lines(inputs)


def verdict(inputs: SessionInputs) -> str:
    """The session in one or two sentences."""
    kept = inputs.signals.filter(inputs.signals["status"] == "kept").height
    sent = inputs.orders.filter(inputs.orders["state"] != "blocked").height
    stopped = inputs.orders.height - sent
    parts = [f"{kept} of {inputs.signals.height} signals kept, {sent} orders sent"]
    parts += [f"{stopped} stopped by a gate"] if stopped else []
    text = ", ".join(parts)
    if inputs.account_state.height:
        row = inputs.account_state.row(-1, named=True)
        change = row["equity"] - row["balance_start"]
        label = "SIMULATED account" if row["simulated"] else "LIVE account"
        text += f"; {label} {change:+,.2f} {row['currency']} in the session"
    unapproved = inputs.orders.filter(~inputs.orders["approved"]).height
    text += f". {unapproved} orders came from an UNAPPROVED model" if unapproved else ""
    failed = stopping(inputs)
    text += f". Checks stopped: {', '.join(sorted(failed))}" if failed else ""
    text += not_built(inputs)
    return text + "."


def market_sentence(instrument: str, bars: pl.DataFrame) -> str:
    """What a price did over a session, in one sentence."""
    if bars.is_empty():
        return f"{instrument} has no bars in this session."
    first, last = bars.row(0, named=True), bars.row(-1, named=True)
    change = last["close"] / first["open"] - 1.0
    low, high = min(bars["low"].to_list()), max(bars["high"].to_list())
    word = "rose" if change > 0 else "fell" if change < 0 else "ended where it began,"
    return (
        f"{instrument} {word} {abs(change):.2%} from {first['open']:,.2f} to {last['close']:,.2f} between "
        f"{first['event_ts']:%Y-%m-%d %H:%M} and {last['known_at']:%H:%M} UTC, within {low:,.2f} and "
        f"{high:,.2f}, on a volume of {bars['volume'].sum():,.0f}."
    )


def _marked(text: str, row: Mapping[str, object]) -> str:
    found = marks(row)
    return f"{text} [{found}]" if found else text


def _market_lines(inputs: SessionInputs) -> Iterator[Line]:
    for instrument in sorted(inputs.bars):
        yield ("market", instrument, market_sentence(instrument, inputs.bars[instrument]))
    for text in inputs.left_out:
        yield ("market", "left out", text)


def _signal_lines(inputs: SessionInputs) -> Iterator[Line]:
    for row in inputs.signals.iter_rows(named=True):
        origin = "rules" if row["source"] == "poi" else f"model {row['model_id']}"
        text = (
            f"{row['instrument']} {DIRECTION[row['dir']]} at {row['entry']:,.2f}, stop "
            f"{row['stop_distance']:,.2f} away, target {row['target_distance']:,.2f} away, risk "
            f"{row['risk_pct']:.2f} %, from {origin}, known {row['known_at']:%H:%M:%S} UTC. {fate(row)}"
        )
        yield ("signals", row["signal_id"], _marked(text, row))


def _order_lines(inputs: SessionInputs) -> Iterator[Line]:
    for row in inputs.orders.iter_rows(named=True):
        gate = f" by {row['gate']}" if row["gate"] else ""
        price = f" at {row['fill_price']:,.2f}" if row["fill_price"] is not None else ""
        text = (
            f"{row['state']}{gate}: {DIRECTION[row['dir']]} {row['volume_lots']:.2f} {row['mt5_symbol']}"
            f"{price}. {row['reason']}"
        )
        yield ("orders", row["intent_id"], _marked(text, row))


def _fill_lines(inputs: SessionInputs) -> Iterator[Line]:
    for row in inputs.fills.iter_rows(named=True):
        costs = row["commission"] + row["swap"] + row["fee"]
        text = (
            f"{row['entry']} {row['side']} {row['volume_lots']:.2f} {row['mt5_symbol']} at "
            f"{row['price']:,.2f}, {row['time_utc']:%H:%M:%S} UTC, profit {row['profit']:+,.2f}, costs "
            f"{costs:+,.2f}" + (f", closed by {row['exit_reason']}" if row["exit_reason"] else "")
        )
        yield ("fills", str(row["deal_ticket"]), _marked(text, row))


def _account_lines(inputs: SessionInputs) -> Iterator[Line]:
    for row in inputs.account_state.iter_rows(named=True):
        text = (
            f"balance {row['balance']:,.2f} {row['currency']} (began at {row['balance_start']:,.2f}), equity "
            f"{row['equity']:,.2f}, {row['open_positions']} positions open, room to the daily loss limit "
            f"{row['room_to_daily_limit']:,.2f} of {row['daily_loss_limit']:,.2f}"
            + (", trading HALTED" if row["halted"] else "")
        )
        yield ("account", row["account"], _marked(text, row))
    for row in inputs.performance.iter_rows(named=True):
        text = (
            f"{row['trades']} trades in {row['sessions']} sessions, {row['wins']} won, net "
            f"{row['net_profit']:+,.2f} after costs of {row['costs']:,.2f} ({row['return_pct']:+.2f} %), "
            f"deepest drawdown {row['max_drawdown_pct']:.2f} %, {row['unapproved_trades']} from an "
            "unapproved model"
        )
        yield ("performance", row["scope"], _marked(text, row))


def _model_lines(inputs: SessionInputs) -> Iterator[Line]:
    for instrument in sorted(inputs.validation):
        frame = inputs.validation[instrument]
        if frame.is_empty():
            yield ("models", instrument, "no model: it was not validated")
            continue
        row = frame.row(0, named=True)
        yield ("models", instrument, f"{MODEL_WORDS[row['verdict']]}. {row['verdict_reason']}")
    for instrument in sorted(inputs.risk):
        for row in inputs.risk[instrument].iter_rows(named=True):
            text = (
                f"a model trade may risk {row['risk_per_trade_pct']:.2f} % of equity, a rules trade "
                f"{row['rules_risk_per_trade_pct']:.2f} %. {row['reason']}"
            )
            yield ("risk", instrument, text)


def _narrative_lines(inputs: SessionInputs) -> Iterator[Line]:
    for row in inputs.narratives.iter_rows(named=True):
        text = (
            f"{row['author']} is {row['bias']} on {row['instrument'] or 'no named market'} "
            f"({row['conviction']} conviction{', on a condition' if row['conditional'] else ''}), "
            f"{row['levels']} levels, received {row['known_at']:%H:%M} UTC"
        )
        yield ("narratives", row["narrative_id"], _marked(text, row))
    for row in inputs.narrative_scores.iter_rows(named=True):
        outcome = row["reason"] or ("right" if row["hit"] else "wrong")
        text = f"{row['bias']} on {row['instrument']}: {outcome}"
        if row["return_bps"] is not None:
            text += f", the market moved {row['return_bps']:+.1f} bp after it"
        yield ("narrative scores", row["narrative_id"], _marked(text, row))
