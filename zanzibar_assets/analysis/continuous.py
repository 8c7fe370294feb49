"""Contract rolls: which contract a session is of, the gap where it changes, and one scale over rolls.

The adjustment runs forward: at a session it sums the gaps of the rolls up to its start, so a later
roll changes nothing that stands. ``price - adjustment`` compares over rolls; levels never do: a high
of the old contract is no level of the new one, so what looks at levels gets the sessions of the
session's own contract only (``contract_history.same_contract``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from zanzibar_assets.analysis.bars import build_bars
from zanzibar_assets.calendars import SessionWindow, session_window
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.ingestion.cleaning import clean_ticks
from zanzibar_assets.ingestion.rolls import contract_of
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import to_us

GAP_MINUTES = 15
"""The last minutes in which both contracts traded: their median is the gap."""


@dataclass(frozen=True, slots=True)
class RollGap:
    """New minus old contract in ticks over ``instants`` shared bars, the last known at ``measured_at``."""

    ticks: int
    instants: int
    measured_at: datetime


def bars_of_other(raw_ticks: pl.DataFrame, instrument: Instrument, session: str) -> pl.DataFrame:
    """Bars of a contract's raw ticks in a session that another contract is taken for."""
    window = session_window(instrument, session)
    return build_bars(clean_ticks(raw_ticks, instrument, window).clean, instrument, window)


def measure_gap(old_bars: pl.DataFrame, new_bars: pl.DataFrame) -> RollGap | None:
    """Lower median of new minus old close over the last ``GAP_MINUTES`` bars that both contracts have.

    Closes of one bar are the same instant up to the bar's length; the median takes the bounce
    between bid and ask out of a single pair. None when no bar is shared.
    """
    both = (
        old_bars.select("event_ts", "known_at", old="close_ticks")
        .join(new_bars.select("event_ts", new="close_ticks"), on="event_ts", how="inner")
        .sort("event_ts")
        .tail(GAP_MINUTES)
    )
    if both.is_empty():
        return None
    gaps = (both["new"] - both["old"]).sort().to_list()
    return RollGap(int(gaps[(len(gaps) - 1) // 2]), len(gaps), both["known_at"].to_list()[-1])


def build_contract_rolls(
    clean_ticks: pl.DataFrame,
    earlier: pl.DataFrame,
    old_bars: pl.DataFrame,
    new_bars: pl.DataFrame,
    instrument: Instrument,
    window: SessionWindow,
) -> pl.DataFrame:
    """ContractRolls row of one session; empty where the session has no ticks.

    ``earlier`` holds the rows of sessions before (oldest first, may be empty). ``old_bars`` and
    ``new_bars`` are bars of the session before the roll, of the contract it was made of and of this
    session's; both empty where there is no roll or no file.
    """
    if clean_ticks.is_empty():
        return empty("contract_rolls")
    contract = contract_in(clean_ticks, instrument)
    start = pl.lit(window.starts_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    row = _row(window.session, contract, earlier, old_bars, new_bars)
    frame = pl.DataFrame(
        [row],
        schema_overrides={
            "contract": pl.String, "from_session": pl.String, "from_contract": pl.String,
            "gap_ticks": pl.Int64, "measured_at": pl.Datetime("us", "UTC"), "reason": pl.String,
        },
    )  # fmt: skip
    return conform("contract_rolls", frame.with_columns(event_ts=start, known_at=start))


def contract_in(clean_ticks: pl.DataFrame, instrument: Instrument) -> str | None:
    """Contract code of a session's ticks, None for instruments without expiry."""
    first = clean_ticks.row(0, named=True)
    return contract_of(first["contract"], instrument, to_us(first["event_ts"]))


def rolled_from(clean_ticks: pl.DataFrame, earlier: pl.DataFrame, instrument: Instrument) -> str | None:
    """The session before, when it is of another contract; None otherwise."""
    if clean_ticks.is_empty() or earlier.is_empty():
        return None
    last = earlier.row(-1, named=True)
    return None if last["contract"] == contract_in(clean_ticks, instrument) else str(last["session"])


def missing_gap(rolls: pl.DataFrame) -> str | None:
    """Why the gap of a session's roll is not known; None when there is no roll or it is measured."""
    if rolls.is_empty() or rolls["how"][0] != "unmeasured":
        return None
    return str(rolls["reason"][0])


def _row(
    session: str, contract: str | None, earlier: pl.DataFrame, old_bars: pl.DataFrame, new_bars: pl.DataFrame
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "session": session, "contract": contract, "from_session": None, "from_contract": None,
        "gap_ticks": None, "instants": 0, "measured_at": None, "how": "no_roll", "reason": None,
        "adjustment_ticks": 0, "chain_from": session,
    }  # fmt: skip
    if earlier.is_empty():
        return row
    last = earlier.row(-1, named=True)
    chain = {"adjustment_ticks": last["adjustment_ticks"], "chain_from": last["chain_from"]}
    row |= {"from_session": last["session"]}
    if last["contract"] == contract:
        return row | chain
    row |= {"from_contract": last["contract"]}
    gap = measure_gap(old_bars, new_bars)
    if gap is None:
        words = "has no trades" if new_bars.is_empty() else "shares no bar with the old one"
        reason = (
            f"{contract} {words} in session {last['session']}: the gap to {last['contract']} is not known"
        )
        return row | {"how": "unmeasured", "reason": reason}
    return row | {
        "gap_ticks": gap.ticks,
        "instants": gap.instants,
        "measured_at": gap.measured_at,
        "how": "same_minutes",
        "adjustment_ticks": chain["adjustment_ticks"] + gap.ticks,
        "chain_from": chain["chain_from"],
    }


def build_continuous_bars(bars: pl.DataFrame, rolls: pl.DataFrame) -> pl.DataFrame:
    """ContinuousBars of a session from its Bars and its ContractRolls row; prices stay raw."""
    if bars.is_empty() or rolls.is_empty():
        return empty("continuous_bars")
    row = rolls.row(0, named=True)
    marked = bars.with_columns(
        contract=pl.lit(row["contract"], dtype=pl.String),
        adjustment_ticks=pl.lit(row["adjustment_ticks"], dtype=pl.Int64),
        chain_from=pl.lit(row["chain_from"]),
    )
    return conform("continuous_bars", marked)


def adjusted_close_ticks(continuous: pl.DataFrame) -> pl.Series:
    """Closes on the scale of the chain's first contract; compare them within one ``chain_from`` only."""
    return (continuous["close_ticks"] - continuous["adjustment_ticks"]).alias("adjusted_close_ticks")
