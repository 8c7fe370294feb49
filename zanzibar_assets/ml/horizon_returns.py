"""Returns over fixed horizons of exchange time, gross and net of a round trip's costs."""

from __future__ import annotations

import numpy as np
import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument
from zanzibar_assets.ml.costs import round_trip_ticks
from zanzibar_assets.ml.labels import SessionBars, session_bars
from zanzibar_assets.ml.tick_paths import RecordPath, load_path


def build_horizon_returns(
    clean_ticks: pl.DataFrame, bars: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """One row a bar of the open session and horizon of ``config.model.return_horizons`` (bars).

    From the bar's close to the last trade before the horizon has passed in exchange time (breaks do
    not count); known at the first bar that closes at or after that. A horizon that would cross the end
    of the session's trading has no row, nor has one without a trade. Log returns: ``net_long`` =
    gross - costs, ``net_short`` = -gross - costs, costs of one spread and both deals' commission.
    """
    session = session_bars(bars, bars.clear(), instrument)
    path = load_path(clean_ticks)
    if session is None or not len(path):
        return empty("horizon_returns")
    parts = [_horizon(path, session, horizon, instrument) for horizon in config.model.return_horizons]
    if not parts:
        return empty("horizon_returns")
    return conform("horizon_returns", pl.concat(parts).sort("known_at", "horizon_bars", maintain_order=True))


def _horizon(path: RecordPath, session: SessionBars, horizon: int, instrument: Instrument) -> pl.DataFrame:
    until = session.clock.elapsed(session.known_us) + horizon * session.bar_us
    deadline = session.clock.instant(until)
    closed = np.searchsorted(session.all_known_us, deadline, side="left")
    record = np.searchsorted(path.ends_us, deadline, side="right") - 1
    first = np.searchsorted(path.starts_us, session.known_us, side="left")
    inside = (until <= session.clock.total_us) & (closed < len(session.all_known_us)) & (record >= first)
    row = np.flatnonzero(inside)
    entry, leave = session.close_ticks[row], path.closes[record[row]]
    gross = np.log(leave / entry)
    cost = round_trip_ticks(instrument) / entry
    frame = pl.DataFrame(
        {
            "event_ts": session.known_us[row],
            "known_at": session.all_known_us[closed[row]],
            "horizon_bars": np.full(len(row), horizon),
            "entry_ticks": entry,
            "exit_ticks": leave,
            "gross_return": gross,
            "net_long": gross - cost,
            "net_short": -gross - cost,
        }
    )
    return frame.with_columns(pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC")))
