"""The Python layer of the simulated terminal: names, shapes, argument checks, errors."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from zanzibar_assets.execution import constants
from zanzibar_assets.execution.simulated import structs
from zanzibar_assets.execution.simulated.arguments import matches_group, utf16_units
from zanzibar_assets_tests.execution.terminals import BASE, TUESDAY_US, terminal

FACTS = json.loads(Path(__file__).with_name("mt5_facts.json").read_text())


def test_constants_are_the_modules():
    assert {name: getattr(constants, name) for name in constants.MODULE_NAMES} == FACTS["constants"]
    for name, value in FACTS["absent_constants"].items():
        assert getattr(constants, name) == value
        assert name not in constants.MODULE_NAMES


@pytest.mark.parametrize("name", sorted(FACTS["structs"]))
def test_structs_have_the_modules_fields_in_order(name):
    assert list(getattr(structs, name)._names) == FACTS["structs"][name]


def test_terminal_has_every_function_that_trading_needs():
    made = terminal()
    market_data = {"market_book_add", "market_book_get", "market_book_release", "login"}
    helpers = {"Buy", "Sell", "Close"}
    wanted = {n for n in FACTS["functions"] if not n.startswith("copy_")} - market_data - helpers
    assert [name for name in sorted(wanted) if not callable(getattr(made, name, None))] == []


def test_structs_are_tuples_with_names_and_cannot_be_pickled():
    tick = terminal().symbol_info_tick("EURUSD")
    assert isinstance(tick, tuple)
    assert tick[1] == tick.bid == 1.1
    assert tick._asdict()["ask"] == 1.1001
    assert not hasattr(tick, "_fields")
    assert not hasattr(tick, "_replace")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tick.nothing
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(tick)


def test_every_struct_value_has_the_documented_kind():
    made = terminal()
    made.order_send(BASE)
    for view in (made.account_info(), made.terminal_info(), made.symbol_info("EURUSD")):
        for name, value in view._asdict().items():
            assert isinstance(value, (bool, int, float, str)), name
    account = made.account_info()
    assert (account.login, account.margin_mode, account.name) == (11_111_111, 2, "Simulated account")
    assert isinstance(account.credit, float)
    assert isinstance(made.symbol_info("EURUSD").swap_long, float)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"volume": 1}, "volume"),
        ({"sl": 0}, "sl"),
        ({"sl": None}, "sl"),
        ({"price": np.float32(1.1)}, "price"),
        ({"deviation": 10.0}, "deviation"),
        ({"magic": np.int64(7)}, "magic"),
        ({"magic": -1}, "magic"),
        ({"comment": "x" * 30}, "comment"),
        ({"comment": "\U0001f600" * 15}, "comment"),
        ({"symbol": "S" * 30}, "symbol"),
        ({"symbol": 5}, "symbol"),
    ],
)
def test_mistyped_fields_are_refused_before_the_terminal(change, field):
    made = terminal()
    assert made.order_send(BASE | change) is None
    assert made.last_error() == (-2, f'Invalid "{field}" argument')


def test_first_bad_field_in_the_modules_order_is_named():
    made = terminal()
    assert made.order_check(BASE | {"sl": 0, "volume": 1, "magic": -1}) is None
    assert made.last_error() == (-2, 'Invalid "magic" argument')


def test_accepted_oddities():
    made = terminal()
    assert made.order_send(BASE | {"comment": "x" * 29}).retcode == 10009
    assert made.order_send(BASE | {"volume": np.float64(0.1)}).retcode == 10009
    assert made.order_send(**BASE).retcode == 10009
    assert made.order_send(BASE | {"unknown": object()}).retcode == 10009
    assert made.order_send(request=BASE).retcode == 10013


@pytest.mark.parametrize("arguments", [(), ((),), (BASE, BASE), ([("action", 1)],)])
def test_only_one_dict_is_a_request(arguments):
    made = terminal()
    sent = made.order_send(*arguments)
    if not arguments:
        assert sent.retcode == 10013
    else:
        assert sent is None
        assert made.last_error() == (-2, "Invalid arguments")


def test_positional_with_keywords_is_refused():
    made = terminal()
    assert made.order_send(BASE, volume=0.2) is None
    assert made.last_error() == (-2, "Unnamed arguments not allowed")


def test_positions_get_takes_names_only_and_unknown_tickets_are_empty():
    made = terminal()
    assert made.positions_get("EURUSD") is None
    assert made.last_error() == (-2, "Unnamed arguments not allowed")
    assert made.positions_get(ticket=999) == ()
    assert made.last_error() == (1, "Success")


def test_before_initialize_there_is_no_connection():
    made = terminal(connect=False)
    for call in (made.account_info, made.terminal_info, made.positions_get, made.symbols_total, made.version):
        assert call() is None
        assert made.last_error() == (-10004, "No IPC connection")
    assert made.symbol_select("EURUSD") is False
    assert made.order_send(BASE) is None
    assert made.last_error() == (-10004, "No IPC connection")
    # argument errors come before the connection test
    assert made.order_send(BASE | {"volume": 1}) is None
    assert made.last_error() == (-2, 'Invalid "volume" argument')


def test_history_needs_a_range_or_a_key():
    made = terminal()
    assert made.history_deals_get() is None
    assert made.last_error() == (-2, "Invalid arguments")
    assert made.history_deals_get("2025-01-01", 2_000_000_000) is None
    assert len(made.history_deals_get(1, 2_000_000_000)) == 1  # the deposit
    assert made.history_deals_get(1, 2_000_000_000, group="*,!EUR*") != ()


def test_switched_off_terminals_refuse():
    made = terminal()
    made.switches.python_disabled = True
    assert made.order_send(BASE) is None
    assert made.last_error()[0] == -8
    made.switches.python_disabled = False
    made.switches.terminal_trade_allowed = False
    result = made.order_send(BASE)
    assert (result.retcode, result.comment) == (10027, "AutoTrading disabled by client")


def test_unknown_symbols_are_none():
    made = terminal()
    assert made.symbol_info("GBPUSD") is None
    assert made.symbol_info_tick("GBPUSD") is None
    assert made.order_calc_margin(0, "GBPUSD", 1.0, 1.0) is None
    assert made.last_error()[0] == -4


def test_group_masks_apply_in_sequence():
    assert matches_group("EURUSD", "*")
    assert matches_group("EURUSD", "EUR*,!*JPY")
    assert not matches_group("EURJPY", "EUR*,!*JPY")
    assert not matches_group("GBPUSD", "EUR*")


def test_utf16_length_counts_surrogates_twice():
    assert utf16_units("abc") == 3
    assert utf16_units("\U0001f600") == 2


def test_server_time_is_new_york_plus_seven_hours():
    tick = terminal().symbol_info_tick("EURUSD")
    assert tick.time - TUESDAY_US // 1_000_000 == 10_800
    assert tick.time_msc == tick.time * 1_000
