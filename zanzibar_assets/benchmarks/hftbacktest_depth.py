"""The peer of the book benchmark, run by an interpreter that has hftbacktest: seconds as JSON.

Arguments: events (npz of stamps in us, ticks, sizes, Sierra commands), tick size, rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

LEVELS = 10
STEP_NS = 100_000_000


def events_of(file: str, tick_size: float) -> Any:
    """hftbacktest events of depth records; CLEAR clears each side, a delete is a size of 0."""
    import numpy as np
    from hftbacktest.types import (
        BUY_EVENT,
        DEPTH_CLEAR_EVENT,
        DEPTH_EVENT,
        EXCH_EVENT,
        LOCAL_EVENT,
        SELL_EVENT,
        event_dtype,
    )

    data = np.load(file)
    command, ticks = data["commands"], data["ticks"]
    priced = command >= 2
    low, high = int(ticks[priced].min()), int(ticks[priced].max())
    times = np.where(command == 1, 2, 1)
    at = np.repeat(np.arange(len(command)), times)
    second = np.concatenate(([False], at[1:] == at[:-1]))
    clear, ask = command[at] == 1, (command[at] % 2 == 1) & (command[at] > 1) | second
    events = np.zeros(len(at), dtype=event_dtype)
    kind = np.where(clear, DEPTH_CLEAR_EVENT, DEPTH_EVENT) | np.where(ask, SELL_EVENT, BUY_EVENT)
    events["ev"] = kind.astype(np.uint64) | np.uint64(EXCH_EVENT | LOCAL_EVENT)
    events["exch_ts"] = events["local_ts"] = np.maximum.accumulate(data["stamps"])[at] * 1_000
    events["px"] = np.where(clear, np.where(ask, high, low), ticks[at]) * tick_size
    events["qty"] = np.where((command[at] >= 6) | clear, 0.0, data["sizes"][at])
    return events[priced[at] | clear], (low - LEVELS) * tick_size, (high + LEVELS) * tick_size


def walker() -> Any:
    """Compiled loop: step through time, read the top levels of both sides at each step."""
    import numpy as np
    from numba import njit

    @njit
    def walk(backtest: Any, out: Any) -> int:
        steps = 0
        while backtest.elapse(STEP_NS) == 0:
            depth = backtest.depth(0)
            row = out[steps % len(out)]
            found, tick = 0, depth.best_bid_tick
            while found < LEVELS and tick >= depth.roi_lb_tick:
                size = depth.bid_qty_at_tick(tick)
                if size > 0:
                    row[found, 0], row[found, 1] = tick, size
                    found += 1
                tick -= 1
            found, tick = 0, depth.best_ask_tick
            while found < LEVELS and tick <= depth.roi_ub_tick:
                size = depth.ask_qty_at_tick(tick)
                if size > 0:
                    row[LEVELS + found, 0], row[LEVELS + found, 1] = tick, size
                    found += 1
                tick += 1
            steps += 1
        return steps

    return walk, np.zeros((1_000, 2 * LEVELS, 2))


def main(file: str, tick_size: float, rounds: int) -> None:
    """Time the walk and print the median."""
    from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest

    events, low, high = events_of(file, tick_size)
    walk, out = walker()
    seconds = []
    steps = 0
    for _ in range(rounds + 1):  # the first one compiles
        asset = (
            BacktestAsset()
            .data([events])
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(tick_size)
            .lot_size(1.0)
            .roi_lb(low)
            .roi_ub(high)
        )
        backtest = ROIVectorMarketDepthBacktest([asset])
        began = time.perf_counter()
        steps = int(walk(backtest, out))
        seconds.append(time.perf_counter() - began)
        backtest.close()
    result = {"median_seconds": statistics.median(seconds[1:]), "steps": steps, "events": len(events)}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
