"""The execution op on the simulated backend: money, idempotence, kills, unknown outcomes."""

from __future__ import annotations

import pickle

import pytest
from polars.testing import assert_frame_equal

from zanzibar_assets.contracts.registry import breaches, empty
from zanzibar_assets.errors import ExecutionError
from zanzibar_assets.execution.halt import pull
from zanzibar_assets.execution.journal import IntentJournal
from zanzibar_assets.execution.tape import QuoteTape
from zanzibar_assets.reporting.performance import build_performance
from zanzibar_assets_tests.execution.desk import WINDOW, Faulty, Run, at, quotes, signal, signals

RISING = ((0, 5_000.0), (600, 5_004.0), (1_200, 5_012.0), (1_800, 5_011.0))
FALLING = ((0, 5_000.0), (600, 4_996.0), (1_200, 4_990.0), (1_800, 4_991.0))
QUIET = ((0, 5_000.0), (1_800, 5_001.0))


def same(a, b):
    for name in ("orders", "fills", "account_state"):
        assert_frame_equal(getattr(a, name), getattr(b, name))


def test_a_winning_trade_by_hand(tmp_path):
    done = Run(tmp_path).execute(signals(signal()), quotes(RISING))
    # 100 000 x 0.1 % = 100 USD over 5 points at 1 USD a point and lot: 20 lots, paid at the ask
    (order,) = done.orders.to_dicts()
    assert (order["state"], order["volume_lots"], order["fill_price"]) == ("filled", 20.0, 5_000.25)
    assert (order["sl"], order["tp"], order["simulated"]) == (4_995.25, 5_010.25, True)
    entry, exit_ = done.fills.to_dicts()
    assert (entry["entry"], entry["side"], entry["slippage_points"]) == ("in", "buy", 0.0)
    assert (exit_["exit_reason"], exit_["price"], exit_["profit"]) == ("take profit", 5_010.25, 200.0)
    assert entry["intent_id"] == exit_["intent_id"] == order["intent_id"]
    (state,) = done.account_state.to_dicts()
    assert (state["balance_start"], state["balance"], state["equity"]) == (100_000.0, 100_200.0, 100_200.0)
    assert (state["realised"], state["open_positions"], state["daily_loss_limit"]) == (200.0, 0, 3_000.0)


def test_a_losing_trade_pays_the_gap(tmp_path):
    done = Run(tmp_path).execute(signals(signal()), quotes(FALLING))
    exit_ = done.fills.row(1, named=True)
    assert (exit_["exit_reason"], exit_["price"]) == ("stop loss", 4_990.0)
    assert exit_["profit"] == round((4_990.0 - 5_000.25) * 20, 2)
    assert exit_["slippage_points"] == 525.0  # (4995.25 - 4990.00) / 0.01


def test_what_is_open_is_closed_at_the_sessions_end(tmp_path):
    done = Run(tmp_path).execute(signals(signal()), quotes(QUIET))
    assert done.orders["reason"].to_list()[1] == "the session ends: position closed"
    assert done.fills["exit_reason"].to_list() == ["", "session end"]
    assert done.fills["price"].to_list() == [5_000.25, 5_001.0]
    assert done.account_state["open_positions"].to_list() == [0]


def test_tables_conform(tmp_path):
    done = Run(tmp_path).execute(signals(signal(), signal(90, -1)), quotes(RISING))
    for table in ("orders", "fills", "account_state"):
        assert breaches(table, getattr(done, table)) == []
    states = done.orders.select("state", "gate").rows()
    assert states == [("filled", None), ("blocked", "exposure")]


def test_no_signals_no_quotes(tmp_path):
    done = Run(tmp_path).execute(signals(), QuoteTape())
    assert done.orders.equals(empty("orders"))
    assert done.account_state["balance"].to_list() == [100_000.0]


def test_dropped_signals_are_not_traded(tmp_path):
    done = Run(tmp_path).execute(signals(signal(status="dropped")), quotes(RISING))
    assert done.orders.is_empty()


def test_the_second_run_sends_nothing_and_returns_the_same(tmp_path):
    run = Run(tmp_path)
    first = run.execute(signals(signal(), signal(1_300)), quotes(RISING))
    terminal = Faulty(run.terminal(), None)
    second = run.execute(signals(signal(), signal(1_300)), quotes(RISING), terminal)
    assert terminal.sends == 0
    same(first, second)


def test_a_later_session_does_not_change_an_earlier_ones_tables(tmp_path):
    run = Run(tmp_path)
    first = run.execute(signals(signal()), quotes(RISING))
    day = 86_400
    later = quotes([(s + day, bid) for s, bid in FALLING])
    run.execute(signals(signal(60 + day)), later, session="2024-03-06")
    same(first, run.execute(signals(signal()), quotes(RISING)))


