"""From a latent path to a session's tape: the order book's events and what they leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator.options import MarketShape, SimulatorOptions, shape_of
from zanzibar_assets.simulator.path import FairPath
from zanzibar_assets.simulator.streams import stream, stream_key
from zanzibar_assets.vocabulary import US_PER_SECOND

Ints = NDArray[np.int64]

REPRICINGS_PER_TRADE: Final = 0.30
RECORDS_PER_REPRICING: Final = 9.0
TRADES_PER_REPRICING: Final = 1.4
TRADES_PER_MARKET_ORDER: Final = 1.15
SNAPSHOT_RECORDS: Final = 144 * 19
GAP_SHARE: Final = 0.35
"""Mean distance of neighbouring levels, in repricing thresholds."""
SPREAD_SHARE: Final = 0.08
"""Mean spread beyond one tick, in repricing thresholds."""


@dataclass(frozen=True, slots=True)
class Tape:
    """What one session's order book emitted, in tick and volume units of the file.

    ``trades`` columns: stamp_us, kind (0 single, 1 first, 2 middle, 3 last sub-trade), price_ticks,
    bid_ticks, ask_ticks, size, side (+1 buyer). ``depth`` columns: stamp_us, command, flags, orders,
    price_ticks, size.
    """

    trades: Ints
    depth: Ints


@dataclass(frozen=True, slots=True)
class Plan:
    """Event counts and scales that hit the wanted record counts on an average session."""

    events: int
    market_share: float
    threshold_ticks: float
    gap_ticks: float
    spread_ticks: float


def plan_session(shape: MarketShape, tick_size: float, options: SimulatorOptions) -> Plan:
    """Plan of an average session of the shape.

    A price of daily sigma S ticks leaves a band of half width h about ``(S / h)**2`` times a day;
    h is set so that these repricings make their share of the trades, the rest are market orders.
    """
    sigma_ticks = shape.daily_sigma * shape.start_price / tick_size
    trades = float(options.trades_per_session)
    threshold = max(1.25, sigma_ticks / np.sqrt(REPRICINGS_PER_TRADE * trades))
    repricings = (sigma_ticks / threshold) ** 2
    market = max(0.2 * trades, trades - TRADES_PER_REPRICING * repricings) / TRADES_PER_MARKET_ORDER
    wanted = options.depth_per_trade * trades - RECORDS_PER_REPRICING * repricings - SNAPSHOT_RECORDS
    passive = max(0.5 * market, wanted - 1.2 * market)
    return Plan(
        events=int(repricings + market + passive),
        market_share=float(market / (market + passive)),
        threshold_ticks=float(threshold),
        gap_ticks=max(1.0, GAP_SHARE * float(threshold)),
        spread_ticks=1.0 + SPREAD_SHARE * max(0.0, float(threshold) - 2.0),
    )


def trade_session(instrument: Instrument, path: FairPath, seed: int, options: SimulatorOptions) -> Tape:
    """Run the order book of one session along its latent path."""
    from zanzibar_assets.simulator._book_kernel import Flow, run_book
    from zanzibar_assets.simulator._levels_kernel import DEPTH_COLUMNS, TRADE_COLUMNS, Log

    shape = shape_of(instrument.id, instrument.simulated)
    plan = plan_session(shape, instrument.tick_size, options)
    stamps = _event_stamps(path, plan.events, seed, instrument.id)
    fair = path.at(stamps) / instrument.tick_size
    key = stream_key(seed, "book", instrument.id, path.session) & (2**64 - 1)
    state = np.array([key], dtype=np.uint64)
    flow = Flow(
        plan.market_share,
        options.signal_strength,
        plan.threshold_ticks,
        plan.gap_ticks,
        plan.spread_ticks,
        shape.trade_units,
        shape.level_units,
    )
    depth_rows, trade_rows = 4 * plan.events + 50_000, 2 * plan.events + 10_000
    while True:
        log = Log(
            np.empty((depth_rows, DEPTH_COLUMNS), dtype=np.int64),
            np.empty((trade_rows, TRADE_COLUMNS), dtype=np.int64),
            np.zeros(2, dtype=np.int64),
        )
        if run_book(stamps, fair, state, flow, log) == len(stamps):
            return Tape(log.trades[: log.used[1]].copy(), log.depth[: log.used[0]].copy())
        depth_rows, trade_rows = 2 * depth_rows, 2 * trade_rows


def _event_stamps(path: FairPath, events: int, seed: int, instrument_id: str) -> Ints:
    """Sorted event instants on whole milliseconds, dense where the session is busy."""
    rng = stream(seed, "events", instrument_id, path.session)
    cumulative = np.concatenate(([0.0], np.cumsum(path.clock.activity)))
    cumulative /= cumulative[-1]
    where = np.interp(np.sort(rng.random(events)), cumulative, np.arange(len(cumulative)))
    milliseconds = (where * 1_000.0).astype(np.int64)
    milliseconds[0] = 0  # the book stands from the open on
    return path.clock.window.open_us + milliseconds * (US_PER_SECOND // 1_000)
