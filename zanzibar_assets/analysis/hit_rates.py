"""What followed events: signed returns at several horizons against matched times of the session.

An event is entered at the open of the first bar that opens at or after its ``known_at``, and left at
the last close within the horizon; a horizon never crosses the session's end. Its outcome is the log
return times its direction, divided by the volatility known at entry times the root of the horizon.
The matched outcome is the mean over *every* bar of the same phase (what endlessly many random draws
would give), so no seed enters. Standard errors cluster by session, since events of one session share
its market (Liang and Zeger 1986, Biometrika 73:13); the interval of a hit rate is Wilson's (1927, JASA
22:209) with the number of events that would have that clustered error were they independent; p-values of
all cells are adjusted together for the false discovery rate under any dependence (Benjamini and
Yekutieli 2001, Ann. Statist. 29:1165).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from zanzibar_assets.analysis.outcomes import PHASES, Outcomes, bar_outcomes
from zanzibar_assets.config import Config
from zanzibar_assets.instruments import Instrument

LEAST_EVENTS = 30
LEAST_SESSIONS = 8
CONFIDENCE = 0.95
FALSE_DISCOVERY = 0.05
ALL = "all"
MADE_TWICE = ("level_accept", "level_sweep")
"""Kinds that the bar engine makes and, by another definition, the tick engine."""
EVENT_COLUMNS = ("kind", "dir", "known_at", "timeframe_seconds", "session")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """Mean of a quantity over events with its standard error clustered by session."""

    mean: float
    standard_error: float
    clusters: int

    def interval(self) -> tuple[float, float]:
        """Student interval with clusters - 1 degrees of freedom."""
        from scipy.stats import t

        reach = float(t.ppf(0.5 + CONFIDENCE / 2, self.clusters - 1)) * self.standard_error
        return self.mean - reach, self.mean + reach

    def p_value(self) -> float:
        """Two-sided p-value of a zero mean; 1 when nothing varies and the mean is zero."""
        from scipy.stats import t

        if self.standard_error == 0.0:
            return 1.0 if self.mean == 0.0 else 0.0
        return float(2.0 * t.sf(abs(self.mean) / self.standard_error, self.clusters - 1))


def clustered_mean(values: Floats, clusters: NDArray[np.int64]) -> ClusteredMean:
    """Mean of ``values`` (at least one) and its cluster-robust standard error.

    With G clusters and residual sums u_g the variance is G/(G-1) * sum(u_g^2) / n^2; it is infinite
    for one cluster.
    """
    mean = float(values.mean())
    _, position = np.unique(clusters, return_inverse=True)
    sums = np.bincount(position, weights=values - mean)
    count = len(sums)
    if count < 2:
        return ClusteredMean(mean, float("inf"), count)
    variance = count / (count - 1) * float(sums @ sums) / len(values) ** 2
    return ClusteredMean(mean, variance**0.5, count)


def hit_rate_interval(rate: ClusteredMean, events: int) -> tuple[float, float]:
    """Wilson interval of a share of ``events`` whose standard error is clustered by session.

    The effective number of events is rate * (1 - rate) / error^2, never more than there are; where
    nothing varies it is the number of sessions, since no more than those is known to be independent.
    The quantile is Student's with sessions - 1 degrees of freedom. Needs two sessions.
    """
    from scipy.stats import t

    share, spread = rate.mean, rate.mean * (1.0 - rate.mean)
    varies = rate.standard_error > 0.0
    size = min(float(events), spread / rate.standard_error**2) if varies else float(rate.clusters)
    reach = float(t.ppf(0.5 + CONFIDENCE / 2, rate.clusters - 1)) ** 2 / size
    middle = (share + reach / 2.0) / (1.0 + reach)
    half = (reach * (spread + reach / 4.0)) ** 0.5 / (1.0 + reach)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def told_apart(table: str, events: pl.DataFrame) -> pl.DataFrame:
    """Events whose kind says bar or tick where two tables use one word: two definitions are not pooled."""
    engine = "tick" if table == "orderflow_events" else "bar"
    kind = pl.col("kind")
    named = pl.when(kind.is_in(MADE_TWICE)).then(kind + f" ({engine})").otherwise(kind)
    return events.with_columns(kind=named)


def build_event_hit_rates(
    tables: Sequence[pl.DataFrame], bars: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """EventHitRates frame of an instrument.

    ``tables`` are event tables of several sessions (columns kind, dir, known_at, timeframe_seconds,
    session; ``told_apart`` by table), ``bars`` the Bars of the same sessions with ``session``. Events
    without a direction, and those after which no bar opens in their session, are not counted.
    """
    from zanzibar_assets.contracts.registry import conform, empty

    events = pl.concat(table.select(EVENT_COLUMNS) for table in tables)
    directed = events.filter(pl.col("dir") != 0)
    if not (bars.height and directed.height):
        return empty("event_hit_rates")
    horizons = config.analysis.hit_rate_minutes
    outcomes = bar_outcomes(bars, instrument, horizons)
    placed = _place(directed, outcomes)
    rows = [row for group in _groups(placed) for row in _measure(group, outcomes, horizons)]
    if not rows:
        return empty("event_hit_rates")
    through = str(bars["session"].max())
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(measured_through=pl.lit(through))
    return conform("event_hit_rates", adjust(frame))


def _place(events: pl.DataFrame, outcomes: Outcomes) -> pl.DataFrame:
    """Events with the index of their entry bar; those without one in their session are left out."""
    known = events["known_at"].dt.epoch("us").to_numpy()
    entry = np.searchsorted(outcomes.open_us, known, side="left")
    inside = entry < len(outcomes.open_us)
    at = np.minimum(entry, len(outcomes.open_us) - 1)
    names = np.asarray(outcomes.sessions, dtype=object)[outcomes.session[at]]
    inside &= names == events["session"].to_numpy()
    return (
        events.select("kind", "timeframe_seconds", "dir")
        .with_columns(entry=pl.Series(at, dtype=pl.Int64))
        .filter(pl.Series(inside))
    )


def _groups(placed: pl.DataFrame) -> Iterator[tuple[dict[str, Any], pl.DataFrame]]:
    keys = ("kind", "timeframe_seconds")
    for values, group in sorted(placed.group_by(*keys), key=lambda item: tuple(map(str, item[0]))):
        yield dict(zip(keys, values, strict=True)), group


def _measure(
    group: tuple[dict[str, Any], pl.DataFrame], outcomes: Outcomes, horizons: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Rows of one kind: every phase it occurred in and all of them together, at each horizon."""
    keys, events = group
    entry, direction = events["entry"].to_numpy(), events["dir"].to_numpy().astype(np.float64)
    phase = outcomes.phase[entry]
    for column, minutes in enumerate(horizons):
        usable = np.isfinite(outcomes.move[entry, column])
        for name in (ALL, *PHASES):
            chosen = usable if name == ALL else usable & (phase == PHASES.index(name))
            if chosen.any():
                row = _cell(outcomes, column, entry[chosen], direction[chosen])
                yield keys | {"phase": name, "horizon_minutes": minutes} | row


