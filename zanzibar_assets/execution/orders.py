"""From a kept signal to a sized request, through the gates, into the journal and to the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.config import Config
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.arming import arming_refusal
from zanzibar_assets.execution.gates import GateContext, first_refusal
from zanzibar_assets.execution.halt import read_halt
from zanzibar_assets.execution.journal import Intent, IntentJournal, intent_id, tag_of
from zanzibar_assets.execution.port import TerminalPort
from zanzibar_assets.execution.sending import send_intent
from zanzibar_assets.execution.sizing import Size, size_position, snap_price
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import OrderState, to_us

ENTRY, EXIT = "entry", "exit"


@dataclass(frozen=True, slots=True)
class Desk:
    """What every order of a session shares."""

    config: Config
    journal: IntentJournal
    terminal: TerminalPort
    session: str
    balance_start: float
    live: bool

    @property
    def account(self) -> str:
        """Name of the account."""
        return self.config.execution.account


@dataclass(frozen=True, slots=True)
class Ticket:
    """One signal at the moment of its decision. ``reference`` is the quote when it became known."""

    signal: Mapping[str, Any]
    instrument: Instrument
    window: SessionWindow
    now_us: int
    flatten_us: int
    reference: float | None
    spread_assumed: bool

    @property
    def direction(self) -> int:
        """+1 buy, -1 sell."""
        return int(self.signal["dir"])


def entry_id(desk: Desk, ticket: Ticket) -> str:
    """Intent id of the signal's entry."""
    return intent_id(ticket.signal["signal_id"], ticket.direction, ENTRY, desk.account)


def decide(desk: Desk, ticket: Ticket, unresolved: int, reason: str | None = None) -> Intent:
    """Size the order and ask the gates; the intent is SENDING or BLOCKED and not yet written.

    ``reason`` blocks it by the clock before any gate is asked.
    """
    symbol_name = ticket.instrument.mt5.symbol
    desk.terminal.symbol_select(symbol_name, True)
    tick, symbol = desk.terminal.symbol_info_tick(symbol_name), desk.terminal.symbol_info(symbol_name)
    account = desk.terminal.account_info()
    size = _size(desk, ticket, account, symbol, tick)
    request = _request(desk, ticket, tick, symbol, size)
    refusal = ("clock", reason) if reason else None
    if refusal is None:
        refusal = first_refusal(_context(desk, ticket, unresolved, account, symbol, tick, size, request))
    state = OrderState.BLOCKED if refusal else OrderState.SENDING
    known = {} if refusal and refusal[0] == "clock" else request
    return Intent(
        intent_id=entry_id(desk, ticket),
        session=desk.session,
        account=desk.account,
        backend=desk.config.execution.backend,
        signal_id=ticket.signal["signal_id"],
        instrument=ticket.instrument.id,
        mt5_symbol=symbol_name,
        dir=ticket.direction,
        leg=ENTRY,
        decided_us=ticket.now_us,
        volume_lots=size.lots,
        price_reference=ticket.reference if ticket.reference is not None else known.get("price"),
        sl=known.get("sl"),
        tp=known.get("tp"),
        state=state.value,
        gate=refusal[0] if refusal else None,
        retcode=None,
        order_ticket=None,
        deal_ticket=None,
        fill_price=None,
        position_id=None,
        reason=refusal[1] if refusal else ticket.signal["reason"],
        approved=bool(ticket.signal["approved"]),
        spread_assumed=ticket.spread_assumed,
        simulated=desk.terminal.simulated or ticket.instrument.simulated,
        request=request,
    )


def carry_out(desk: Desk, intent: Intent) -> Intent:
    """Write the intent, then send it when no gate blocked it. An id met before is not sent again."""
    if not desk.journal.add(intent):
        held = desk.journal.get(intent.intent_id)
        return held if held is not None else intent
    if intent.state != OrderState.SENDING.value:
        return intent
    return send_intent(desk.journal, desk.terminal, intent)


def _size(desk: Desk, ticket: Ticket, account: Any, symbol: Any, tick: Any) -> Size:
    """Lots of the risk budget; a tight stop must not blow up the notional: that is capped too."""
    if account is None or symbol is None or tick is None:
        return Size(0.0, 0.0, 0.0)
    one_lot = tick.ask * symbol.trade_contract_size
    notional = account.equity * desk.config.execution.max_notional_multiple
    return size_position(
        account.equity,
        float(ticket.signal["risk_pct"]),
        float(ticket.signal["stop_distance"]),
        symbol,
        min(desk.config.execution.max_lots, notional / one_lot),
        ticket.instrument.mt5.commission_per_lot,
    )


