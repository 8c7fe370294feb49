"""Models of the book fitted on sessions that are over: integrated order flow and microprice.

The integrated order flow (Cont, Cucuringu and Zhang 2023) weighs the levels by the first principal
component of their depth-normalised flows, divided by its l1 norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, micros, stamps
from zanzibar_assets.analysis.book_statistics import STATES, added
from zanzibar_assets.analysis.microprice import MIN_MOVES, fit_edges
from zanzibar_assets.calendars import SessionWindow
from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.vocabulary import DOM_LEVELS, EVENT_TS, KNOWN_AT

TABLE = "book_models"
OFI_MODEL, MICROPRICE_MODEL = "integrated_ofi", "microprice"
MIN_BARS = 200
"""Bars of earlier sessions that the loading of the integrated order flow needs."""


class Fit(NamedTuple):
    """Values by level or state, the observations they rest on, or why there are none."""

    values: Floats | None
    observations: int
    reason: str | None


def fit_loading(product: Floats, total: Floats, bars: int) -> Fit:
    """Loading of the first principal component over the levels, positive in sum, of l1 norm 1.

    ``product``/``total`` are the second and first sums of the flows over ``bars`` bars.
    """
    if bars < MIN_BARS:
        return Fit(None, bars, f"needs {MIN_BARS} bars of earlier sessions with a book, has {bars}")
    mean = total / bars
    spread = product / bars - np.outer(mean, mean)
    if not np.trace(spread) > 0.0:
        return Fit(None, bars, "the order flow of the earlier sessions does not vary")
    loading: Floats = np.linalg.eigh(spread)[1][:, -1]
    loading = loading * (1.0 if loading.sum() >= 0 else -1.0)
    return Fit(loading / np.abs(loading).sum(), bars, None)


def fit_microprice(sums: dict[str, Floats]) -> Fit:
    """G* by state from added statistics."""
    moves = int(sums["move"].sum())
    if moves < MIN_MOVES:
        return Fit(None, moves, f"needs {MIN_MOVES} mid moves of earlier sessions, has {moves}")
    return Fit(fit_edges(sums["stay"], sums["move"], sums["jump"][:, 0]), moves, None)


def build_book_models(statistics_history: pl.DataFrame, window: SessionWindow) -> pl.DataFrame:
    """BookModels for one session, fitted on the BookStatistics of earlier sessions.

    A model has a row a level or state that it knows, or one row whose ``reason`` says why it has
    none. ``event_ts`` is when the last of the data was known, ``known_at`` the session's start.
    """
    sums = added(statistics_history)
    bars = int(sums["flow_bars"][0, 0])
    fits = {
        OFI_MODEL: fit_loading(sums["flow_product"], sums["flow_sum"][:, 0], bars),
        MICROPRICE_MODEL: fit_microprice(sums),
    }
    sessions = statistics_history["session"].unique().sort().to_list() if statistics_history.height else []
    known = int(micros(statistics_history, KNOWN_AT).max()) if sessions else window.starts_us
    rows = [row for model, fit in fits.items() for row in _rows(model, fit)]
    frame = pl.DataFrame(rows, orient="row", schema=_SCHEMA).with_columns(
        stamps(np.full(len(rows), known)).alias(EVENT_TS),
        stamps(np.full(len(rows), max(known, window.starts_us))).alias(KNOWN_AT),
        fitted_from=pl.lit(sessions[0] if sessions else None, pl.String),
        fitted_through=pl.lit(sessions[-1] if sessions else None, pl.String),
        sessions=pl.lit(len(sessions), pl.Int32),
    )
    return conform(TABLE, frame)


_SCHEMA = {
    "model": pl.String,
    "state": pl.Int32,
    "value": pl.Float64,
    "observations": pl.Int64,
    "reason": pl.String,
}


def _rows(model: str, fit: Fit) -> list[tuple[object, ...]]:
    if fit.values is None:
        return [(model, None, None, fit.observations, fit.reason)]
    known = np.flatnonzero(np.isfinite(fit.values)).tolist()
    return [(model, state, float(fit.values[state]), fit.observations, None) for state in known]


@dataclass(frozen=True, slots=True)
class BookModels:
    """Fitted values by level (``loading``) and state (``edges``), None where there is no fit."""

    loading: Floats | None
    edges: Floats | None
    fitted_through: str | None
    reason: str | None


def load_models(frame: pl.DataFrame) -> BookModels:
    """Models of a BookModels frame; an empty one has no fit."""
    if frame.is_empty():
        return BookModels(None, None, None, "no models of the book were fitted")
    reasons = frame["reason"].drop_nulls()
    return BookModels(
        _values(frame, OFI_MODEL, DOM_LEVELS),
        _values(frame, MICROPRICE_MODEL, STATES),
        frame["fitted_through"][0],
        "; ".join(
            f"{model}: {reason}"
            for model, reason in frame.filter(pl.col("reason").is_not_null())
            .select("model", "reason")
            .iter_rows()
        )
        if len(reasons)
        else None,
    )


def _values(frame: pl.DataFrame, model: str, count: int) -> Floats | None:
    rows = frame.filter((pl.col("model") == model) & pl.col("state").is_not_null())
    if rows.is_empty():
        return None
    found = np.full(count, np.nan)
    found[rows["state"].to_numpy()] = rows["value"].to_numpy()
    return found