def _cell(outcomes: Outcomes, column: int, entry: NDArray[np.int64], direction: Floats) -> dict[str, Any]:
    move, ticks = outcomes.move[entry, column], outcomes.ticks[entry, column]
    matched = outcomes.matched(column, entry)
    edge = direction * (move - matched.move)
    up = direction > 0
    # Half of the unchanged outcomes count as hits, for events and for matched times alike.
    hits = np.where(move == 0, 0.5, (direction * move > 0).astype(np.float64))
    measured = clustered_mean(edge, outcomes.session[entry])
    enough = len(entry) >= LEAST_EVENTS and measured.clusters >= LEAST_SESSIONS
    low, high = measured.interval() if enough else (None, None)
    rate = clustered_mean(hits, outcomes.session[entry])
    rate_low, rate_high = hit_rate_interval(rate, len(entry)) if enough else (None, None)
    return {
        "events": len(entry),
        "sessions": measured.clusters,
        "hit_rate": rate.mean,
        "hit_rate_low": rate_low,
        "hit_rate_high": rate_high,
        "hit_rate_matched": float(np.where(up, matched.up_share, 1.0 - matched.up_share).mean()),
        "edge_sigma": measured.mean,
        "ci_low": low,
        "ci_high": high,
        "edge_ticks": float((direction * (ticks - matched.ticks)).mean()),
        "p_value": measured.p_value() if enough else None,
    }


def adjust(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with ``p_adjusted``, ``looked_at`` (tests made) and the verdict in words."""
    from scipy.stats import false_discovery_control

    p_values = rows["p_value"].cast(pl.Float64)
    tested = p_values.is_not_null().to_numpy()
    adjusted = np.full(rows.height, np.nan)
    if tested.any():
        adjusted[tested] = false_discovery_control(p_values.drop_nulls().to_numpy(), method="by")
    frame = rows.with_columns(
        pl.col("hit_rate_low", "hit_rate_high").cast(pl.Float64),
        p_value=p_values,
        ci_low=pl.col("ci_low").cast(pl.Float64),
        ci_high=pl.col("ci_high").cast(pl.Float64),
        p_adjusted=pl.Series(adjusted).fill_nan(None),
        looked_at=pl.lit(int(tested.sum()), pl.Int64),
    )
    found = pl.col("p_adjusted") < FALSE_DISCOVERY
    return frame.with_columns(
        verdict=pl.when(pl.col("p_adjusted").is_null())
        .then(pl.lit("too few"))
        .when(found & (pl.col("edge_sigma") > 0))
        .then(pl.lit("follows"))
        .when(found)
        .then(pl.lit("reverses"))
        .otherwise(pl.lit("no measured worth"))
    )
