"""Scenarios of the simulated terminal: refusals, fills, books, stops, pending orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from zanzibar_assets.errors import TerminalError
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.execution.simulated.model import SymbolSpec
from zanzibar_assets.execution.simulated.terminal import SimulatedTerminal
from zanzibar_assets.vocabulary import to_us
from zanzibar_assets_tests.execution.terminals import (
    ACCOUNT,
    BASE,
    EURUSD,
    SECOND,
    TUESDAY_US,
    books,
    move,
    tape,
    terminal,
)

NETTING = replace(ACCOUNT, margin_mode=0)
SELL = BASE | {"type": 1}


def refused(made, request, code, comment=None):
    before = books(made)
    result = made.order_send(request)
    assert result.retcode == code
    assert (result.deal, result.order, result.volume, result.price, result.request_id) == (0, 0, 0.0, 0.0, 0)
    assert comment is None or result.comment == comment
    assert books(made) == before
    return result


# -- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("volume", [0.015, 0.009, 50.01, 0.0, -0.1])
def test_volumes_off_the_limits_or_the_step(volume):
    refused(terminal(), BASE | {"volume": volume}, 10014, "Invalid volume")


def test_a_volume_that_floats_cannot_divide_is_accepted():
    assert terminal().order_send(BASE | {"volume": 0.29}).retcode == 10009


def test_stops_need_their_distance_and_exactly_the_level_is_enough():
    refused(terminal(), BASE | {"sl": 1.09990}, 10016, "Invalid stops")
    assert terminal().order_send(BASE | {"sl": 1.09980}).retcode == 10009
    refused(terminal(), BASE | {"sl": 1.10050}, 10016)  # wrong side
    refused(terminal(), BASE | {"tp": 1.09900}, 10016)
    refused(terminal(), SELL | {"sl": 1.09900}, 10016)
    refused(terminal(), BASE | {"sl": 1.097505}, 10016)  # off the tick grid


def test_filling_modes():
    refused(terminal(), BASE | {"type_filling": 2}, 10030, "Unsupported filling mode")
    refused(terminal(filling_mode=1), BASE | {"type_filling": 1}, 10030)
    for filling in (0, 1, 2):
        made = terminal(exemode=mt5.SYMBOL_TRADE_EXECUTION_INSTANT)
        assert made.order_send(BASE | {"type_filling": filling}).retcode == 10009


def test_a_closed_market_is_seen_by_send_only():
    made = terminal()
    made.advance_to(to_us(datetime(2025, 7, 5, 12, tzinfo=UTC)))  # Saturday
    check = made.order_check(BASE)
    assert (check.retcode, check.comment) == (0, "Done")
    refused(made, BASE, 10018, "Market closed")


def test_crypto_trades_on_saturday():
    made = terminal(weekend_closed=False)
    made.advance_to(to_us(datetime(2025, 7, 5, 12, tzinfo=UTC)))
    assert made.order_send(BASE).retcode == 10009


def test_instant_execution_needs_a_price_within_the_deviation():
    instant = mt5.SYMBOL_TRADE_EXECUTION_INSTANT
    refused(terminal(exemode=instant), BASE | {"price": 0.0}, 10015, "Invalid price")
    result = terminal(exemode=instant).order_send(BASE | {"price": 1.09900})
    assert (result.retcode, result.bid, result.ask) == (10004, 1.10000, 1.10010)
    assert terminal(exemode=instant).order_send(BASE | {"price": 1.09900, "deviation": 200}).retcode == 10009


def test_changes_that_change_nothing_and_unknown_tickets():
    made = terminal()
    ticket = made.order_send(BASE | {"sl": 1.09500, "tp": 1.10500}).order
    sltp = {"action": 6, "position": ticket, "symbol": "EURUSD", "sl": 1.09500, "tp": 1.10500}
    refused(made, sltp, 10025, "No changes")
    refused(made, sltp | {"position": 999}, 10013)
    refused(made, {"action": 8, "order": 999}, 10013)
    done = made.order_send(sltp | {"sl": 1.09400, "tp": 0.0})
    assert (done.retcode, done.deal, done.order, done.volume, done.price) == (10009, 0, 0, 0.0, 0.0)
    position = made.positions_get(ticket=ticket)[0]
    assert (position.sl, position.tp) == (1.09400, 0.0)


def test_closes_that_cannot_be():
    made = terminal()
    ticket = made.order_send(BASE).order
    close = SELL | {"position": ticket}
    refused(made, close | {"volume": 0.20}, 10038, "Invalid close volume")
    refused(made, BASE | {"position": ticket}, 10013)  # same side
    assert made.order_send(close).retcode == 10009
    refused(made, close, 10036, "Position already closed")


def test_fifo_and_hedge_prohibited_accounts():
    made = terminal(account=replace(ACCOUNT, fifo_close=True))
    made.order_send(BASE)
    newer = made.order_send(BASE).order
    refused(made, SELL | {"position": newer}, 10045)
    made = terminal(account=replace(ACCOUNT, hedge_prohibited=True))
    made.order_send(BASE)
    refused(made, SELL, 10046)


@pytest.mark.parametrize(
    ("changes", "request_change", "code"),
    [
        ({"trade_mode": 0}, {}, 10017),
        ({"trade_mode": 1}, {"type": 1}, 10042),
        ({"trade_mode": 2}, {}, 10043),
        ({"trade_mode": 3}, {}, 10044),
        ({"order_mode": 126}, {}, 10035),
        ({"volume_limit": 0.05}, {}, 10034),
        ({}, {"symbol": "GBPUSD"}, 10013),
        ({}, {"action": 99}, 10013),
        ({}, {"volume": 50.0, "type": 0}, 10009),
    ],
)
def test_permissions(changes, request_change, code):
    assert terminal(**changes).order_send(BASE | request_change).retcode == code


def test_no_money_and_no_prices():
    poor = replace(ACCOUNT, initial_balance=100.0)
    refused(terminal(account=poor), BASE, 10019, "No money")
    refused(terminal(rows=()), BASE, 10021, "No prices")


# -- fills and books -------------------------------------------------------------------------


def test_a_market_buy_opens_a_position():
    made = terminal()
    result = made.order_send(BASE | {"price": 9.9})  # ignored on market execution
    assert (result.retcode, result.price, result.comment) == (10009, 1.10010, "Request executed")
    assert result.request_id > 0
    (position,) = made.positions_get()
    assert position.ticket == position.identifier == result.order
    assert (position.reason, position.magic, position.price_current) == (3, 7, 1.10000)
    deal = made.history_deals_get(position=position.ticket)[0]
    assert (deal.entry, deal.type, deal.profit, deal.commission, deal.ticket) == (
        0, 0, 0.0, -0.25, result.deal,
    )  # fmt: skip
    account = made.account_info()
    assert (account.balance, account.margin) == (99_999.75, 110.01)
    assert account.equity == 99_998.75


def test_a_full_close_books_the_profit():
    made = terminal()
    ticket = made.order_send(BASE).order
    move(made, 1.10110)
    result = made.order_send(SELL | {"position": ticket})
    assert result.price == 1.10110
    deals = made.history_deals_get(position=ticket)
    assert [d.entry for d in deals] == [0, 1]
    assert (deals[1].profit, deals[1].commission) == (10.00, -0.25)
    assert made.account_info().balance == 100_009.50
    assert made.positions_get() == ()
    assert round(sum(d.profit + d.swap + d.commission + d.fee for d in deals), 8) == 9.50


def test_a_close_without_position_opens_the_opposite_one():
    made = terminal()
    made.order_send(BASE)
    made.order_send(SELL)
    assert [p.type for p in made.positions_get()] == [0, 1]


def test_partial_closes_keep_the_ticket_and_add_up():
    made = terminal()
    ticket = made.order_send(BASE).order
    move(made, 1.10110)
    made.order_send(SELL | {"position": ticket, "volume": 0.04})
    (position,) = made.positions_get()
    assert (position.ticket, position.volume) == (ticket, 0.06)
    made.order_send(SELL | {"position": ticket, "volume": 0.06})
    deals = made.history_deals_get(position=ticket)
    assert [d.volume for d in deals] == [0.10, 0.04, 0.06]
    assert sum(d.profit for d in deals) == 10.00


def test_published_profits_and_margins():
    made = terminal()
    assert made.order_calc_profit(0, "EURUSD", 1.0, 1.10000, 1.10100) == 100.0
    assert made.order_calc_profit(1, "EURUSD", 0.01, 1.09301, 1.10104) == -8.03
    assert made.order_calc_margin(0, "EURUSD", 0.1, 1.0991) == 109.91
    thirty = terminal(account=replace(ACCOUNT, leverage=30))
    assert thirty.order_calc_margin(0, "EURUSD", 1, 1.10) == 3666.67
    yen = SymbolSpec(
        "USDJPY", 3, 0.001, 0.001, 100_000.0, 0.01, 50.0, 0.01, 0,
        currency_base="USD", currency_profit="JPY",
    )  # fmt: skip
    gold = SymbolSpec("XAUUSD", 2, 0.01, 0.01, 100.0, 0.01, 50.0, 0.01, mt5.SYMBOL_CALC_MODE_CFDLEVERAGE)
    other = SimulatedTerminal(ACCOUNT, [yen, gold])
    other.initialize()
    assert other.order_calc_margin(0, "USDJPY", 0.1, 110.0) == 100.0
    assert other.order_calc_margin(0, "XAUUSD", 0.01, 1899.97) == 19.0


def test_netting_reversal_as_a_real_terminal_printed_it():
    made = terminal(account=NETTING, commission_per_lot=0.0)
    lot = BASE | {"volume": 0.01}
    move(made, 1.10001, 1.10011)
    first = made.order_send(lot)
    move(made, 1.09999, 1.10009)
    made.order_send(lot)
    (position,) = made.positions_get()
    assert (position.price_open, position.volume) == (1.10010, 0.02)
    move(made, 1.10018, 1.10028)
    reversing = made.order_send(lot | {"type": 1, "volume": 0.03})
    (position,) = made.positions_get()
    assert (position.ticket, position.identifier) == (reversing.order, first.order)
    assert (position.type, position.volume, position.price_open) == (1, 0.01, 1.10018)
    inout = made.history_deals_get(ticket=reversing.order)[0]
    assert (inout.entry, inout.volume, inout.profit) == (2, 0.03, 0.16)
    move(made, 1.10007, 1.10017)
    closing = made.order_send(lot)
    out = made.history_deals_get(ticket=closing.order)[0]
    assert (out.entry, out.profit) == (1, 0.01)
    assert made.positions_get() == ()


def test_a_thin_book_fills_in_part():
    made = terminal(available_lots=0.05)
    before = books(made)
    assert made.order_send(BASE | {"type_filling": 0}).retcode != 10009
    assert books(made) == before
    result = made.order_send(BASE | {"type_filling": 1})
    assert (result.retcode, result.volume) == (10010, 0.05)
    assert made.orders_get() == ()
    exchange = terminal(available_lots=0.05, exemode=mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE)
    assert exchange.order_send(BASE | {"type_filling": 2}).retcode == 10010
    assert exchange.orders_get()[0].volume_current == 0.05


def test_stop_loss_is_watched_on_the_bid_and_pays_the_gap():
    for bid, price in ((1.09899, 1.09899), (1.09500, 1.09500)):
        made = terminal()
        ticket = made.order_send(BASE | {"sl": 1.09900}).order
        move(made, 1.09901, 1.09911)
        assert len(made.positions_get()) == 1
        move(made, bid)
        assert made.positions_get() == ()
        out = made.history_deals_get(position=ticket)[1]
        assert (out.price, out.reason, out.entry, out.comment) == (price, 4, 1, "[sl 1.09900]")


def test_the_ask_alone_does_not_trigger_a_buys_stop():
    made = terminal()
    made.order_send(BASE | {"sl": 1.09900})
    move(made, 1.09905, 1.09900 + 0.0001)
    assert len(made.positions_get()) == 1


def test_a_sells_stop_is_watched_on_the_ask():
    made = terminal()
    made.order_send(SELL | {"sl": 1.10100})
    move(made, 1.10089, 1.10099)
    assert len(made.positions_get()) == 1
    move(made, 1.10090, 1.10100)
    assert made.positions_get() == ()


def test_take_profit_fills_at_its_level_and_the_stop_comes_first_on_a_path():
    made = terminal()
    ticket = made.order_send(BASE | {"sl": 1.09500, "tp": 1.10500}).order
    move(made, 1.10600)
    assert made.history_deals_get(position=ticket)[1].price == 1.10500
    made = terminal(rows=[(0, 1.10000, 1.10010), (60, 1.10100, 1.10110, 1.09400, 1.10700)])
    ticket = made.order_send(BASE | {"sl": 1.09500, "tp": 1.10500}).order
    made.advance_to(TUESDAY_US + 61 * SECOND)
    out = made.history_deals_get(position=ticket)[1]
    assert (out.reason, out.price) == (4, 1.09500)  # a path passes through the level: no gap


def test_pending_buy_stop_triggers_on_the_ask():
    made = terminal()
    pending = BASE | {"action": 5, "type": 4, "price": 1.10100, "type_filling": 2}
    ticket = made.order_send(pending).order
    assert [o.ticket for o in made.orders_get()] == [ticket]
    move(made, 1.10089, 1.10099)
    assert made.positions_get() == ()
    move(made, 1.10090, 1.10100)
    assert made.orders_get() == ()
    (position,) = made.positions_get()
    assert (position.identifier, position.price_open) == (ticket, 1.10100)
    (order,) = made.history_orders_get(ticket=ticket)
    assert order.state == mt5.ORDER_STATE_FILLED


@pytest.mark.parametrize(
    ("change", "after_seconds"),
    [
        ({"type_time": 1}, 9 * 3_600),  # the server's midnight is 21:00 UTC in July
        ({"type_time": 2, "expiration": TUESDAY_US // SECOND + 10_800 + 600}, 600),
        ({"type_time": 3, "expiration": TUESDAY_US // SECOND + 10_800 + 86_400}, 33 * 3_600),
    ],
)
def test_pending_orders_expire_without_a_deal(change, after_seconds):
    made = terminal()
    pending = BASE | {"action": 5, "type": 2, "price": 1.09000, "type_filling": 2}
    ticket = made.order_send(pending | change).order
    move(made, 1.10000, after=after_seconds - 1)
    assert len(made.orders_get()) == 1
    move(made, 1.10001, after=1)
    assert made.orders_get() == ()
    assert made.history_orders_get(ticket=ticket)[0].state == mt5.ORDER_STATE_EXPIRED
    assert made.positions_get() == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": 2, "price": 1.10020}, 10015),
        ({"type": 2, "price": 1.10005}, 10015),
        ({"type": 4, "price": 1.09000}, 10015),
        ({"type": 3, "price": 1.09000}, 10015),
        ({"type": 5, "price": 1.10500}, 10015),
        ({"type": 2, "price": 1.09, "type_time": 2, "expiration": TUESDAY_US // SECOND}, 10022),
        ({"type": 2, "price": 1.09, "sl": 1.095}, 10016),
        ({"type": 6, "price": 1.10500, "stoplimit": 1.10600}, 10015),
    ],
)
def test_pending_orders_that_cannot_be(change, code):
    refused(terminal(), BASE | {"action": 5, "type_filling": 2} | change, code)


def test_stop_limit_becomes_a_limit_order():
    made = terminal()
    request = BASE | {"action": 5, "type": 6, "price": 1.10200, "stoplimit": 1.10100, "type_filling": 2}
    ticket = made.order_send(request).order
    move(made, 1.10195, 1.10205)
    (order,) = made.orders_get()
    assert (order.ticket, order.type, order.price_open) == (ticket, 2, 1.10100)
    move(made, 1.10080, 1.10090)
    assert made.positions_get()[0].price_open == 1.10100


def test_modify_and_remove_a_pending_order():
    made = terminal()
    ticket = made.order_send(BASE | {"action": 5, "type": 2, "price": 1.09}).order
    change = {"action": 7, "order": ticket, "price": 1.08900}
    assert made.order_send(change).retcode == 10009
    refused(made, change, 10025)
    assert made.orders_get()[0].price_open == 1.08900
    assert made.order_send({"action": 8, "order": ticket}).retcode == 10009
    assert made.history_orders_get(ticket=ticket)[0].state == mt5.ORDER_STATE_CANCELED


def test_close_by_books_the_profit_on_one_deal():
    made = terminal(commission_per_lot=0.0)
    buy = made.order_send(BASE).order
    move(made, 1.10110, 1.10120)
    sell = made.order_send(SELL | {"volume": 0.04}).order
    done = made.order_send({"action": 10, "position": buy, "position_by": sell})
    assert done.retcode == 10009
    by = [d for d in made.history_deals_get(1, 2_000_000_000) if d.entry == 3]
    assert [(d.position_id, d.profit, d.price) for d in by] == [(buy, 4.00, 1.10110), (sell, 0.0, 1.10010)]
    assert [p.volume for p in made.positions_get()] == [0.06]


def test_stop_out_closes_the_worst_position_at_half_margin():
    made = terminal(account=replace(ACCOUNT, initial_balance=130.0), commission_per_lot=0.0)
    made.order_send(BASE)  # margin 110.01
    move(made, 1.09261)  # floating -74.90, equity 55.10: level 50.09 %
    assert len(made.positions_get()) == 1
    move(made, 1.09259)
    assert made.positions_get() == ()
    assert made.history_deals_get(1, 2_000_000_000)[-1].reason == mt5.DEAL_REASON_SO


def test_order_check_shows_totals_after_the_trade():
    made = terminal()
    made.order_send(BASE)
    check = made.order_check(SELL)
    assert (check.retcode, check.comment, check.margin) == (0, "Done", 220.01)  # not netted
    assert check.margin_free == round(check.equity - 220.01, 2)
    assert check.request.symbol == "EURUSD"


def test_the_clock_never_goes_back():
    made = terminal()
    with pytest.raises(TerminalError, match="never goes back"):
        made.advance_to(TUESDAY_US - 1)


def test_winter_server_time():
    made = SimulatedTerminal(ACCOUNT, [EURUSD])
    made.initialize()
    winter = to_us(datetime(2025, 1, 15, 12, tzinfo=UTC))
    shift = (winter - TUESDAY_US) / SECOND
    made.attach(tape([(shift, 1.1, 1.1001)]))
    made.advance_to(winter)
    assert made.symbol_info_tick("EURUSD").time - winter // SECOND == 7_200
