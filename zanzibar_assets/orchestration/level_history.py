"""Earlier sessions for what looks at price levels: of the session's own contract only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


REFUSED_NOTE = "sessions_of_another_contract"


def level_history(inputs: Inputs, table: str, sessions: int) -> pl.DataFrame:
    """``Inputs.history`` without the sessions of another contract: their levels are none of this one's."""
    from zanzibar_assets.analysis.contract_history import same_contract

    earlier, rolls = inputs.history("contract_rolls", sessions), inputs.read("contract_rolls")
    history = inputs.history(table, sessions)
    kept = same_contract(history, earlier, rolls)
    refused = {*history["session"].to_list()} - {*kept["session"].to_list()}
    if refused:
        named = {*inputs.notes.get(REFUSED_NOTE, ()), *refused}
        inputs.notes[REFUSED_NOTE] = sorted(named)
    return kept
