"""Laws of the simulated terminal on random markets and requests, and its memory on disk."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import ExecutionError, TerminalError
from zanzibar_assets.execution.simulated import money
from zanzibar_assets.execution.simulated.market import Market
from zanzibar_assets.execution.simulated.terminal import SimulatedTerminal
from zanzibar_assets.execution.tape import QUOTE_SCHEMA, QuoteTape
from zanzibar_assets_tests.execution.terminals import (
    ACCOUNT,
    BASE,
    EURUSD,
    SECOND,
    TUESDAY_US,
    move,
    tape,
    terminal,
)

LAWS = settings(deadline=None, max_examples=40, derandomize=True)
GBPUSD = replace(EURUSD, name="GBPUSD", currency_base="GBP")
POOR = replace(ACCOUNT, initial_balance=250.0, leverage=500)


def random_tape(seed, symbol, rows=120):
    generator = random.Random(seed)
    price, stamp, made = 1.1, 0.0, []
    for _ in range(rows):
        stamp += generator.choice([0.0, 0.5, 1.0, 3.0])
        price = round(price + generator.randint(-60, 60) * 1e-5, 5)
        spread = generator.randint(1, 20) * 1e-5
        low, high = price, price
        if generator.random() < 0.2:
            low, high = (
                round(price + d * 1e-5, 5) for d in (-generator.randint(0, 80), generator.randint(0, 80))
            )
        made.append((stamp, price, round(price + spread, 5), low, high))
    return tape(made, symbol, symbol[:3])


def random_request(generator, made):
    symbol = generator.choice(["EURUSD", "GBPUSD"])
    tick = made.symbol_info_tick(symbol)
    if tick is None:
        return None
    side = generator.choice([0, 1])
    sign = 1 if side == 0 else -1
    request = BASE | {"symbol": symbol, "type": side, "volume": generator.randint(1, 60) / 100}
    held = made.positions_get()
    if held and generator.random() < 0.3:
        position = generator.choice(held)
        return request | {"symbol": position.symbol, "type": 1 - position.type, "position": position.ticket}
    far = generator.randint(20, 300) * 1e-5
    if generator.random() < 0.3:
        price = round(tick.bid - far, 5)
        kind = generator.choice([2, 5])
        return request | {"action": 5, "type": kind, "price": price, "type_time": generator.choice([0, 1])}
    if generator.random() < 0.7:
        request |= {"sl": round(tick.bid - sign * far, 5), "tp": round(tick.bid + sign * 2 * far, 5)}
    return request


def play(seed, advance, account=ACCOUNT):
    """A random session; ``advance`` names the way the market moves."""
    generator = random.Random(seed)
    made = SimulatedTerminal(account, [EURUSD, GBPUSD])
    made.initialize()
    both = {**random_tape(seed, "EURUSD").symbols, **random_tape(seed + 1, "GBPUSD").symbols}
    made._market = Market(made.book, QuoteTape(both))
    for step in range(1, 15):
        getattr(made._market, advance)(TUESDAY_US + step * 9 * SECOND)
        request = random_request(generator, made)
        if request is not None:
            made.order_send(request)
    return made


def whole(made):
    always = (1, 2_000_000_000)
    return (
        made.account_info(),
        made.positions_get(),
        made.orders_get(),
        made.history_orders_get(*always),
        made.history_deals_get(*always),
    )


@LAWS
@given(st.integers(0, 10_000))
def test_jumping_to_triggers_equals_looking_at_each_quote(seed):
    assert whole(play(seed, "advance")) == whole(play(seed, "advance_by_each_quote"))


@LAWS
@given(st.integers(0, 10_000))
def test_the_same_with_a_margin_that_can_run_out(seed):
    assert whole(play(seed, "advance", POOR)) == whole(play(seed, "advance_by_each_quote", POOR))


@LAWS
@given(st.integers(0, 10_000), st.sampled_from([0, 2]))
def test_balance_is_the_sum_of_deals_and_volumes_add_up(seed, margin_mode):
    made = play(seed, "advance", replace(ACCOUNT, margin_mode=margin_mode))
    deals = made.history_deals_get(1, 2_000_000_000)
    total = sum(Decimal(repr(v)) for d in deals for v in (d.profit, d.swap, d.commission, d.fee))
    account = made.account_info()
    assert account.balance == float(total)
    assert account.equity == pytest.approx(account.balance + account.profit, abs=1e-9)
    for symbol in ("EURUSD", "GBPUSD"):
        bought = sum(
            Decimal(repr(d.volume)) * (1 if d.type == 0 else -1) for d in deals if d.symbol == symbol
        )
        held = sum(
            Decimal(repr(p.volume)) * (1 if p.type == 0 else -1) for p in made.positions_get(symbol=symbol)
        )
        assert bought == held
    tickets = [d.ticket for d in deals]
    assert tickets == sorted(set(tickets))


@LAWS
@given(st.integers(0, 10_000))
def test_a_deal_never_knows_a_later_quote(seed):
    """The first part of a session is the same whether or not the rest of the tape is there."""
    cut = TUESDAY_US + 60 * SECOND

    def deals(rows):
        made = SimulatedTerminal(ACCOUNT, [EURUSD])
        made.initialize()
        made.attach(random_tape(seed, "EURUSD", rows))
        generator = random.Random(seed)
        for step in range(1, 7):
            made.advance_to(TUESDAY_US + step * 9 * SECOND)
            request = random_request(generator, made)
            if request is not None and request["symbol"] == "EURUSD":
                made.order_send(request)
        made.advance_to(cut)
        return made.history_deals_get(1, 2_000_000_000)

    assert deals(100) == deals(300)


@given(st.integers(0, 10**7), st.sampled_from([0.01, 0.1, 0.25, 1.0, 0.125]))
@LAWS
def test_whole_steps_are_multiples(count, step):
    value = float(Decimal(count) * Decimal(repr(step)))
    assert money.is_multiple(value, step)
    assert not money.is_multiple(value + step / 2, step)


def test_rounding_is_half_away_from_zero():
    assert money.rounded(2.675, 2) == 2.68
    assert money.rounded(-2.675, 2) == -2.68
    assert str(money.rounded(-0.001, 2)) == "0.0"


def test_the_account_survives_its_process(tmp_path):
    path = tmp_path / "account.sqlite"
    first = terminal(path=path)
    ticket = first.order_send(BASE | {"sl": 1.09500}).order
    first.order_send(BASE | {"action": 5, "type": 2, "price": 1.09})
    move(first, 1.10100)
    second = SimulatedTerminal(ACCOUNT, [EURUSD], path)
    second.initialize()
    assert whole(second) == whole(first)
    assert second.clock_us == first.clock_us
    move(second, 1.09400)
    assert second.positions_get() == ()
    assert second.history_deals_get(position=ticket)[1].price == 1.09400


def test_two_processes_on_one_account_are_noticed(tmp_path):
    path = tmp_path / "account.sqlite"
    first, second = terminal(path=path), terminal(path=path)
    second.order_send(BASE)
    with pytest.raises(TerminalError, match="another process"):
        first.order_send(BASE)


def test_a_file_of_another_account_is_refused(tmp_path):
    path = tmp_path / "account.sqlite"
    terminal(path=path)
    with pytest.raises(TerminalError, match="another simulated account"):
        SimulatedTerminal(replace(ACCOUNT, login=5), [EURUSD], path)


def test_two_quote_sources_for_one_symbol_are_refused():
    frames = [
        pl.DataFrame([(1, name, "EURUSD", 1.1, 1.2, 1.1, 1.1, False)], schema=QUOTE_SCHEMA, orient="row")
        for name in ("EUR", "OTHER")
    ]
    with pytest.raises(ExecutionError, match="two quote sources"):
        QuoteTape.from_frames(frames)


def test_quotes_out_of_order_are_refused():
    with pytest.raises(ExecutionError, match="time order"):
        tape([(1, 1.1, 1.2), (0, 1.1, 1.2)])


def test_random_sessions_reach_every_kind_of_deal():
    """The laws above are about stops, targets, stop outs and pending orders: they must occur."""
    reasons = {
        deal.reason
        for seed in range(20)
        for deal in play(seed, "advance", POOR).history_deals_get(1, 2_000_000_000)
    }
    assert reasons == {0, 3, 4, 5, 6}
