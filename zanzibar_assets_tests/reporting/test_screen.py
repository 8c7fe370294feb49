"""The final screen fits one screen, says the verdict first and marks what must be marked."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from zanzibar_assets.contracts.registry import TABLES, empty
from zanzibar_assets.reporting.screen import MOST_ROWS, show
from zanzibar_assets_tests.reporting import frames
from zanzibar_assets_tests.reporting.test_summary import nothing_traded, sound_records, summarise

GRAINS = {"instrument_session": "SIM_ES|2025-01-06", "session": "2025-01-06", "instrument": "SIM_ES"}


def printed(summary, width=110):
    stream = io.StringIO()
    show(summary, Console(file=stream, width=width, force_terminal=False))
    return stream.getvalue()


def whole_graph():
    return [frames.record(name, GRAINS[contract.grain.value]) for name, contract in TABLES.items()]


def full_summary():
    many_signals = [frames.signal(i) for i in range(30)]
    many_orders = [frames.order(i, approved=i % 2 == 0) for i in range(30)]
    return summarise(
        whole_graph(),
        signals=frames.sound("signals", many_signals),
        orders=frames.sound("orders", many_orders),
        notes=[f"note {i}" for i in range(9)],
        look_next=[(f"zanzibar {word}", "shows it") for word in ("up", "status", "trace 706")],
    )


@pytest.mark.parametrize("width", [100, 110, 140])
def test_everything_fits_one_screen(width):
    lines = printed(full_summary(), width).splitlines()
    assert len(lines) <= 58
    assert max(len(line) for line in lines) <= width


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_first_column_names_its_stage_however_narrow_the_screen(width):
    words = {line.split(" ")[0] for line in printed(full_summary(), width).splitlines()}
    assert {contract.stage.value for contract in TABLES.values()} <= words


def test_the_verdict_comes_first():
    lines = [line for line in printed(full_summary()).splitlines() if line.strip()]
    assert lines[0].startswith(
        "DONE: the whole graph is built; 30 of 30 orders filled on the SIMULATED account."
    )
    assert "SIMULATED market data" in lines[1]


def test_each_order_and_signal_line_carries_its_own_marks():
    text = printed(summarise(sound_records()))
    order_lines = [line for line in text.splitlines() if "US500.sim" in line]
    assert len(order_lines) == 2
    assert all("SIMULATED" in line for line in order_lines)
    assert ["UNAPPROVED" in line for line in order_lines] == [False, True]
    signal_lines = [line for line in text.splitlines() if "4,702.00" in line]
    assert ["UNAPPROVED" in line for line in signal_lines] == [False, True]
    assert "UNAPPROVED trades on the simulated account, because that was asked for" in " ".join(text.split())


def test_a_closed_position_shows_its_money_after_costs_and_a_gate_its_name():
    text = printed(summarise(sound_records()))
    assert "+20.00" in text
    assert "blocked: daily_loss" in text


def test_an_open_position_is_called_open():
    entry_only = frames.sound("fills", [frames.deal(706, 506, "in", 6, 0.0, "int-6")])
    (line,) = [li for li in printed(summarise(sound_records(), fills=entry_only)).splitlines() if "706" in li]
    assert " open " in line


def test_long_lists_say_how_many_they_leave_out():
    text = printed(full_summary())
    assert f"the last {MOST_ROWS} of 30" in text
    assert "... and 4 more (all in --json)" in text


def test_a_run_without_trades_says_so_and_shows_no_empty_tables():
    text = printed(summarise(sound_records(), **nothing_traded()))
    assert "no order was made" in text
    assert "no account was touched" in text
    assert "Signals: 0 kept, 0 dropped" in text
    assert "Orders: none; 0 deals" in text
    assert "when (UTC)" not in text


def test_assumed_spread_and_halt_are_said():
    assumed = frames.sound("orders", [{**frames.order(6), "spread_assumed": True}])
    text = printed(
        summarise(sound_records(), orders=assumed, account_state=frames.account_state(halted=True)), 140
    )
    assert "spread assumed" in text
    assert "trading is HALTED" in text


def test_markup_in_data_is_printed_as_it_is():
    odd = frames.sound("signals", [{**frames.signal(6, status="dropped"), "reason": "[bold]x[/bold] [/]"}])
    text = printed(summarise(sound_records(), signals=odd, orders=empty("orders")))
    assert "[bold]x[/bold] [/]" in text
