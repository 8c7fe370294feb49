"""The peer of the book benchmark, run by an interpreter that has hftbacktest.

Arguments: events (npz of stamps in us, ticks, sizes, Sierra commands), tick size, rows at most, file
for the rows. It says ``ready`` as JSON after a first run, then answers each line ``run`` with its
seconds: the events stay preloaded, and whoever asks can take turns with it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

LEVELS = 10
STEP_NS = 100_000_000
DAY_NS = 86_400_000_000_000
FOR_EVER_NS = 10**18


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
    """Compiled loop: on to the next event, then to the instant after it; the top levels of both sides.

    An instant shows what is stamped strictly before it, and silence is jumped over: stepping through
    it would cost the peer every empty instant.
    """
    from numba import njit

    @njit
    def walk(backtest: Any, stamps: Any, ticks: Any, sizes: Any) -> int:
        rows, ended = 0, False
        while not ended and rows < len(stamps):
            if backtest.wait_next_feed(False, FOR_EVER_NS) == 1:
                break
            now = backtest.current_timestamp
            midnight = now - now % DAY_NS
            instant = midnight + ((now - midnight) // STEP_NS + 1) * STEP_NS
            ended = backtest.elapse(instant - 1 - now) == 1
            depth = backtest.depth(0)
            bids, asks, low = depth.bid_depth, depth.ask_depth, depth.roi_lb_tick
            found, at = 0, depth.best_bid_tick - low
            while found < LEVELS and at >= 0:
                if bids[at] > 0:
                    ticks[rows, found], sizes[rows, found] = at + low, bids[at]
                    found += 1
                at -= 1
            found, at = 0, depth.best_ask_tick - low
            while found < LEVELS and at < len(asks):
                if asks[at] > 0:
                    ticks[rows, LEVELS + found], sizes[rows, LEVELS + found] = at + low, asks[at]
                    found += 1
                at += 1
            stamps[rows] = instant
            rows += 1
        return rows

    return walk


def main(file: str, tick_size: float, capacity: int, rows_file: str) -> None:
    """Prepare, run once, write the rows, then run as often as asked."""
    import numpy as np
    from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest

    events, low, high = events_of(file, tick_size)
    walk = walker()
    width = 2 * LEVELS
    out = (
        np.zeros(capacity, np.int64),
        np.zeros((capacity, width), np.int64),
        np.zeros((capacity, width)),
    )

    def timed() -> tuple[float, float, int]:
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
        began, worked = time.perf_counter(), time.process_time()
        rows = int(walk(backtest, *out))
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        backtest.close()
        return seconds, processor, rows

    *_, rows = timed()  # compiles
    np.savez(rows_file, stamps=out[0][:rows] // 1_000, ticks=out[1][:rows], sizes=out[2][:rows])
    _say({"ready": True, "rows": rows, "events": len(events)})
    for line in sys.stdin:
        if line.strip() != "run":
            break
        seconds, processor, _ = timed()
        _say({"seconds": seconds, "processor_seconds": processor})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
