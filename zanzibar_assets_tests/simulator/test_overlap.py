"""The next contract trades before a roll: its own file, above by the basis, and nothing else changes."""

import numpy as np
import pytest

from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.formats import map_records, read_header
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.simulator.build import simulate
from zanzibar_assets.simulator.contracts import next_contract
from zanzibar_assets.simulator.options import SimulatorOptions

ES, BTC = load_instruments()["SIM_ES"], load_instruments()["SIM_BTC"]
SESSIONS = ["2025-03-11", "2025-03-12", "2025-03-13"]


def run(folder, ahead):
    options = SimulatorOptions(trades_per_session=300, next_contract_sessions=ahead)
    return simulate(folder, [ES], SESSIONS, 3, options)


def records(path):
    return np.asarray(map_records(path, read_header(path)))


@pytest.mark.parametrize(
    ("session", "sessions", "found"),
    [
        ("2025-03-12", 1, "M25"), ("2025-03-12", 0, None), ("2025-03-11", 1, None),
        ("2025-03-11", 2, "M25"), ("2025-03-13", 5, None), ("2025-12-10", 2, "H26"),
    ],
)  # fmt: skip
def test_which_contract_comes_next(session, sessions, found):
    assert next_contract(ES, session, sessions) == found
    assert next_contract(BTC, session, sessions) is None


def test_the_next_contract_stands_above_by_the_basis(tmp_path):
    run(tmp_path / "with", 1)
    run(tmp_path / "without", 0)
    old = records(tmp_path / "with" / "ESH25-SIM.scid")
    assert np.array_equal(old, records(tmp_path / "without" / "ESH25-SIM.scid"))
    new, alone = (
        records(tmp_path / "with" / "ESM25-SIM.scid"),
        records(tmp_path / "without" / "ESM25-SIM.scid"),
    )
    before = len(new) - len(alone)
    assert np.array_equal(new[before:], alone), "the session after the roll is the same"
    assert before > 20
    assert (np.diff(new["stamp"]) >= 0).all()
    at = {stamp: price for stamp, price in zip(old["stamp"].tolist(), old["close"].tolist(), strict=True)}
    gaps = [row["close"] - at[int(row["stamp"])] for row in new[:before]]
    assert np.median(gaps) == pytest.approx(float(np.median(old["close"])) * 0.004, rel=0.02)
    assert (new["low"][:before] < new["high"][:before]).all()


def test_a_silly_number_is_refused():
    with pytest.raises(UsageError):
        SimulatorOptions(next_contract_sessions=21)
