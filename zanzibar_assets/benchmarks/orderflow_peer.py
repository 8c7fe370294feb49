"""The peer of the order-flow benchmark, run by an interpreter that has orderflow-metrics: seconds as JSON.

Arguments: quotes (npz of bid, bid_size, ask, ask_size), rounds. It computes on Python objects; making
them is not timed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time


def main(file: str, rounds: int) -> None:
    """Time ``ofi_series`` over the quotes and print the median."""
    import numpy as np
    from orderflow_metrics import L1Quote, ofi_series

    data = np.load(file)
    columns = (data[name].astype(float).tolist() for name in ("bid", "bid_size", "ask", "ask_size"))
    quotes = [L1Quote(*row) for row in zip(*columns, strict=True)]
    seconds, total = [], 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        total = sum(ofi_series(quotes))
        seconds.append(time.perf_counter() - began)
    result = {"median_seconds": statistics.median(seconds), "quotes": len(quotes), "sum": total}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
