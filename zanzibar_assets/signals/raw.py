"""Raw signals of one instrument: touches of points of interest, and a model's crossings.

Rules: the first touch of a point whose score is high enough, at the close of the bar that shows
it, in the point's direction, stop beyond the zone. Model: the predicted probability of a rise
crosses the threshold (or that of a fall does). Only the open session; one signal a direction
within the cooldown. Distances are in the source's ticks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.config import Config, stable_hash
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import US_PER_SECOND, SessionState, to_us

_LEAST_STOP_TICKS = 2
_KEPT_REASONS = 5
_REASON = ("feature", "value", "contribution")


@dataclass(frozen=True, slots=True)
class _Bar:
    """The bar that closes at a signal's time, with what sets the least stop."""

    event_ts: Any
    close_ticks: int
    atr_ticks: float
    is_open: bool


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a signal was made from and when that was known."""

    source: str
    known_at: Any
    score: float
    model_id: str | None
    facts: dict[str, Any]


def build_raw_signals(
    bars: pl.DataFrame,
    points_of_interest: pl.DataFrame,
    predictions: pl.DataFrame,
    volatility: pl.DataFrame,
    validation: pl.DataFrame,
    instrument: Instrument,
    config: Config,
    reasons: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """RawSignals of a session. Without predictions the rules speak alone.

    ``bars``, ``points_of_interest`` and ``predictions`` are the session's, ``volatility`` and
    ``validation`` the instrument's newest of earlier sessions (either may be empty). A model's signal
    keeps the first of its PredictionReasons in its evidence; they are no part of its identity.
    """
    closes = _bars_by_close(bars, config.analysis.atr_bars)
    sigma = _sigma(volatility)
    verdict = str(validation["verdict"][0]) if validation.height else "insufficient_history"
    touches = _touches(points_of_interest, closes, sigma, instrument, config)
    crossings = _crossings(predictions, closes, sigma, verdict, instrument, config)
    told = _reasons(reasons)
    crossings = (_with_reasons(row, told.get(row["known_at"])) for row in crossings)
    rows = sorted([*touches, *crossings], key=lambda r: (r["known_at"], r["source"], r["signal_id"]))
    kept = list(_outside_cooldown(rows, config.signals.cooldown_seconds))
    if not kept:
        return empty("raw_signals")
    return conform("raw_signals", pl.DataFrame(kept, infer_schema_length=None))


def touch_summary(points_of_interest: pl.DataFrame, config: Config) -> dict[str, Any]:
    """How many touches there were, the best score among them, and the score that a signal needs."""
    touches = points_of_interest.filter(pl.col("kind") == "poi_touch")
    best = touches["score"].max() if touches.height else None
    return {"touches": touches.height, "best_score": best, "needed": config.signals.poi_min_score}


def _reasons(reasons: pl.DataFrame | None) -> dict[Any, list[dict[str, Any]]]:
    """The first reasons of each prediction by the time at which it is known, largest first."""
    if reasons is None or reasons.is_empty():
        return {}
    named = reasons.filter((pl.col("rank") <= _KEPT_REASONS) & (pl.col("contribution") != 0.0))
    found: dict[Any, list[dict[str, Any]]] = {}
    for known_at, *told in named.sort("known_at", "rank").select("known_at", *_REASON).iter_rows():
        found.setdefault(known_at, []).append(dict(zip(_REASON, told, strict=True)))
    return found


def _with_reasons(row: dict[str, Any], told: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A signal whose evidence holds the prediction's reasons as well."""
    if not told:
        return row
    facts = {**json.loads(row["evidence"]), "reasons": told}
    return {**row, "evidence": json.dumps(facts, sort_keys=True)}


def _sigma(volatility: pl.DataFrame) -> float | None:
    """Forecast volatility of a bar's log return, or None when there is none."""
    if not volatility.height or volatility["sigma_bar"][0] is None:
        return None
    return float(volatility["sigma_bar"][0])


def _bars_by_close(bars: pl.DataFrame, atr_bars: int) -> dict[Any, _Bar]:
    """Bars by the time at which they are known; ATR = mean true range of the bars up to each."""
    high, low = (bars[f"{name}_ticks"].to_numpy().astype(float) for name in ("high", "low"))
    close = bars["close_ticks"].to_numpy().astype(float)
    before = np.concatenate([close[:1], close[:-1]])
    true_range = np.maximum(high, before) - np.minimum(low, before)
    found = {}
    columns = ("event_ts", "known_at", "close_ticks", "session_state")
    for index, (event_ts, known_at, ticks, state) in enumerate(bars.select(columns).iter_rows()):
        window = true_range[max(0, index + 1 - atr_bars) : index + 1]
        is_open = state == SessionState.OPEN.value
        found[known_at] = _Bar(event_ts, int(ticks), float(window.mean()), is_open)
    return found


