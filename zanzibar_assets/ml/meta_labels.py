"""Meta-labels: was a primary rule right, net of costs? (Lopez de Prado 2018, section 3.6.)

A primary rule says when and on which side; its label is 1 when the triple barrier of that side left
more than the round trip's costs, else 0. Rules are declared in ``RULES``; all of them know their side
from rows known at the bar's close at which the label is entered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.labels import SessionBars, outcomes, place_entries, session_bars
from zanzibar_assets.ml.tick_paths import RecordPath, load_path

_CHOICE = (
    pl.col("known_at"),
    pl.col("side").cast(pl.Int64),
    pl.col("source_id"),
    pl.col("score").cast(pl.Float64),
)


@dataclass(frozen=True, slots=True)
class PrimaryInputs:
    """What primary rules read: points of interest and structure events of the session."""

    points_of_interest: pl.DataFrame
    smc_events: pl.DataFrame


def poi_touch(inputs: PrimaryInputs, instrument: Instrument) -> pl.DataFrame:
    """The first touch of each point of interest, in its direction; not of one already invalidated."""
    del instrument
    later = inputs.points_of_interest.filter(pl.col("kind") != "poi").sort("known_at", maintain_order=True)
    fresh = later.unique("poi_id", keep="first", maintain_order=True).filter(pl.col("kind") == "poi_touch")
    return fresh.select("known_at", side="dir", source_id="poi_id", score="score")


def structure_break(inputs: PrimaryInputs, instrument: Instrument) -> pl.DataFrame:
    """Breaks of structure of the instrument's own bars, in their direction; they have no score."""
    own = (pl.col("kind") == "bos") & (pl.col("timeframe_seconds") == instrument.bar_seconds)
    score = pl.lit(None, dtype=pl.Float64)
    return inputs.smc_events.filter(own).select("known_at", side="dir", source_id="event_id", score=score)


Rule = Callable[[PrimaryInputs, Instrument], pl.DataFrame]
RULES: dict[str, Rule] = {"poi_touch": poi_touch, "structure_break": structure_break}
"""Name -> (known_at, side, source_id, score) of each time the rule speaks."""


def build_meta_labels(
    clean_ticks: pl.DataFrame,
    bars: pl.DataFrame,
    bars_history: pl.DataFrame,
    primary: PrimaryInputs,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    """MetaLabels of one session, ordered by ``known_at``, then entry and rule.

    A rule that speaks enters at the first open bar that closes at or after it was known; one that
    speaks twice for a bar and side enters once (the first row is named). Barriers, horizon, costs and
    sigma are those of the labels; ``weight`` is uniqueness among the rule's own labels.
    """
    session = session_bars(bars, bars_history, instrument)
    if session is None:
        return empty("meta_labels")
    path = load_path(clean_ticks)
    parts = [
        _labelled(name, rule(primary, instrument), path, session, instrument, config)
        for name, rule in RULES.items()
    ]
    return conform("meta_labels", pl.concat(parts).sort("known_at", "event_ts", "rule", maintain_order=True))


def _labelled(
    name: str,
    spoken: pl.DataFrame,
    path: RecordPath,
    session: SessionBars,
    instrument: Instrument,
    config: Config,
) -> pl.DataFrame:
    chosen = spoken.select(_CHOICE).filter(pl.col("side") != 0).sort("known_at", maintain_order=True)
    bar = np.searchsorted(session.known_us, chosen["known_at"].to_physical().to_numpy(), side="left")
    chosen = chosen.with_columns(pl.Series("bar", bar)).filter(pl.col("bar") < len(session.known_us))
    chosen = chosen.unique(["bar", "side"], keep="first", maintain_order=True)
    at, side = chosen["bar"].to_numpy().astype(np.int64), chosen["side"].to_numpy()
    placed = place_entries(session, at, side, config)
    found = outcomes(path, session, placed, instrument)
    names = chosen.select("bar", "side", "source_id", "score")
    met = pl.col("side") * pl.col("label")
    ended = (
        pl.when(met > 0).then(pl.lit("profit")).when(met < 0).then(pl.lit("loss")).otherwise(pl.lit("time"))
    )
    return (
        found.with_columns(pl.Series("bar", placed.bar[found["row"].to_numpy()]), barrier=ended)
        .join(names, on=["bar", "side"], how="left", maintain_order="left")
        .with_columns(rule=pl.lit(name), label=(pl.col("net_return") > 0).cast(pl.Int8))
    )
