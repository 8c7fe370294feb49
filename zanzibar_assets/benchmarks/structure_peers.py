"""Structure libraries as peers, run by an interpreter that has them: CPU seconds or events as JSON.

Arguments: bars (npz of open, high, low, close, volume), library, window, rounds, and where to write
the events found (npz of one ``<kind>_<side>`` array of bar indices each), or ``-``. Never imports ours.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

SIDES = {1: "up", -1: "down"}
SWEEP_BARS = 20


def pyvsmc_tasks(bars: Any, window: int) -> dict[str, Callable[[], Any]]:
    """What is timed of pyvsmc; its blocks take window 2 and ten bars of looking back, as it has them."""
    import pyvsmc

    o, h, low, c = bars["open"], bars["high"], bars["low"], bars["close"]
    return {
        "structure": lambda: pyvsmc.detect_structure(h, low, c, window_size=window, tie="first"),
        "gaps": lambda: pyvsmc.detect_fvg(h, low, close=c, compute_mitigation=True),
        "blocks": lambda: pyvsmc.detect_order_blocks(
            o, h, low, c, use_fvg=False, window_size=window, tie="first", compute_mitigation=True
        ),
        "liquidity": lambda: pyvsmc.detect_liquidity(h, low, c, window_size=window, tie="first"),
    }


def smartmoneyconcepts_tasks(bars: Any, window: int) -> dict[str, Callable[[], Any]]:
    """What is timed of smartmoneyconcepts; structure is its swings and its breaks of them."""
    import pandas as pd
    from smartmoneyconcepts import smc

    frame = pd.DataFrame({name: bars[name] for name in ("open", "high", "low", "close", "volume")})

    def structure() -> Any:
        swings = smc.swing_highs_lows(frame, swing_length=window)
        return swings, smc.bos_choch(frame, swings)

    def blocks() -> Any:
        return smc.ob(frame, smc.swing_highs_lows(frame, swing_length=window))

    def liquidity() -> Any:
        return smc.liquidity(frame, smc.swing_highs_lows(frame, swing_length=window))

    return {"structure": structure, "gaps": lambda: smc.fvg(frame), "blocks": blocks, "liquidity": liquidity}


def pyvsmc_events(tasks: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Bar indices of pyvsmc's events: breaks and outcomes on their bar, gaps on their third bar."""
    import numpy as np

    found, gaps = tasks["structure"](), tasks["gaps"]()
    blocks, liquidity = tasks["blocks"](), tasks["liquidity"]()
    events: dict[str, Any] = {}
    for side, bull, high in ((1, "bullish", "high"), (-1, "bearish", "low")):
        name, gap = SIDES[side], getattr(gaps, bull)
        events[f"swing_{name}"] = np.flatnonzero(getattr(found, f"swing_{high}"))
        events[f"bos_{name}"] = np.flatnonzero(getattr(found, f"bos_{bull}"))
        events[f"choch_{name}"] = np.flatnonzero(getattr(found, f"choch_{bull}"))
        events[f"fvg_{name}"] = np.flatnonzero(gap)
        for kind, index in (
            ("fvg_touch", gaps.mitigated_index),
            ("fvg_ce", gaps.mitigated_50_index),
            ("fvg_fill", gaps.mitigated_full_index),
        ):
            reached = gap & (index >= 0)
            events[f"{kind}_{name}"] = np.stack((np.flatnonzero(reached), index[reached]))
        inverted = gap & gaps.inverted
        last = gaps.mitigated_full_index[inverted]
        events[f"fvg_invert_{name}"] = np.stack((np.flatnonzero(inverted), last))
        events[f"ob_{name}"] = np.flatnonzero(getattr(blocks, f"{bull}_ob"))
        events[f"pool_{name}"] = np.flatnonzero(getattr(liquidity, f"equal_swing_{high}"))
        events[f"sweep_{name}"] = np.flatnonzero(getattr(liquidity, f"sweep_{high}"))
    return events


def smartmoneyconcepts_events(tasks: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Bar indices of its events; breaks on the bar that broke, gaps on the bar that completes them."""
    import numpy as np

    swings, breaks = tasks["structure"]()
    gaps, blocks, pools = tasks["gaps"](), tasks["blocks"](), tasks["liquidity"]()
    events: dict[str, Any] = {}
    broken = breaks["BrokenIndex"].to_numpy()
    for side, name in SIDES.items():
        events[f"swing_{name}"] = np.flatnonzero(swings["HighLow"].to_numpy() == side)
        events[f"bos_{name}"] = broken[breaks["BOS"].to_numpy() == side].astype(int)
        events[f"choch_{name}"] = broken[breaks["CHOCH"].to_numpy() == side].astype(int)
        own = np.flatnonzero(gaps["FVG"].to_numpy() == side)
        reached = gaps["MitigatedIndex"].to_numpy()[own]
        events[f"fvg_{name}"] = own + 1
        touched = reached > 0
        events[f"fvg_touch_{name}"] = np.stack((own[touched] + 1, reached[touched].astype(int)))
        events[f"ob_{name}"] = np.flatnonzero(blocks["OB"].to_numpy() == side)
        lasts = pools["End"].to_numpy()[pools["Liquidity"].to_numpy() == side]
        events[f"pool_{name}"] = lasts.astype(int)
    return events


LIBRARIES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "pyvsmc": (pyvsmc_tasks, pyvsmc_events),
    "smartmoneyconcepts": (smartmoneyconcepts_tasks, smartmoneyconcepts_events),
}


def main(file: str, library: str, window: int, rounds: int, tasks: str, out: str) -> None:
    """Time the named tasks, or find all events."""
    import numpy as np

    warnings.simplefilter("ignore")
    bars = np.load(file)
    make, find = LIBRARIES[library]
    runs = make(bars, window)
    if out != "-":
        np.savez(out, **find(runs))
        sys.stdout.write(json.dumps({"written": out}) + "\n")
        return
    seconds: dict[str, list[float]] = {}
    for name in tasks.split(","):
        seconds[name] = []
        for measured in range(-1 if rounds > 1 else 0, rounds):
            began = time.process_time()
            runs[name]()
            if measured >= 0:
                seconds[name].append(time.process_time() - began)
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
