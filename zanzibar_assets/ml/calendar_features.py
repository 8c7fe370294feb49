"""Features of the clock: time of day and week, the session's open time, the contract's roll."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import polars as pl

from zanzibar_assets.calendars import session_at, session_window
from zanzibar_assets.ingestion.rolls import expiry_of, front_contract
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.exchange_time import ExchangeClock
from zanzibar_assets.vocabulary import US_PER_SECOND, SessionState

DAY_SECONDS = 86_400
WEEK_DAYS = 7


def calendar_features(bars: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Time of day (UTC), weekday and open time of the exchange's session, days to the next roll."""
    known = bars["known_at"].to_physical().to_numpy()
    session = session_at(instrument, int(known[0]) - 1)
    clock = ExchangeClock.of(session_window(instrument, session))
    passed = clock.elapsed(known)
    angle = known % (DAY_SECONDS * US_PER_SECOND) * (2.0 * math.pi / (DAY_SECONDS * US_PER_SECOND))
    turn = date.fromisoformat(session).weekday() * (2.0 * math.pi / WEEK_DAYS)
    bar_us = pl.col("bar_seconds").cast(pl.Int64) * US_PER_SECOND
    return bars.select(
        pl.Series("day_sine", np.sin(angle)),
        pl.Series("day_cosine", np.cos(angle)),
        (pl.col("session_state") == SessionState.PRE_OPEN.value).cast(pl.Float64).alias("pre_open"),
        pl.lit(math.sin(turn)).alias("week_sine"),
        pl.lit(math.cos(turn)).alias("week_cosine"),
        (pl.Series(clock.total_us - passed) / bar_us).alias("open_time_left"),
        pl.Series("session_share", passed / np.float64(clock.total_us)),
        pl.lit(days_to_roll(instrument, session), dtype=pl.Float64).alias("days_to_roll"),
    )


def days_to_roll(instrument: Instrument, session: str) -> int | None:
    """Calendar days from a session to the day on which the rule rolls its contract; None without expiry."""
    contract = front_contract(instrument, session)
    if contract is None:
        return None
    expiry = expiry_of(contract[0], 2000 + int(contract[1:]), instrument)
    return (expiry - timedelta(days=instrument.roll.days_before_expiry) - date.fromisoformat(session)).days