@pytest.mark.parametrize("error", [TimeoutError("bridge"), pickle.PicklingError("AccountInfo")])
@pytest.mark.parametrize("before", [False, True], ids=["after the fill", "before the server"])
def test_an_error_while_sending_leaves_unknown_and_is_reconciled_by_tag(tmp_path, error, before):
    whole = Run(tmp_path / "whole").execute(signals(signal()), quotes(RISING))
    run = Run(tmp_path / "killed")
    faulty = Faulty(run.terminal(), error, before)
    with pytest.raises(type(error)):
        run.execute(signals(signal()), quotes(RISING), faulty)
    (intent,) = run.journal.unresolved("SIM-1")
    assert intent.state == "unknown"
    again = Faulty(run.terminal(), None)
    done = run.execute(signals(signal()), quotes(RISING), again)
    assert again.sends == (1 if before else 0)
    assert run.journal.unresolved("SIM-1") == []
    assert_frame_equal(done.fills, whole.fills)
    assert_frame_equal(done.account_state, whole.account_state)
    assert_frame_equal(done.orders.drop("reason"), whole.orders.drop("reason"))


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, nothing is cleaned up."""


@pytest.mark.parametrize("method", ["update", "add", "close_session"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_run_killed_at_any_journal_write_ends_as_an_undisturbed_one(tmp_path, method, call):
    frame, tape = signals(signal(), signal(1_300)), quotes(RISING)
    whole = Run(tmp_path / "whole").execute(frame, tape)
    run = Run(tmp_path / "killed")

    class DyingJournal(IntentJournal):
        calls = 0

        def __getattribute__(self, name):
            if name == method:
                DyingJournal.calls += 1
                if DyingJournal.calls == call:
                    raise Killed
            return super().__getattribute__(name)

    try:
        run.execute(frame, tape, journal=DyingJournal(run.config.database))
        died = False
    except Killed:
        died = True
    assert died == (call <= DyingJournal.calls)
    resumed = run.execute(frame, tape)
    assert_frame_equal(resumed.fills, whole.fills)
    assert_frame_equal(resumed.account_state, whole.account_state)
    assert_frame_equal(resumed.orders.drop("reason"), whole.orders.drop("reason"))


def test_halted_sessions_send_nothing(tmp_path):
    run = Run(tmp_path)
    pull(run.config.halt_file, "test", "me", at(0))
    done = run.execute(signals(signal()), quotes(RISING))
    assert done.orders.select("state", "gate", "reason").rows() == [
        ("blocked", "kill_switch", "trading is halted: test")
    ]
    assert done.fills.is_empty()
    assert done.account_state["halted"].to_list() == [True]


def test_a_signal_behind_the_accounts_clock_is_blocked(tmp_path):
    run = Run(tmp_path)
    run.execute(signals(signal()), quotes(RISING))
    done = run.execute(signals(signal(), signal(300)), quotes(RISING))
    late = done.orders.row(1, named=True)
    assert (late["state"], late["gate"]) == ("blocked", "clock")
    assert "already stands at 2024-03-05" in late["reason"]


def test_stale_quotes_block(tmp_path):
    done = Run(tmp_path).execute(signals(signal(400)), quotes(RISING, every=10_000.0))
    assert done.orders.select("gate").item() == "fresh_tick"


def test_slippage_is_the_move_during_the_latency(tmp_path):
    moving = quotes(((0, 5_000.0), (60.1, 5_000.5), (1_800, 5_000.0)))
    done = Run(tmp_path).execute(signals(signal()), moving)
    assert done.orders["price_reference"][0] == 5_000.25
    assert done.fills["slippage_points"][0] == 50.0


def test_unapproved_and_assumed_marks_reach_every_row(tmp_path):
    frame = signals(signal(source="model", model_id="m", approved=False))
    done = Run(tmp_path).execute(frame, quotes(RISING, assumed=True))
    assert not done.orders["approved"].any()
    assert not done.fills["approved"].any()
    assert done.orders["spread_assumed"].all()
    assert done.fills["spread_assumed"].all()


def test_another_account_is_refused(tmp_path):
    status_of = Run(tmp_path / "a", account="OTHER")
    run = Run(tmp_path / "b")
    from zanzibar_assets.execution.broker import build_broker_status
    from zanzibar_assets.execution.session import execute_session
    from zanzibar_assets_tests.execution.desk import ES, INSTRUMENTS, SESSION

    status = build_broker_status(status_of.terminal(), [ES], WINDOW.starts_us, status_of.config)
    with pytest.raises(ExecutionError, match="another account"):
        execute_session(
            signals(), status, QuoteTape(), SESSION, INSTRUMENTS, run.config, run.journal, run.terminal()
        )


def test_performance_of_two_sessions(tmp_path):
    run = Run(tmp_path)
    day = 86_400
    one = run.execute(signals(signal()), quotes(RISING))
    later = quotes([(s + day, bid) for s, bid in FALLING])
    two = run.execute(signals(signal(60 + day)), later, session="2024-03-06")
    sessions = {"2024-03-05": one, "2024-03-06": two}
    table = build_performance(
        {k: v.fills for k, v in sessions.items()}, {k: v.account_state for k, v in sessions.items()}
    )
    assert breaches("performance", table) == []
    whole, es = table.to_dicts()
    assert (whole["scope"], whole["sessions"], whole["trades"], whole["wins"]) == ("account", 2, 2, 1)
    net = two.account_state["balance"][0] - 100_000.0
    assert whole["net_profit"] == pytest.approx(net)
    assert whole["max_drawdown_pct"] == pytest.approx((100_200.0 - (100_000.0 + net)) / 100_200.0 * 100)
    assert es["net_profit"] == whole["net_profit"]


def test_a_tight_stop_does_not_blow_up_the_notional(tmp_path):
    tight = signal(stop_distance=0.5, target_distance=1.0, risk_pct=0.5)
    done = Run(tmp_path, max_lots=10_000.0).execute(signals(tight), quotes(RISING))
    assert done.orders["volume_lots"][0] == 199.99  # 10 x 100 000 / 5000.25, not the budget's 1000 lots
