"""The latent fair price: a common factor, volatility that clusters, trends, ranges, stop runs, news.

``chain`` carries the state from session to session, so a session's path depends on the seed, the
instrument, the first session and the session alone, however many sessions follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.calendars import session_window
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.contracts import contract_of, contracts_between
from zanzibar_assets.simulator.options import MarketShape, SimulatorOptions, shape_of
from zanzibar_assets.simulator.schedule import Clock, build_clock, news_of
from zanzibar_assets.simulator.streams import stream
from zanzibar_assets.vocabulary import US_PER_SECOND, from_us

Floats = NDArray[np.float64]

MEAN_SEGMENT_S: Final = 5_400.0
MIN_SEGMENT_S: Final = 900
RANGE_VOLATILITY, TREND_VOLATILITY = 0.75, 1.15
VOLATILITY_PERSISTENCE, VOLATILITY_OF_VOLATILITY = 0.9, 0.16
REGIME_NAMES: Final = {0: "range", 1: "trend_up", -1: "trend_down"}
STATIONARY_LOG_VARIANCE: Final = VOLATILITY_OF_VOLATILITY**2 / (1.0 - VOLATILITY_PERSISTENCE**2)
"""Taken off the log volatility so that the mean daily variance is the one named."""
VARIANCE_SCALE: Final = 0.88
"""Scales the second-by-second volatility so that runs and news leave the daily sigma as named."""


@dataclass(frozen=True, slots=True)
class StopRun:
    """A push through an obvious extreme at ``level`` and what came of it."""

    begins_us: int
    through_us: int
    ends_us: int
    direction: int
    level: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Regime:
    """One stretch of the session: ``range``, ``trend_up`` or ``trend_down``."""

    starts_us: int
    name: str


@dataclass(frozen=True, slots=True)
class FairPath:
    """Latent price of one session: ``log_price[i]`` at the end of second i after the open."""

    session: str
    contract: str | None
    clock: Clock
    day_sigma: float
    open_log: float
    log_price: Floats
    regimes: tuple[Regime, ...]
    stop_runs: tuple[StopRun, ...]

    def at(self, stamps_us: NDArray[np.int64]) -> Floats:
        """Latent price at instants of the session, linear within the second."""
        grid = np.concatenate(([self.open_log], self.log_price))
        where = (stamps_us - self.clock.window.open_us) / US_PER_SECOND
        return np.exp(np.interp(where, np.arange(len(grid)), grid))


@dataclass(frozen=True, slots=True)
class _Carry:
    log_price: float
    log_volatility: float
    extremes: tuple[float, float]
    contract: str | None


def chain(
    instrument: Instrument, sessions: list[str], seed: int, options: SimulatorOptions
) -> Iterator[FairPath]:
    """Paths of consecutive sessions, oldest first; the first one starts at the shape's price."""
    shape = shape_of(instrument.id, instrument.simulated)
    start = float(np.log(shape.start_price))
    carry = _Carry(start, 0.0, (start, start), None)
    for session in sessions:
        path, carry = _session_path(instrument, shape, session, seed, options, carry)
        yield path


