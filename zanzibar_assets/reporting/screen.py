"""The final screen of ``demo`` and ``run``: the verdict in words first, then what stands behind it.

One screen of about 45 lines. Whatever comes from simulated data, goes to a simulated account or
from a model without approval says so on its own line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from zanzibar_assets.reporting.groups import grouped
from zanzibar_assets.reporting.labels import DIRECTION, MODEL_WORDS, marks
from zanzibar_assets.reporting.summary import RunSummary

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

MOST_ROWS = 6
MOST_NOTES = 5


def show(summary: RunSummary, console: Console) -> None:
    """Print the screen to a console."""
    for part in screen_parts(summary):
        console.print(part, highlight=False)


def screen_parts(summary: RunSummary) -> list[RenderableType]:
    """The screen's blocks from top to bottom."""
    from rich.text import Text

    style = "bold green" if summary.is_complete else "bold yellow"
    parts: list[RenderableType] = [Text(""), Text(summary.verdict(), style=style), Text(_built_line(summary))]
    parts += _stopped(summary)
    parts += [_stages(summary)]
    parts += _section("Models", _model_lines(summary))
    parts += [Text(_signals_title(summary), style="bold"), *([_signals(summary)] if _kept(summary) else [])]
    parts += [Text(_orders_title(summary), style="bold"), *([_orders(summary)] if summary.orders else [])]
    parts += _section("Account", [_account_line(summary)])
    parts += _section("What lacks history or data, and why", _limited(summary.notes, MOST_NOTES))
    parts += _section("Where to look next", [f"  {use:<34} {shows}" for use, shows in summary.look_next])
    return parts


def _section(title: str, lines: Iterable[RenderableType]) -> list[RenderableType]:
    from rich.text import Text

    body = [Text(line) if isinstance(line, str) else line for line in lines]
    return [Text(title, style="bold"), *body] if body else []


def _built_line(summary: RunSummary) -> str:
    partitions = sum(t.partitions for t in summary.tables)
    rows = sum(t.rows for t in summary.tables)
    passed = sum(c.passed for c in summary.checks)
    said_no = len(summary.checks) - passed
    origin = "SIMULATED market data" if summary.simulated_data else "recorded market data"
    return (
        f"{len(summary.tables)} tables, {partitions} partitions, {rows:,} rows from {origin} in "
        f"{summary.seconds:.0f} s; {passed} checks passed, {said_no} said no."
    )


def _stopped(summary: RunSummary) -> list[RenderableType]:
    from rich.text import Text

    lines = [f"  FAILED   {error}" for error in summary.errors]
    stopped = [(*where.partition(" ")[::2], why) for where, why in summary.blocked]
    lines += [f"  STOPPED  {where}: {why}" for where, why in grouped(stopped)]
    for word, blocking in (("FAILED ", True), ("warning", False)):
        own = [c for c in summary.failed_checks if c.blocking is blocking]
        said = [(c.table, c.partition, f"{c.name}: {c.detail}") for c in own]
        lines += [f"  {word}  {where} {why}" for where, why in grouped(said)]
    style = "yellow"
    return [Text(line, style=style, overflow="ellipsis", no_wrap=True) for line in _limited(lines, MOST_ROWS)]


def _stages(summary: RunSummary) -> RenderableType:
    from rich.text import Text

    table = _grid("stage", ">partitions", ">rows", ">built", ">up to date", ">stopped", "tables")
    for stage, members in groupby(summary.tables, key=lambda t: t.stage):
        own = list(members)
        stopped = sum(t.blocked + t.failed for t in own)
        table.add_row(
            stage,
            str(sum(t.partitions for t in own)),
            f"{sum(t.rows for t in own):,}",
            str(sum(t.built for t in own)),
            str(sum(t.up_to_date for t in own)),
            str(stopped) if stopped else "-",
            Text(", ".join(t.table for t in own), no_wrap=True, overflow="ellipsis"),
        )
    return table


def _model_lines(summary: RunSummary) -> list[str]:
    lines = []
    for model in summary.models:
        traded = "; UNAPPROVED trades on the simulated account, because that was asked for"
        words = MODEL_WORDS[model.verdict]
        lines.append(f"  {model.instrument:<8} {words}: {model.reason}{traded if model.traded else ''}")
    return lines


def _kept(summary: RunSummary) -> list[dict[str, Any]]:
    return [s for s in summary.signals if s["status"] == "kept"]


