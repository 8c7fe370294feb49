"""How narratives fared: the move that followed and the levels that were reached."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument

_US = pl.Datetime("us", "UTC")


def build_narrative_scores(
    narratives: pl.DataFrame,
    bars_by_instrument: Mapping[str, pl.DataFrame],
    instruments: Iterable[Instrument],
) -> pl.DataFrame:
    """Scores of a session's narratives against the session's bars, known when its last bar closes.

    A view on a market scores each instrument whose ``narrative_id`` it is and that is simulated
    exactly when the narrative is. The return runs from the close of the first bar known at or
    after the narrative to the last close.
    """
    named = {item.id: item for item in instruments}
    rows = [
        _score(view, instrument, bars_by_instrument.get(instrument.id))
        for view in narratives.iter_rows(named=True)
        for instrument in _scored_by(view, named.values())
    ]
    if not rows:
        return empty("narrative_scores")
    overrides: dict[str, Any] = {
        "return_bps": pl.Float64,
        "hit": pl.Boolean,
        "reason": pl.String,
        "known_at": _US,
        "event_ts": _US,
    }
    frame = pl.DataFrame(rows, schema_overrides=overrides)
    return conform(
        "narrative_scores",
        frame.sort("known_at", "event_ts", "narrative_id", "instrument", maintain_order=True),
    )


def _scored_by(view: Mapping[str, Any], instruments: Iterable[Instrument]) -> Sequence[Instrument]:
    return [
        item
        for item in instruments
        if view["instrument"] == item.narrative_id and bool(view["simulated"]) == item.simulated
    ]


def _score(view: Mapping[str, Any], instrument: Instrument, bars: pl.DataFrame | None) -> dict[str, Any]:
    levels = _levels(view)
    row: dict[str, Any] = {
        "event_ts": view["event_ts"],
        "known_at": view["known_at"],
        "narrative_id": view["narrative_id"],
        "author": view["author"],
        "instrument": instrument.id,
        "bias": view["bias"],
        "return_bps": None,
        "hit": None,
        "levels_total": len(levels),
        "levels_touched": 0,
        "reason": None,
        "simulated": view["simulated"],
    }
    if bars is None or bars.is_empty():
        return row | {"reason": "no market data of the session"}
    row["known_at"] = max(view["known_at"], bars["known_at"].max())
    entered = bars.filter(pl.col("known_at") >= view["known_at"])
    after = bars.filter(pl.col("event_ts") >= view["known_at"])
    if entered.is_empty():
        return row | {"reason": "published after the session's last bar"}
    row["levels_touched"] = sum(_touched(level, after) for level in levels)
    move = math.log(float(entered["close"][-1]) / float(entered["close"][0])) * 10_000
    return row | {"return_bps": move} | _hit(view["bias"], move)


def _hit(bias: str, move_bps: float) -> dict[str, Any]:
    if bias == "neutral":
        return {"reason": "neutral view"}
    return {"hit": move_bps > 0 if bias == "long" else move_bps < 0}


def _levels(view: Mapping[str, Any]) -> list[tuple[float, float]]:
    document = json.loads(view["document"])
    return [
        (level["low"], level["high"])
        for level in document["levels"]
        if (level["instrument"] or document["instrument"]) == view["instrument"]
    ]


def _touched(level: tuple[float, float], bars: pl.DataFrame) -> bool:
    if bars.is_empty():
        return False
    low, high = level
    return not bars.filter((pl.col("low") <= high) & (pl.col("high") >= low)).is_empty()
