"""Each gate alone: what it refuses, in which words, and their order."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from zanzibar_assets.config import Config, RiskConfig
from zanzibar_assets.execution.gates import GATES, GateContext, first_refusal
from zanzibar_assets.execution.halt import Halt
from zanzibar_assets.execution.server_clock import server_us
from zanzibar_assets.execution.sizing import Size
from zanzibar_assets_tests.execution.desk import ES, INSTRUMENTS, WINDOW, at, config

SYMBOL = SimpleNamespace(
    volume_min=0.01, volume_max=1_000.0, volume_step=0.01, trade_stops_level=0, point=0.01
)
ACCOUNT = SimpleNamespace(login=5, server="S", equity=100_000.0, trade_allowed=True, trade_expert=True)
TERMINAL = SimpleNamespace(trade_allowed=True, tradeapi_disabled=False)


def tick(age=0.0, bid=5_000.0, ask=5_000.25):
    return SimpleNamespace(bid=bid, ask=ask, time_msc=server_us(at(0) - round(age * 1e6)) // 1_000)


def position(symbol="US500.sim", side=0):
    return SimpleNamespace(symbol=symbol, type=side)


def passing(tmp_path, **changes):
    ctx = GateContext(
        config=config(tmp_path),
        instrument=ES,
        window=WINDOW,
        now_us=at(0),
        flatten_us=WINDOW.close_us - 60_000_000,
        expires_us=at(900),
        direction=1,
        approved=True,
        live=False,
        halted=None,
        arming_refusal=None,
        unresolved=0,
        account=ACCOUNT,
        terminal=TERMINAL,
        symbol=SYMBOL,
        tick=tick(),
        positions=(),
        size=Size(20.0, 20.0, 5.0),
        stop_distance=5.0,
        target_distance=10.0,
        balance_start=100_000.0,
        worst_open_loss=0.0,
        check=lambda: SimpleNamespace(retcode=0, comment="Done"),
    )
    return replace(ctx, **changes)


def other(**fields):
    return SimpleNamespace(**{**vars(ACCOUNT), **fields})


def test_everything_in_order_passes(tmp_path):
    assert first_refusal(passing(tmp_path)) is None


REFUSALS = {
    "halt": ({"halted": Halt("news", "", "")}, "kill_switch", "trading is halted: news"),
    "no account": ({"account": None}, "account_identity", "does not report"),
    "switched off": (
        {"terminal": SimpleNamespace(trade_allowed=False, tradeapi_disabled=False)},
        "account_identity",
        "switched off",
    ),
    "investor": ({"account": other(trade_allowed=False)}, "account_identity", "switched off"),
    "unresolved": ({"unresolved": 2}, "reconciled", "2 earlier"),
    "expired": ({"expires_us": at(-1)}, "fresh_signal", "expired"),
    "pre open": ({"now_us": WINDOW.open_us - 1}, "session_open", "pre_open"),
    "closing": ({"flatten_us": at(0)}, "session_open", "session ends"),
    "no tick": ({"tick": None}, "fresh_tick", "no quote"),
    "old tick": ({"tick": tick(121)}, "fresh_tick", "121 s old"),
    "wide": ({"tick": tick(ask=5_001.51)}, "spread_cap", "wider than the cap 1.5"),
    "crossed": ({"tick": tick(ask=4_999.0)}, "spread_cap", "crossed"),
    "no lots": ({"size": Size(0.0, 0.004, 5.0)}, "size_limits", "0.0040 lots"),
    "too many lots": ({"size": Size(50.01, 60.0, 5.0)}, "size_limits", "exceed"),
    "off step": ({"size": Size(0.015, 0.015, 5.0)}, "size_limits", "step"),
    "stop inside the spread": ({"stop_distance": 0.25}, "stops_distance", "nearer"),
    "full": ({"positions": (position(), position(), position(), position())}, "exposure", "limit 4"),
    "opposite": ({"positions": (position(side=1),)}, "exposure", "opposite"),
    "no stop": ({"worst_open_loss": None}, "daily_loss", "no stop"),
    "day's floor": ({"worst_open_loss": 2_901.0}, "daily_loss", "floor of 97000.00"),
    "order check": (
        {"check": lambda: SimpleNamespace(retcode=10019, comment="No money")},
        "order_check",
        "10019 No money",
    ),
    "no check": ({"check": lambda: None}, "order_check", "failed"),
}


@pytest.mark.parametrize("case", sorted(REFUSALS))
def test_each_refusal_in_plain_words(tmp_path, case):
    changes, gate, words = REFUSALS[case]
    refusal = first_refusal(passing(tmp_path, **changes))
    assert refusal is not None
    assert refusal[0] == gate
    assert words in refusal[1]


def test_limits_are_inclusive(tmp_path):
    for changes in (
        {"tick": tick(120)},
        {"tick": tick(ask=5_001.5)},
        {"size": Size(50.0, 50.0, 5.0)},
        {"worst_open_loss": 2_900.0},
        {"expires_us": at(0)},
    ):
        assert first_refusal(passing(tmp_path, **changes)) is None


def test_stops_level_counts_from_the_closing_side(tmp_path):
    far = SimpleNamespace(**{**vars(SYMBOL), "trade_stops_level": 475})
    assert first_refusal(passing(tmp_path, symbol=far)) is None  # 5.00 - 0.25 = 4.75
    nearer = SimpleNamespace(**{**vars(SYMBOL), "trade_stops_level": 476})
    assert first_refusal(passing(tmp_path, symbol=nearer))[0] == "stops_distance"


def live(tmp_path, **changes):
    settings = config(tmp_path, expected_login=5, expected_server="S", backend="mt5")
    return passing(tmp_path, config=settings, live=True, instrument=INSTRUMENTS["ES"], **changes)


def test_live_needs_identity_arming_a_real_instrument_and_approval(tmp_path):
    assert first_refusal(live(tmp_path)) is None
    cases = (
        ({"account": other(login=6)}, "account_identity", "account 6, not to 5"),
        ({"account": other(server="T")}, "account_identity", "server T"),
        ({"config": config(tmp_path)}, "account_identity", "not configured"),
        ({"arming_refusal": "not armed"}, "armed", "not armed"),
        ({"instrument": ES}, "armed", "simulated instrument"),
        ({"approved": False}, "armed", "not approved"),
    )
    for changes, gate, words in cases:
        ctx = replace(live(tmp_path), **changes)
        refusal = first_refusal(ctx)
        assert refusal is not None
        assert refusal[0] == gate
        assert words in refusal[1]


def test_gates_stand_in_order(tmp_path):
    everything = [changes for changes, _, _ in REFUSALS.values()]
    wrong = {key: value for changes in everything for key, value in changes.items()}
    wrong |= {"halted": Halt("news", "", ""), "tick": None, "account": None}
    assert first_refusal(passing(tmp_path, **wrong))[0] == "kill_switch"
    assert [name for name, _ in GATES][:4] == ["kill_switch", "account_identity", "armed", "reconciled"]
    assert GATES[-1][0] == "order_check"


def test_daily_loss_scales_with_the_setting(tmp_path):
    tight = Config(home=tmp_path, risk=RiskConfig(max_daily_loss_pct=0.05))
    assert first_refusal(passing(tmp_path, config=tight))[0] == "daily_loss"
