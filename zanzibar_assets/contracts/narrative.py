"""Contracts of parsed narratives and of how they fared."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import TimedFrame


class Narratives(TimedFrame):
    """One row a narrative and instrument it speaks of; ``document`` is the full JSON document.

    ``event_ts`` published, ``known_at`` received; ``bias_score`` in [-1, 1]. ``instrument`` is the
    narrative's own name of the market (``ES``, ``DAX`` ...), null when it names none.
    """

    narrative_id: str
    author: str
    instrument: str = pa.Field(nullable=True)
    bias: str = pa.Field(isin=["long", "short", "neutral"])
    bias_score: pl.Float64 = pa.Field(ge=-1, le=1)
    conviction: str = pa.Field(isin=["low", "medium", "high"])
    conditional: bool
    no_trade: bool
    horizon: str = pa.Field(nullable=True)
    levels: pl.Int64 = pa.Field(ge=0)
    warnings: pl.Int64 = pa.Field(ge=0)
    document: str
    text_sha256: str
    parser_version: str
    simulated: bool


class NarrativeScores(TimedFrame):
    """How a narrative's view fared until the session's end, known only then.

    ``instrument`` is our id; ``return_bps`` from the first bar known after publication to the
    session's last close, signed as the market moved; ``hit`` null for neutral views or without
    market data (then ``reason`` says so).
    """

    narrative_id: str
    author: str
    instrument: str
    bias: str = pa.Field(isin=["long", "short", "neutral"])
    return_bps: pl.Float64 = pa.Field(nullable=True)
    hit: bool = pa.Field(nullable=True)
    levels_total: pl.Int64 = pa.Field(ge=0)
    levels_touched: pl.Int64 = pa.Field(ge=0)
    reason: str = pa.Field(nullable=True)
    simulated: bool
