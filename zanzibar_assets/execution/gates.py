"""Gates before an order, in order. Each answers None (pass) or why not, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import Config
from zanzibar_assets.execution.halt import Halt
from zanzibar_assets.execution.server_clock import server_us
from zanzibar_assets.execution.sizing import Size, exact
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import SessionState, from_us


@dataclass(frozen=True, slots=True)
class GateContext:
    """What the gates look at; ``account``, ``terminal``, ``symbol`` and ``tick`` as the port gave them.

    ``worst_open_loss``: money that open positions lose from now to their stops, None when one has
    no stop. ``check`` asks the terminal's order_check. Times in UTC microseconds.
    """

    config: Config
    instrument: Instrument
    window: SessionWindow
    now_us: int
    flatten_us: int
    expires_us: int
    direction: int
    approved: bool
    live: bool
    halted: Halt | None
    arming_refusal: str | None
    unresolved: int
    account: Any
    terminal: Any
    symbol: Any
    tick: Any
    positions: tuple[Any, ...]
    size: Size
    stop_distance: float
    target_distance: float
    balance_start: float
    worst_open_loss: float | None
    check: Callable[[], Any]


Gate = Callable[[GateContext], str | None]


def kill_switch(ctx: GateContext) -> str | None:
    """Nothing is sent while the kill switch is pulled."""
    return f"trading is halted: {ctx.halted.reason}" if ctx.halted is not None else None


def account_identity(ctx: GateContext) -> str | None:
    """The terminal must be logged in to the configured account and allowed to trade."""
    account, terminal, wanted = ctx.account, ctx.terminal, ctx.config.execution
    if account is None or terminal is None:
        return "the terminal does not report its account"
    if ctx.live and wanted.expected_login == 0:
        return "execution.expected_login is not configured: the live account cannot be told from others"
    if wanted.expected_login not in (0, account.login):
        return f"the terminal is logged in to account {account.login}, not to {wanted.expected_login}"
    if wanted.expected_server not in ("", account.server):
        return f"the terminal is on server {account.server}, not on {wanted.expected_server}"
    if not (terminal.trade_allowed and account.trade_allowed and account.trade_expert):
        return "algorithmic trading is switched off in the terminal or for the account"
    if terminal.tradeapi_disabled:
        return "trading through the Python interface is switched off in the terminal"
    return None


def armed(ctx: GateContext) -> str | None:
    """A live order needs an arming, a real instrument and an approved signal."""
    if not ctx.live:
        return None
    if ctx.instrument.simulated:
        return f"{ctx.instrument.id} is a simulated instrument: it never reaches a live account"
    if not ctx.approved:
        return "the model is not approved by its validation: it never reaches a live account"
    return ctx.arming_refusal


def reconciled(ctx: GateContext) -> str | None:
    """No earlier order may have an unknown outcome."""
    if ctx.unresolved:
        return f"{ctx.unresolved} earlier order(s) have an unknown outcome: reconcile them first"
    return None


def fresh_signal(ctx: GateContext) -> str | None:
    """The signal must not have expired."""
    if ctx.now_us > ctx.expires_us:
        return f"the signal expired at {from_us(ctx.expires_us).isoformat()}"
    return None


def fresh_tick(ctx: GateContext) -> str | None:
    """The last quote must be there and young by the server's clock."""
    if ctx.tick is None or ctx.symbol is None:
        return f"there is no quote for {ctx.instrument.mt5.symbol}"
    limit = ctx.config.execution.max_tick_age_seconds
    age = (server_us(ctx.now_us) // 1_000 - ctx.tick.time_msc) / 1_000
    return f"the last quote is {age:.0f} s old (limit {limit} s)" if age > limit else None


def session_open(ctx: GateContext) -> str | None:
    """Only the open session trades, and not in its last moments."""
    state = ctx.window.state_at(ctx.now_us)
    if not ctx.window.starts_us <= ctx.now_us < ctx.window.close_us or state is not SessionState.OPEN:
        return f"session {ctx.window.session} of {ctx.instrument.id} is not open at this time ({state})"
    if ctx.now_us >= ctx.flatten_us:
        return "the session ends: positions are being closed"
    return None


def spread_cap(ctx: GateContext) -> str | None:
    """The spread must not exceed a multiple of the declared one."""
    traded, source = ctx.instrument.mt5, ctx.instrument
    declared = max(exact(traded.spread_points) * exact(traded.point), _assumed(source))
    cap = declared * exact(ctx.config.execution.max_spread_multiple)
    spread = exact(ctx.tick.ask) - exact(ctx.tick.bid)
    if spread < 0:
        return "the quote is crossed"
    return f"the spread {spread} is wider than the cap {cap.normalize():f}" if spread > cap else None


def _assumed(instrument: Instrument) -> Decimal:
    return exact(instrument.assumed_spread_ticks) * exact(instrument.tick_size)


def size_limits(ctx: GateContext) -> str | None:
    """Lots must reach the symbol's minimum, stay in all limits and lie on its step."""
    size, symbol = ctx.size, ctx.symbol
    if size.lots <= 0:
        return (
            f"the risk budget allows {size.wanted_lots:.4f} lots, the symbol's minimum is {symbol.volume_min}"
        )
    if size.lots > min(symbol.volume_max, ctx.config.execution.max_lots):
        return f"{size.lots} lots exceed the limit of {ctx.config.execution.max_lots}"
    if exact(size.lots) % exact(symbol.volume_step):
        return f"{size.lots} lots are not on the step of {symbol.volume_step}"
    return None


def stops_distance(ctx: GateContext) -> str | None:
    """Stop and target must keep the symbol's minimum distance."""
    least = exact(ctx.symbol.trade_stops_level) * exact(ctx.symbol.point)
    spread = exact(ctx.tick.ask) - exact(ctx.tick.bid)
    nearest = min(exact(ctx.stop_distance) - spread, exact(ctx.target_distance))
    if nearest <= 0 or nearest < least:
        return f"stop or target is nearer than {max(least, spread)} to the market"
    return None


def exposure(ctx: GateContext) -> str | None:
    """Number of positions, and nothing against an open position of the same symbol."""
    limit = ctx.config.execution.max_positions
    if len(ctx.positions) >= limit:
        return f"{len(ctx.positions)} positions are open (limit {limit})"
    opposite = 1 if ctx.direction > 0 else 0
    if any(p.symbol == ctx.instrument.mt5.symbol and p.type == opposite for p in ctx.positions):
        return f"an opposite position in {ctx.instrument.mt5.symbol} is open"
    return None


def daily_loss(ctx: GateContext) -> str | None:
    """Equity after every stop is hit must stay above the day's floor."""
    limit = ctx.balance_start * ctx.config.risk.max_daily_loss_pct / 100
    if ctx.worst_open_loss is None:
        return "an open position has no stop: the worst case cannot be bounded"
    worst = ctx.account.equity - ctx.worst_open_loss - ctx.size.loss
    floor = ctx.balance_start - limit
    if worst < floor:
        return f"with every stop hit equity would be {worst:.2f}, under the day's floor of {floor:.2f}"
    return None


def terminal_check(ctx: GateContext) -> str | None:
    """The terminal's own order_check must say done."""
    result = ctx.check()
    if result is None:
        return "order_check failed"
    return None if result.retcode == 0 else f"order_check: {result.retcode} {result.comment}"


GATES: tuple[tuple[str, Gate], ...] = (
    ("kill_switch", kill_switch),
    ("account_identity", account_identity),
    ("armed", armed),
    ("reconciled", reconciled),
    ("fresh_signal", fresh_signal),
    ("session_open", session_open),
    ("fresh_tick", fresh_tick),
    ("spread_cap", spread_cap),
    ("size_limits", size_limits),
    ("stops_distance", stops_distance),
    ("exposure", exposure),
    ("daily_loss", daily_loss),
    ("order_check", terminal_check),
)
"""Names and gates in the order in which they are asked; the first refusal decides."""


def first_refusal(ctx: GateContext) -> tuple[str, str] | None:
    """Gate and reason of the first refusal, or None when every gate passes."""
    for name, gate in GATES:
        reason = gate(ctx)
        if reason is not None:
            return name, reason
    return None