def _session_path(
    instrument: Instrument,
    shape: MarketShape,
    session: str,
    seed: int,
    options: SimulatorOptions,
    carry: _Carry,
) -> tuple[FairPath, _Carry]:
    from zanzibar_assets.simulator._path_kernel import Terrain, walk

    clock = build_clock(
        session_window(instrument, session), shape, news_of(seed, session, options.news_probability)
    )
    rng = stream(seed, "path", instrument.id, session)
    contract = contract_of(instrument, session)
    log_volatility = (
        VOLATILITY_PERSISTENCE * carry.log_volatility + VOLATILITY_OF_VOLATILITY * rng.standard_normal()
    )
    day_sigma = shape.daily_sigma * float(np.exp(log_volatility - STATIONARY_LOG_VARIANCE))
    # After a roll the next contract trades above by the basis: past levels move up with it.
    shift = contracts_between(instrument, carry.contract, contract) * options.roll_basis_bps / 10_000.0
    opens = carry.log_price + shift + _gap(seed, session, shape, clock, rng) * day_sigma
    segment, kind = _segments(clock.seconds, rng)
    sigmas = np.sqrt(clock.variance * VARIANCE_SCALE) * day_sigma
    sigmas = sigmas * np.where(kind[segment] == 0, RANGE_VOLATILITY, TREND_VOLATILITY)
    seg_sigma = np.sqrt(np.bincount(segment, weights=sigmas**2, minlength=len(kind)))
    seg_sigma[seg_sigma == 0.0] = 1.0
    terrain = Terrain(
        _shocks(seed, shape, clock, rng),
        sigmas,
        clock.in_main_hours,
        rng.random(clock.seconds),
        segment,
        kind,
        seg_sigma,
    )
    reverse_p = 0.5 + 0.49 * options.signal_strength
    prior = np.array(carry.extremes) + shift
    log_price, runs = walk(opens, terrain, options.signal_strength, reverse_p, prior, day_sigma)
    path = FairPath(
        session,
        contract,
        clock,
        day_sigma,
        opens,
        log_price,
        _regimes(clock, segment, kind),
        tuple(_stop_run(clock, row) for row in runs),
    )
    extremes = (float(log_price.max()), float(log_price.min()))
    return path, _Carry(float(log_price[-1]), float(log_volatility), extremes, contract)


def _gap(seed: int, session: str, shape: MarketShape, clock: Clock, rng: np.random.Generator) -> float:
    """Opening gap in day sigmas, correlated across instruments like the rest."""
    long_pause = clock.window.open_us > clock.window.starts_us
    scale = shape.weekend_gap_sigma if long_pause else shape.daily_gap_sigma
    common = stream(seed, "gap", session).standard_normal()
    return float(scale * (shape.beta * common + np.sqrt(1.0 - shape.beta**2) * rng.standard_normal()))


def _shocks(seed: int, shape: MarketShape, clock: Clock, rng: np.random.Generator) -> Floats:
    """Standard normal shocks of each second: the common factor and the instrument's own."""
    own = rng.standard_normal(clock.seconds)
    return np.asarray(shape.beta * _common_factor(seed, clock) + np.sqrt(1.0 - shape.beta**2) * own)


def _common_factor(seed: int, clock: Clock) -> Floats:
    """The factor's shocks of the session's seconds, drawn by UTC day so that all instruments agree."""
    day_us = 86_400 * US_PER_SECOND
    first, last = clock.window.open_us // day_us, (clock.window.close_us - 1) // day_us
    epoch = date(1970, 1, 1).toordinal()
    days = [
        stream(seed, "factor", date.fromordinal(epoch + day)).standard_normal(86_400)
        for day in range(first, last + 1)
    ]
    begin = (clock.window.open_us - first * day_us) // US_PER_SECOND
    return np.concatenate(days)[begin : begin + clock.seconds]


def _segments(seconds: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Segment number of each second and each segment's kind (0 range, +1 and -1 trends)."""
    lengths = MIN_SEGMENT_S + rng.exponential(
        MEAN_SEGMENT_S - MIN_SEGMENT_S, size=seconds // MIN_SEGMENT_S + 1
    )
    ends = np.cumsum(lengths)
    segment = np.searchsorted(ends, np.arange(seconds), side="right").astype(np.int64)
    kind = rng.choice(np.array([0, 0, 1, -1], dtype=np.int64), size=int(segment[-1]) + 1)
    return segment, kind


def _regimes(clock: Clock, segment: NDArray[np.int64], kind: NDArray[np.int64]) -> tuple[Regime, ...]:
    starts = np.flatnonzero(np.diff(segment, prepend=-1))
    return tuple(
        Regime(clock.window.open_us + int(at) * US_PER_SECOND, REGIME_NAMES[int(kind[segment[at]])])
        for at in starts
    )


def _stop_run(clock: Clock, row: Floats) -> StopRun:
    begins, through, ends = (clock.window.open_us + int(row[k]) * US_PER_SECOND for k in range(3))
    outcome = {1: "reversed", -1: "continued", 0: "unresolved"}[int(row[5])]
    return StopRun(begins, through, ends, int(row[3]), float(np.exp(row[4])), outcome)


def utc_day(stamp_us: int) -> str:
    """UTC date of an instant, as ``.depth`` file names carry it."""
    return from_us(stamp_us).astimezone(UTC).date().isoformat()
