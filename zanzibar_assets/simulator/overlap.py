"""The next contract's trades before a roll: a thinned tape of the front one, above it by the basis."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.contracts import next_contract, symbol_of
from zanzibar_assets.simulator.encode import SessionRecords, encode_session
from zanzibar_assets.simulator.options import SimulatorOptions

Ints = NDArray[np.int64]

EVERY: Final = 4
"""Of the front contract's single trades every fourth has a counterpart in the next one."""


def with_next_contract(
    records: SessionRecords, trades: Ints, instrument: Instrument, options: SimulatorOptions
) -> SessionRecords:
    """A session's records together with the next contract's, in the sessions before a roll."""
    contract = next_contract(instrument, records.session, options.next_contract_sessions)
    if contract is None:
        return records
    single = trades[trades[:, 1] == 0][::EVERY].copy()
    basis = np.rint(single[:, 2] * np.expm1(options.roll_basis_bps / 10_000.0)).astype(np.int64)
    single[:, 2:5] += basis[:, None]
    symbol = symbol_of(instrument, contract)
    other = encode_session(instrument, records.session, symbol, single, np.empty((0, 6), dtype=np.int64))
    return replace(records, next_ticks=other.ticks)
