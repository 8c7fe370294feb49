"""The journal: unique intents, states, sessions, several connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zanzibar_assets.errors import ExecutionError
from zanzibar_assets.execution.journal import Intent, IntentJournal, intent_id, tag_of

INTENT = Intent(
    intent_id=intent_id("s1", 1, "entry", "SIM-1"),
    session="2024-03-05",
    account="SIM-1",
    backend="simulated",
    signal_id="s1",
    instrument="ES",
    mt5_symbol="US500.cash",
    dir=1,
    leg="entry",
    decided_us=1,
    volume_lots=1.0,
    price_reference=None,
    sl=None,
    tp=None,
    state="sending",
    gate=None,
    retcode=None,
    order_ticket=None,
    deal_ticket=None,
    fill_price=None,
    position_id=None,
    reason="",
    approved=True,
    spread_assumed=False,
    simulated=True,
    request={"magic": 7, "volume": 1.0},
)


def test_ids_name_signal_side_leg_and_account():
    ids = {
        intent_id(*parts)
        for parts in (
            ("s1", 1, "entry", "A"), ("s1", -1, "entry", "A"), ("s1", 1, "exit", "A"),
            ("s2", 1, "entry", "A"), ("s1", 1, "entry", "B"),
        )
    }  # fmt: skip
    assert len(ids) == 5
    assert intent_id("s1", 1, "entry", "A") == intent_id("s1", 1, "entry", "A")
    assert all(len(tag_of(one)) <= 27 for one in ids)


def test_an_intent_is_written_once(tmp_path):
    one, two = IntentJournal(tmp_path / "j.sqlite"), IntentJournal(tmp_path / "j.sqlite")
    assert one.add(INTENT)
    assert not two.add(replace(INTENT, state="filled"))
    assert two.get(INTENT.intent_id) == INTENT
    assert one.get("unknown") is None


def test_states_and_order_of_decision(tmp_path):
    journal = IntentJournal(tmp_path / "j.sqlite")
    second = replace(INTENT, intent_id="zz", state="unknown")
    third = replace(INTENT, intent_id="aa", state="blocked")
    for intent in (INTENT, second, third, replace(INTENT, intent_id="other", account="B")):
        journal.add(intent)
    assert [i.intent_id for i in journal.of_session("SIM-1", "2024-03-05")] == [INTENT.intent_id, "zz", "aa"]
    assert [i.intent_id for i in journal.unresolved("SIM-1")] == [INTENT.intent_id, "zz"]
    journal.update(replace(INTENT, state="filled"))
    assert [i.intent_id for i in journal.unresolved("SIM-1")] == ["zz"]
    with pytest.raises(ExecutionError, match="not in the journal"):
        journal.update(replace(INTENT, intent_id="nobody"))


def test_a_sessions_start_is_the_first_recorded(tmp_path):
    journal = IntentJournal(tmp_path / "j.sqlite")
    assert journal.start_session("A", "2024-03-05", 100.0) == 100.0
    assert journal.start_session("A", "2024-03-05", 200.0) == 100.0
    assert journal.closed_state("A", "2024-03-05") is None
    journal.close_session("A", "2024-03-05", {"balance": 1.5})
    assert journal.closed_state("A", "2024-03-05") == {"balance": 1.5}


def test_a_path_that_cannot_be_opened(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ExecutionError, match="cannot be opened"):
        IntentJournal(tmp_path / "folder")
