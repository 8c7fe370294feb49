"""How a benchmark measures and what it reports."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; ``ratio`` is the peer's over ours: above 1 for what ours does sooner or smaller.

    ``peer_value`` is None where the peer could not be measured; ``note`` then says why. ``wanted`` is
    the least ratio that is aimed at.
    """

    what: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    note: str | None = None
    wanted: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON of the figure."""
        known = self.peer_value is not None and self.value > 0
        ratio = round(float(self.peer_value or 0) / self.value, 3) if known else None
        found: dict[str, Any] = {
            "what": self.what,
            "value": _short(self.value),
            "unit": self.unit,
            "peer": self.peer,
            "peer_value": None if self.peer_value is None else _short(self.peer_value),
            "ratio": ratio,
            "wanted": self.wanted,
        }
        return found if self.note is None else {**found, "note": self.note}


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def side_by_side(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each run after an unmeasured round; taking turns, all meet the same load."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for measured in range(-1, rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if measured >= 0:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(found) for name, found in seconds.items()}


def read_plainly(path: Path, block_bytes: int = 4 << 20) -> int:
    """Bytes of a file, read from front to back into one buffer."""
    buffer, total = bytearray(block_bytes), 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total += count
    return total


def machine() -> dict[str, Any]:
    """What the figures were measured on, with the load it bore before the run."""
    import numpy
    import polars

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "polars": polars.__version__,
        "numpy": numpy.__version__,
        "load_average": None if load is None else round(load, 2),
    }
