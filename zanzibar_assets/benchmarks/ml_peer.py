"""The peer of the splits, run by an interpreter that has purgedcv: seconds as JSON.

Arguments: rows, horizon. All folds of CPCV(10,2) with an embargo of as many rows are listed once.
"""

from __future__ import annotations

import json
import sys
import time


def main(rows: int, horizon: int) -> None:
    """Time the folds and print their number and seconds."""
    import numpy as np
    import pandas as pd
    from purgedcv import CombinatorialPurgedCV

    times = pd.date_range("2020-01-01", periods=rows, freq="min")
    ends = times + pd.Timedelta(minutes=horizon)
    began = time.perf_counter()
    splitter = CombinatorialPurgedCV(
        10, 2, prediction_times=times, evaluation_times=ends, embargo_observations=horizon
    )
    folds = sum(1 for _ in splitter.split(np.zeros((rows, 1))))
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "folds": folds}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
