"""VWAP since known events: the session's open, the latest swings and breaks, the prior session's extremes.

A series starts with the first trade of the bar its anchor happened on (of the open itself for the session's
open), but its rows are published only from when the anchor was known: a swing's VWAP includes the trades
between the extreme and its confirmation, and no row stands before that confirmation. The table is one feed
of ``anchored_stage``.
"""

from __future__ import annotations

import polars as pl

from zanzibar_assets.analysis.anchored_stage import TABLE, AnchoredStage
from zanzibar_assets.analysis.bars import NEVER_US
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.instruments import Instrument


def build_anchored_vwap(
    clean_ticks: pl.DataFrame,
    prior_ticks: pl.DataFrame,
    bars: pl.DataFrame,
    smc_events: pl.DataFrame,
    sweeps: pl.DataFrame,
    instrument: Instrument,
) -> pl.DataFrame:
    """AnchoredVwap: a row a bar and kind of anchor, of the latest anchor of that kind known by its close.

    ``prior_ticks`` are the CleanTicks of the session before (or empty): they count where they are of the
    same contract. An anchor that happened before the trades at hand begin has no series. Raises
    ContractError for an anchor that does not stand at a bar's open.
    """
    if bars.is_empty():
        return empty(TABLE)
    stage = AnchoredStage(instrument, prior_ticks, bars.height)
    stage.begin(clean_ticks)
    stage.events(smc_events, sweeps)
    return stage.feed(bars, clean_ticks, NEVER_US)