def _least_stop(bar: _Bar, sigma: float | None) -> float:
    """Least stop distance: one ATR and two forecast bar moves, whichever is larger (ticks)."""
    move = 2.0 * sigma * bar.close_ticks if sigma is not None else 0.0
    return max(bar.atr_ticks, move, float(_LEAST_STOP_TICKS))


def _touches(
    points: pl.DataFrame, closes: dict[Any, _Bar], sigma: float | None, instrument: Instrument, config: Config
) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for row in points.sort("known_at", maintain_order=True).iter_rows(named=True):
        fresh = row["poi_id"] not in seen
        if row["kind"] != "poi":
            seen.add(row["poi_id"])
        bar = closes.get(row["known_at"])
        if row["kind"] != "poi_touch" or not fresh or bar is None or not bar.is_open:
            continue
        if row["score"] < config.signals.poi_min_score:
            continue
        direction = int(row["dir"])
        beyond = row["lo_ticks"] - 1 if direction > 0 else row["hi_ticks"] + 1
        zone_stop = direction * (bar.close_ticks - beyond)
        if zone_stop <= 0:
            continue  # the bar closed beyond the zone: the point has failed
        stop = math.ceil(max(float(zone_stop), _least_stop(bar, sigma)))
        evidence = {
            "poi_id": row["poi_id"],
            "poi_source": {"kind": row["source_kind"], "id": row["source_id"]},
            "zone_ticks": [row["lo_ticks"], row["hi_ticks"]],
            "score": row["score"],
            "known_at": row["known_at"].isoformat(),
        }
        shown = _Evidence("poi", row["known_at"], row["score"], None, evidence)
        yield _signal(shown, direction, bar, stop, instrument, config)


def _crossings(
    predictions: pl.DataFrame,
    closes: dict[Any, _Bar],
    sigma: float | None,
    verdict: str,
    instrument: Instrument,
    config: Config,
) -> Iterator[dict[str, Any]]:
    threshold = config.model.trade_threshold
    prior: float | None = None
    columns = ("known_at", "model_id", "prediction")
    for known_at, model_id, up in predictions.select(columns).iter_rows():
        before, prior = prior, up
        bar = closes.get(known_at)
        if before is None or bar is None or not bar.is_open:
            continue
        direction = _crossing(before, up, threshold)
        if direction == 0:
            continue
        # the barrier of the model's own labels: k x sigma x sqrt(horizon)
        width = config.model.barrier_sigma * math.sqrt(config.model.horizon_bars)
        stop = math.ceil(max(width * (sigma or 0.0) * bar.close_ticks, _least_stop(bar, sigma)))
        evidence = {
            "model_id": model_id,
            "prediction": up,
            "prediction_before": before,
            "threshold": threshold,
            "verdict": verdict,
            "known_at": known_at.isoformat(),
        }
        score = up if direction > 0 else 1.0 - up
        shown = _Evidence("model", known_at, score, model_id, evidence)
        yield _signal(shown, direction, bar, stop, instrument, config)


def _crossing(before: float, now: float, threshold: float) -> int:
    """+1 when P(up) crosses the threshold upward, -1 when P(down) does, else 0."""
    if before < threshold <= now:
        return 1
    return -1 if 1.0 - before < threshold <= 1.0 - now else 0


def _signal(
    shown: _Evidence, direction: int, bar: _Bar, stop_ticks: int, instrument: Instrument, config: Config
) -> dict[str, Any]:
    identity = {
        "instrument": instrument.id,
        "source": shown.source,
        "dir": direction,
        "evidence": shown.facts,
    }
    return {
        "event_ts": bar.event_ts,
        "known_at": shown.known_at,
        "signal_id": stable_hash(identity),
        "instrument": instrument.id,
        "source": shown.source,
        "dir": direction,
        "entry_ticks": bar.close_ticks,
        "entry": bar.close_ticks * instrument.tick_size,
        "stop_distance_ticks": stop_ticks,
        "target_distance_ticks": math.ceil(stop_ticks * config.signals.reward_to_risk),
        "score": float(shown.score),
        "model_id": shown.model_id,
        "evidence": json.dumps(shown.facts, sort_keys=True),
        "simulated": instrument.simulated,
    }


def _outside_cooldown(rows: list[dict[str, Any]], cooldown_seconds: int) -> Iterator[dict[str, Any]]:
    """Rows at least the cooldown after the last kept one of their direction."""
    last: dict[int, int] = {}
    for row in rows:
        stamp = to_us(row["known_at"])
        previous = last.get(row["dir"])
        if previous is not None and stamp - previous < cooldown_seconds * US_PER_SECOND:
            continue
        last[row["dir"]] = stamp
        yield row
