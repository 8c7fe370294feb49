"""The new contract's trades of the session before a roll: what its gap is measured by."""

from __future__ import annotations

from collections.abc import Sequence

from zanzibar_assets.calendars import previous_sessions
from zanzibar_assets.ingestion.slices import SourceFile, SourceSlice, select_slices, session_slices
from zanzibar_assets.instruments import Instrument

LOOK_BACK_SESSIONS = 10
"""Sessions further back are not the session before: a roll over a longer silence has no gap."""


def roll_slices(files: Sequence[SourceFile], instrument: Instrument, session: str) -> tuple[SourceSlice, ...]:
    """Tick slices of this session's contract in the last session that another contract was taken for.

    Empty when the session before is of the same contract, when there is none within
    ``LOOK_BACK_SESSIONS``, or when the new contract has no trades there.
    """
    if instrument.roll.rule == "none":
        return ()
    contract = select_slices(files, instrument, session).contract
    ticks = [file for file in files if file.kind == "scid" and file.instrument_id == instrument.id]
    held = {part.session for file in ticks for part in session_slices(file, instrument)}
    for earlier in reversed(previous_sessions(instrument, session, LOOK_BACK_SESSIONS)):
        if earlier not in held:
            continue
        before = select_slices(files, instrument, earlier).contract
        if contract is None or before == contract:
            return ()
        return tuple(
            part
            for file in ticks
            if file.contract == contract
            for part in session_slices(file, instrument)
            if part.session == earlier
        )
    return ()
