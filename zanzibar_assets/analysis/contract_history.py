"""History for what looks at levels: earlier sessions of the same contract, no other."""

from __future__ import annotations

import polars as pl


def same_contract(history: pl.DataFrame, earlier: pl.DataFrame, rolls: pl.DataFrame) -> pl.DataFrame:
    """History rows (with a ``session`` column) of the session's own contract, all others left out.

    ``earlier`` are ContractRolls rows of the history's sessions, ``rolls`` the session's own. A session
    whose contract is not known is left out too: its levels cannot be vouched for.
    """
    if rolls.is_empty():
        return history.clear()
    known = earlier.filter(pl.col("contract").eq_missing(pl.lit(rolls["contract"][0], dtype=pl.String)))
    return history.filter(pl.col("session").is_in(known["session"].to_list()))
