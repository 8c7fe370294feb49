"""Change-point alarms of a session's bars as events: log variance, drift and volume, two detectors each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Bools, Floats, micros
from zanzibar_assets.analysis.detectors import Bocpd, BocpdParams, Change, Cusum, CusumParams
from zanzibar_assets.analysis.events import Definition, digest
from zanzibar_assets.analysis.regime_measures import log_volume, step_score, tick_log_variance
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

TABLE = "regime_changes"
KIND = "change_point"
VERSION = 1
MEASURES: dict[str, Callable[[pl.DataFrame], Floats]] = {
    "log_variance": tick_log_variance,
    "drift": step_score,
    "log_volume": log_volume,
}
CUSUM, BOCPD = CusumParams(), BocpdParams()


def build_regime_changes(bars: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """RegimeChanges of one session; bars without an observation of a measure are passed over.

    ``event_ts`` is the open of the bar at which the change is estimated to have begun, ``known_at`` the
    close of the bar that raised the alarm. Each session starts anew.
    """
    records = [
        _record(change, name, detector.name, definition, bars, rows, instrument)
        for name, measure in MEASURES.items()
        for detector, definition in (
            (Cusum(CUSUM), Definition.of(Cusum.name, CUSUM, VERSION)),
            (Bocpd(BOCPD), Definition.of(Bocpd.name, BOCPD, VERSION)),
        )
        for rows, observed in (_finite(measure(bars)),)
        for change in detector.feed(observed)
    ]
    if not records:
        return empty(TABLE)
    frame = pl.DataFrame(records, infer_schema_length=None)
    frame = frame.with_columns(pl.col(EVENT_TS, KNOWN_AT).cast(pl.Datetime("us", "UTC")))
    return conform(TABLE, frame.sort(KNOWN_AT, EVENT_TS, "kind", "dir", "event_id"))


def cusum_alarms(values: Floats) -> Bools:
    """True on each row at which the CUSUM of the values raises an alarm."""
    alarms = np.zeros(len(values), dtype=np.bool_)
    alarms[[change.alarm for change in Cusum(CUSUM).feed(values)]] = True
    return alarms


def _finite(values: Floats) -> tuple[np.ndarray, Floats]:
    rows = np.flatnonzero(np.isfinite(values))
    return rows, values[rows]


def _record(
    change: Change,
    measure: str,
    detector: str,
    definition: Definition,
    bars: pl.DataFrame,
    rows: np.ndarray,
    instrument: Instrument,
) -> dict[str, Any]:
    event_us = int(micros(bars, EVENT_TS)[rows[change.row]])
    known_us = int(micros(bars, KNOWN_AT)[rows[change.alarm]])
    attrs = {
        "measure": measure,
        "detector": detector,
        "level_before": change.before,
        "level_after": change.after,
        "statistic": change.statistic,
        "delay_bars": int(rows[change.alarm] - rows[change.row]),
    }
    made = (measure, detector, definition.version, definition.params_hash)
    return {
        EVENT_TS: event_us,
        KNOWN_AT: known_us,
        "event_id": digest(instrument.id, TABLE, KIND, change.dir, event_us, known_us, *made),
        "kind": KIND,
        "dir": change.dir,
        **dict.fromkeys(("level_ticks", "lo_ticks", "hi_ticks", "level", "lo", "hi", "ref_id")),
        "timeframe_seconds": instrument.bar_seconds,
        "def_version": definition.version,
        "params_hash": definition.params_hash,
        "attrs": json.dumps(attrs, sort_keys=True, separators=(",", ":")),
    }
