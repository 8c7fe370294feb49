import pytest

from zanzibar_assets.calendars import sessions_between
from zanzibar_assets.ingestion.sources import front_contract
from zanzibar_assets.simulator.contracts import contract_of, contracts_between, symbol_of


@pytest.mark.parametrize(
    ("session", "contract"),
    [
        ("2025-01-06", "H25"),
        ("2025-03-12", "H25"),  # third Friday 2025-03-21, eight days before it is the 13th
        ("2025-03-13", "M25"),
        ("2025-12-11", "H26"),
        ("2024-12-12", "H25"),
    ],
)
def test_front_contract_by_hand(known, session, contract):
    assert contract_of(known["SIM_ES"], session) == contract


def test_the_readers_see_the_same_front_contract(known):
    for session in sessions_between(known["SIM_NQ"], "2024-01-02", "2026-12-31"):
        assert contract_of(known["SIM_NQ"], session) == front_contract(known["SIM_NQ"], session)


def test_perpetuals_have_no_contract(known):
    assert contract_of(known["SIM_BTC"], "2025-01-06") is None
    assert symbol_of(known["SIM_BTC"], None) == "BTCUSDT_PERP_SIM"


def test_rolls_are_counted_across_years(known):
    assert contracts_between(known["SIM_ES"], "Z24", "H25") == 1
    assert contracts_between(known["SIM_ES"], "H25", "H26") == 4
    assert contracts_between(known["SIM_ES"], None, "H26") == 0
    assert symbol_of(known["SIM_ES"], "H25") == "ESH25-SIM"
