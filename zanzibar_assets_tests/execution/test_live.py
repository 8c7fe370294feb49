"""The live path: what it refuses, arming, re-asking, unknown outcomes. A fake terminal stands for MT5."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest

from zanzibar_assets.config import Config
from zanzibar_assets.errors import ConfigError, ExecutionError, TerminalError
from zanzibar_assets.execution.arming import Arming, write_arming
from zanzibar_assets.execution.broker import build_broker_status
from zanzibar_assets.execution.journal import IntentJournal
from zanzibar_assets.execution.mt5_backend import open_mt5
from zanzibar_assets.execution.port import open_terminal
from zanzibar_assets.execution.session import execute_session
from zanzibar_assets.execution.simulated.model import account_spec, symbol_spec
from zanzibar_assets.execution.simulated.structs import OrderSendResult
from zanzibar_assets.execution.simulated.terminal import SimulatedTerminal
from zanzibar_assets.execution.tape import QuoteTape
from zanzibar_assets_tests.execution.desk import (
    INSTRUMENTS,
    NOON,
    SESSION,
    WINDOW,
    at,
    quotes,
    signal,
    signals,
)

REAL = INSTRUMENTS["ES"]
NO_QUOTES = QuoteTape()


class LiveTerminal:
    """A terminal that calls itself live; ``answers`` replace what order_send says."""

    simulated = False

    def __init__(self, config, answers=()):
        self._inner = SimulatedTerminal(account_spec(config), [symbol_spec(REAL)])
        self._inner.initialize()
        self._inner.attach(quotes(((0, 5_000.0), (1_800, 5_000.0)), REAL))
        self.answers = list(answers)
        self.sent = []

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def order_send(self, request):
        self.sent.append(request)
        if not self.answers:
            return self._inner.order_send(request)
        answer = self.answers.pop(0)
        if answer == "fill, then time out":
            self._inner.order_send(request)
            answer = 10012
        return answer and OrderSendResult([answer, 0, 0, 0.0, 0.0, 0.0, 0.0, "said", 0, 0, None])


class Live:
    def __init__(self, home, armed=True, answers=()):
        login = account_spec(Config(home=home)).login
        execution = {"backend": "mt5", "expected_login": login, "expected_server": "Zanzibar-Simulated"}
        self.config = Config(home=home, execution=execution)
        self.terminal = LiveTerminal(self.config, answers)
        self.journal = IntentJournal(self.config.database)
        if armed:
            write_arming(self.config.arming_file, Arming(SESSION, login, at(0), WINDOW.close_us))

    def run(self, *rows, seconds=61.0, session=SESSION, now_us=None):
        now = at(seconds) if now_us is None else now_us
        if now > self.terminal.clock_us:
            self.terminal.advance_to(now)
        status = build_broker_status(self.terminal, [REAL], now, self.config)
        return execute_session(
            signals(*rows), status, NO_QUOTES, session, INSTRUMENTS, self.config, self.journal,
            self.terminal, now_us=now,
        )  # fmt: skip


def real(seconds=60.0, direction=1, **changes):
    return signal(seconds, direction, instrument="ES", simulated=False, **changes)


def test_an_armed_session_sends_once(tmp_path):
    live = Live(tmp_path)
    done = live.run(real())
    assert done.orders.select("state", "simulated").rows() == [("filled", False)]
    live.run(real(), seconds=62)
    assert len(live.terminal.sent) == 1
    request = live.terminal.sent[0]
    assert len(request["comment"]) <= 27
    assert request["sl"] == 4_995.25


def test_disarmed_blocks_and_arming_lets_a_fresh_signal_go(tmp_path):
    live = Live(tmp_path, armed=False)
    blocked = live.run(real()).orders
    assert blocked.select("state", "gate").rows() == [("blocked", "armed")]
    assert "zanzibar arm" in blocked["reason"].item()
    login = live.terminal.account_info().login
    write_arming(live.config.arming_file, Arming(SESSION, login, at(61), WINDOW.close_us))
    assert live.run(real(), seconds=90).orders["state"].to_list() == ["filled"]


@pytest.mark.parametrize(
    ("row", "gate"),
    [
        (real(approved=False, source="model", model_id="m"), "armed"),
        (real(expires_at=NOON + timedelta(seconds=60.5)), "fresh_signal"),
    ],
)
def test_what_never_reaches_a_live_account(tmp_path, row, gate):
    live = Live(tmp_path)
    assert live.run(row).orders["gate"].to_list() == [gate]
    assert live.terminal.sent == []


def test_a_simulated_instrument_never_reaches_a_live_account(tmp_path):
    live = Live(tmp_path)
    live.terminal._inner = SimulatedTerminal(
        account_spec(live.config), [symbol_spec(REAL), symbol_spec(INSTRUMENTS["SIM_ES"])]
    )
    live.terminal.initialize()
    live.terminal.attach(quotes(((0, 5_000.0), (1_800, 5_000.0))))
    assert live.run(signal()).orders["gate"].to_list() == ["armed"]
    assert live.terminal.sent == []


def test_only_the_running_session(tmp_path):
    live = Live(tmp_path)
    with pytest.raises(ExecutionError, match="running session only"):
        live.run(real(), now_us=WINDOW.close_us)
    with pytest.raises(ExecutionError, match="running session only"):
        live.run(real(), now_us=WINDOW.starts_us - 1)


def test_the_present_time_is_needed(tmp_path):
    live = Live(tmp_path)
    live.terminal.advance_to(at(61))
    status = build_broker_status(live.terminal, [REAL], at(61), live.config)
    with pytest.raises(ExecutionError, match="present time"):
        execute_session(
            signals(real()), status, NO_QUOTES, SESSION, INSTRUMENTS, live.config, live.journal, live.terminal
        )


@pytest.mark.parametrize("code", [10012, 10031, 10011, 10008])
def test_an_unsure_code_is_unknown_and_stops_the_rest(tmp_path, code):
    live = Live(tmp_path, answers=[code])
    done = live.run(real(), real(60.5, signal_id="second"))
    assert done.orders.select("state", "gate").rows() == [("unknown", None), ("blocked", "reconciled")]
    assert len(live.terminal.sent) == 1
    live.run(real(), seconds=100)
    assert len(live.terminal.sent) == 1  # still inside the grace: not resent


def test_a_timeout_after_the_fill_is_found_by_its_tag(tmp_path):
    live = Live(tmp_path, answers=["fill, then time out"])
    assert live.run(real()).orders["state"].to_list() == ["unknown"]
    (order,) = live.run(real(), seconds=65).orders.to_dicts()
    assert (order["state"], order["volume_lots"], order["fill_price"]) == ("filled", 20.0, 5_000.25)
    assert len(live.terminal.sent) == 1


def test_without_a_trace_it_is_rejected_after_the_grace_and_never_resent(tmp_path):
    live = Live(tmp_path, answers=[10012])
    live.run(real())
    (order,) = live.run(real(), seconds=61 + 301).orders.to_dicts()
    assert order["state"] == "rejected"
    assert "never reached" in order["reason"]
    assert len(live.terminal.sent) == 1


def test_a_refusal_is_final(tmp_path):
    live = Live(tmp_path, answers=[10019])
    (order,) = live.run(real()).orders.to_dicts()
    assert (order["state"], order["retcode"], order["reason"]) == ("rejected", 10019, "10019 said")


def test_positions_are_closed_before_the_sessions_close(tmp_path):
    live = Live(tmp_path)
    live.run(real())
    live.terminal.attach(quotes(((20_000, 5_001.0), (23_000, 5_001.0)), REAL))
    last = WINDOW.close_us - 30_000_000
    done = live.run(real(), now_us=last)
    assert done.fills["exit_reason"].to_list() == ["", "session end"]
    assert done.account_state["open_positions"].item() == 0


def test_without_the_module_the_live_backend_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "MetaTrader5", None)
    with pytest.raises(TerminalError, match="not installed here"):
        open_mt5()
    with pytest.raises(TerminalError, match="not installed here"):
        open_terminal(Config(home=tmp_path, execution={"backend": "mt5"}), [])


def test_an_unknown_backend_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="unknown execution backend"):
        open_terminal(Config(home=tmp_path, execution={"backend": "fix"}), [])


def test_a_symbol_that_the_server_lacks(tmp_path):
    live = Live(tmp_path)
    with pytest.raises(TerminalError, match="does not know the symbol XAUUSD"):
        build_broker_status(live.terminal, [INSTRUMENTS["GC"]], at(0), live.config)