def filling_of(filling_mode: int) -> int:
    """Filling enum that a symbol's filling mask allows."""
    if filling_mode & mt5.SYMBOL_FILLING_FOK:
        return mt5.ORDER_FILLING_FOK
    return mt5.ORDER_FILLING_IOC if filling_mode & mt5.SYMBOL_FILLING_IOC else mt5.ORDER_FILLING_RETURN


def _request(desk: Desk, ticket: Ticket, tick: Any, symbol: Any, size: Size) -> dict[str, Any]:
    """Market request with stop and target at their distances from the price to be paid."""
    if tick is None or symbol is None:
        return {}
    buying = ticket.direction > 0
    price = tick.ask if buying else tick.bid
    stop = ticket.direction * float(ticket.signal["stop_distance"])
    target = ticket.direction * float(ticket.signal["target_distance"])
    return {
        "action": mt5.TRADE_ACTION_DEAL,
        "magic": desk.config.execution.magic,
        "symbol": ticket.instrument.mt5.symbol,
        "volume": size.lots,
        "price": price,
        "sl": max(0.0, snap_price(price - stop, symbol.trade_tick_size)),
        "tp": max(0.0, snap_price(price + target, symbol.trade_tick_size)),
        "deviation": desk.config.execution.deviation_points,
        "type": mt5.ORDER_TYPE_BUY if buying else mt5.ORDER_TYPE_SELL,
        "type_filling": filling_of(symbol.filling_mode),
        "type_time": mt5.ORDER_TIME_GTC,
        "comment": tag_of(entry_id(desk, ticket)),
    }


def _context(
    desk: Desk, ticket: Ticket, unresolved: int, account: Any, symbol: Any, tick: Any, size: Size,
    request: dict[str, Any],
) -> GateContext:  # fmt: skip
    config, now_us = desk.config, ticket.now_us
    positions = desk.terminal.positions_get() or ()
    refusal = None
    if desk.live:
        login = account.login if account is not None else 0
        refusal = arming_refusal(config.arming_file, desk.session, login, now_us)
    return GateContext(
        config=config,
        instrument=ticket.instrument,
        window=ticket.window,
        now_us=now_us,
        flatten_us=ticket.flatten_us,
        expires_us=to_us(ticket.signal["expires_at"]),
        direction=ticket.direction,
        approved=bool(ticket.signal["approved"]),
        live=desk.live,
        halted=read_halt(config.halt_file),
        arming_refusal=refusal,
        unresolved=unresolved,
        account=account,
        terminal=desk.terminal.terminal_info(),
        symbol=symbol,
        tick=tick,
        positions=positions,
        size=size,
        stop_distance=float(ticket.signal["stop_distance"]),
        target_distance=float(ticket.signal["target_distance"]),
        balance_start=desk.balance_start,
        worst_open_loss=worst_open_loss(desk.terminal, positions),
        check=lambda: desk.terminal.order_check(request),
    )


def worst_open_loss(terminal: TerminalPort, positions: tuple[Any, ...]) -> float | None:
    """Money that open positions lose from now until their stops; None when one has no stop."""
    total = 0.0
    for position in positions:
        if position.sl <= 0:
            return None
        change = terminal.order_calc_profit(
            position.type, position.symbol, position.volume, position.price_current, position.sl
        )
        if change is None:
            return None
        total += max(0.0, -change)
    return total


def close_position(desk: Desk, entry: Intent, position: Any, symbol: Any, tick: Any, now_us: int) -> Intent:
    """Journal and send the close of a position at the session's end."""
    side = -entry.dir
    identity = intent_id(entry.signal_id, side, EXIT, desk.account)
    price = tick.ask if side > 0 else tick.bid
    request = {
        "action": mt5.TRADE_ACTION_DEAL,
        "magic": entry.request["magic"],
        "symbol": position.symbol,
        "volume": float(position.volume),
        "price": price,
        "deviation": desk.config.execution.deviation_points,
        "type": mt5.ORDER_TYPE_BUY if side > 0 else mt5.ORDER_TYPE_SELL,
        "type_filling": filling_of(symbol.filling_mode),
        "type_time": mt5.ORDER_TIME_GTC,
        "comment": tag_of(identity),
        "position": int(position.ticket),
    }
    intent = replace(
        entry,
        intent_id=identity,
        session=desk.session,
        dir=side,
        leg=EXIT,
        decided_us=now_us,
        volume_lots=float(position.volume),
        price_reference=price,
        sl=None,
        tp=None,
        state=OrderState.SENDING.value,
        gate=None,
        retcode=None,
        order_ticket=None,
        deal_ticket=None,
        fill_price=None,
        reason="the session ends: position closed",
        request=request,
    )
    return carry_out(desk, intent)