def _signals_title(summary: RunSummary) -> str:
    kept = len(_kept(summary))
    dropped = Counter(s["reason"] for s in summary.signals if s["status"] == "dropped")
    common = "; ".join(f"{count} × {reason}" for reason, count in dropped.most_common(2))
    return f"Signals: {kept} kept, {dropped.total()} dropped" + (f" (mostly: {common})" if common else "")


def _signals(summary: RunSummary) -> RenderableType:
    table = _grid(
        "when (UTC)", "instrument", "side", ">entry", ">stop away", ">target away", ">risk %", "from", "marks"
    )
    kept = _kept(summary)
    for row in kept[-MOST_ROWS:]:
        table.add_row(
            _time(row["known_at"]), row["instrument"], DIRECTION[row["dir"]], f"{row['entry']:,.2f}",
            f"{row['stop_distance']:,.2f}", f"{row['target_distance']:,.2f}", f"{row['risk_pct']:.2f}",
            "rules" if row["source"] == "poi" else "model", marks(row),
        )  # fmt: skip
    return _with_earlier(table, len(kept))


def _orders_title(summary: RunSummary) -> str:
    states = Counter(o["state"] for o in summary.orders)
    words = ", ".join(f"{count} {state}" for state, count in states.most_common())
    return f"Orders: {words or 'none'}; {len(summary.fills)} deals"


def _orders(summary: RunSummary) -> RenderableType:
    from rich.text import Text

    table = _grid("when (UTC)", "symbol", "side", ">lots", ">price", "state", ">deal", ">result", "marks")
    results = _results(summary.fills)
    for row in summary.orders[-MOST_ROWS:]:
        price = row["fill_price"] if row["fill_price"] is not None else row["price_reference"]
        why = row["state"] if row["state"] == "filled" else f"{row['state']}: {row['gate'] or row['reason']}"
        table.add_row(
            _time(row["decided_at"]), row["mt5_symbol"], DIRECTION[row["dir"]], f"{row['volume_lots']:.2f}",
            "-" if price is None else f"{price:,.2f}", Text(why, no_wrap=True, overflow="ellipsis"),
            str(row["deal_ticket"] or "-"), results.get(row["intent_id"], "-"), marks(row),
        )  # fmt: skip
    return _with_earlier(table, len(summary.orders))


def _results(fills: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Money made by each intent's position after its costs; ``open`` while no exit is known."""
    intents = {f["position_id"]: f["intent_id"] for f in fills if f["entry"] == "in" and f["intent_id"]}
    money: Counter[str] = Counter()
    closed = set()
    for fill in fills:
        intent = intents.get(fill["position_id"])
        if intent is None:
            continue
        money[intent] += fill["profit"] + fill["commission"] + fill["swap"] + fill["fee"]
        if fill["entry"] != "in":
            closed.add(intent)
    return {intent: f"{value:+,.2f}" if intent in closed else "open" for intent, value in money.items()}


def _account_line(summary: RunSummary) -> str:
    if not summary.account:
        return "  no account was touched"
    a = summary.account
    label = "SIMULATED" if a["simulated"] else "LIVE"
    halted = "; trading is HALTED" if a["halted"] else ""
    return (
        f"  {label} {a['account']}: balance {a['balance']:,.2f} {a['currency']} "
        f"({summary.since_words()}), equity {a['equity']:,.2f}, "
        f"{a['open_positions']} open, room to the daily limit {a['room_to_daily_limit']:,.2f}{halted}"
    )


def _limited(lines: Sequence[str], most: int) -> list[str]:
    if len(lines) <= most:
        return [line if line.startswith(" ") else f"  {line}" for line in lines]
    shown = [line if line.startswith(" ") else f"  {line}" for line in lines[:most]]
    return [*shown, f"  ... and {len(lines) - most} more (all in --json)"]


def _grid(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.title_justify = "left"
    for name in columns:
        right = name.startswith(">")
        # Of a table that is too wide rich shrinks the columns that may wrap: the last words alone give way.
        shrinks = name in ("tables", "state")
        table.add_column(
            name.lstrip(">"), justify="right" if right else "left", no_wrap=not shrinks,
            overflow="ellipsis" if shrinks else "fold",
        )  # fmt: skip
    return table


def _with_earlier(table: Table, total: int) -> RenderableType:
    if total > MOST_ROWS:
        table.caption = f"the last {MOST_ROWS} of {total}"
        table.caption_justify = "left"
    return table


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
