"""Random sessions of the tables that marks are read from."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import polars as pl

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets_tests.reporting import frames

STEPS = ("poi", "poi_touch", "poi_invalidated")


def vwap(rng: np.random.Generator, count: int = 30) -> pl.DataFrame:
    middle = 4700 + np.cumsum(rng.normal(0, 1, count))
    rows = [
        {
            "event_ts": frames.at(i), "known_at": frames.at(i + 1), "vwap": value, "sd": 1.5,
            "upper_1": value + 1.5, "lower_1": value - 1.5, "upper_2": value + 3.0, "lower_2": value - 3.0,
            "rolling_vwap": value, "poc_ticks": round(value * 4), "vah_ticks": round(value * 4) + 6,
            "val_ticks": round(value * 4) - 6, "price_basis": "ticks",
        }
        for i, value in enumerate(middle.tolist())
    ]  # fmt: skip
    return with_new_columns("vwap", pl.DataFrame(rows))


def with_new_columns(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with null in the contract's columns that it does not name."""
    missing = {name: kind for name, kind in empty(table).schema.items() if name not in frame.columns}
    return conform(table, frame.with_columns(pl.lit(None, kind).alias(n) for n, kind in missing.items()))


def sweeps(rng: np.random.Generator, count: int = 12) -> pl.DataFrame:
    rows = []
    for i in range(count):
        born, price = float(rng.integers(0, 20)), int(rng.integers(18_700, 18_900))
        kind = str(rng.choice(["level", "pool"]))
        base = {"dir": int(rng.choice([-1, 1])), "level_ticks": price, "level": price / 4}
        attrs = json.dumps({"name": "prior_session_high"} if kind == "level" else {"n": 2})
        rows.append(base | _times(born) | {"event_id": f"l{i}", "kind": kind, "ref_id": None, "attrs": attrs})
        if rng.random() < 0.6:
            end = str(rng.choice(["level_sweep", "level_accept"])) if kind == "level" else "pool_taken"
            ended = _times(born + float(rng.integers(1, 10)))
            rows.append(base | ended | {"event_id": f"e{i}", "kind": end, "ref_id": f"l{i}", "attrs": "{}"})
    rest = {"timeframe_seconds": 60, "def_version": 1, "params_hash": "0" * 16}
    return with_new_columns("liquidity_sweeps", pl.DataFrame([row | rest for row in rows])).sort(
        "known_at", maintain_order=True
    )


def zones(rng: np.random.Generator, count: int = 12) -> pl.DataFrame:
    rows = []
    for i in range(count):
        born, low, high = float(rng.integers(0, 20)), *sorted(rng.integers(18_700, 18_900, 2).tolist())
        for step, kind in enumerate(STEPS[: int(rng.integers(1, 4))]):
            rows.append(
                _times(born + step * float(rng.integers(1, 5)))
                | {
                    "poi_id": f"z{i}", "kind": kind, "dir": 1 if i % 2 else -1, "lo_ticks": low,
                    "hi_ticks": high, "lo": low / 4, "hi": high / 4, "score": round(rng.random(), 3),
                    "source_kind": str(rng.choice(["ob", "fvg", "level_sweep"])), "source_id": f"s{i}",
                    "factors": "{}", "event_id": f"z{i}-{step}", "ref_id": f"z{i}-0" if step else None,
                    "level_ticks": high, "level": high / 4,
                    "timeframe_seconds": 60, "def_version": 1, "params_hash": "x", "attrs": "{}",
                }
            )  # fmt: skip
    return conform("points_of_interest", pl.DataFrame(rows)).sort("known_at", maintain_order=True)


def anchored(rng: np.random.Generator, count: int = 20) -> pl.DataFrame:
    rows = []
    for i in range(count):
        value = 4700 + float(rng.normal(0, 3))
        for anchor in ("session_open", "swing_low", "prior_session_high"):
            rows.append(
                _times(float(i))
                | {
                    "anchor": anchor, "anchor_id": "a", "anchor_event_ts": frames.at(0),
                    "anchor_known_at": frames.at(0), "vwap": value, "sd": 1.0, "upper_1": value + 1,
                    "lower_1": value - 1, "upper_2": value + 2, "lower_2": value - 2, "volume": 5.0,
                }
            )  # fmt: skip
    return conform("anchored_vwap", pl.DataFrame(rows))


def profile(rng: np.random.Generator, count: int = 20) -> pl.DataFrame:
    nodes = rng.choice(np.array([None, "hvn", "lvn"], dtype=object), count).tolist()
    rows = [
        {
            "event_ts": frames.at(0), "known_at": frames.at(30), "price_ticks": 18_800 + i,
            "price": 4700 + i / 4, "volume": 1.0, "bid_volume": 0.0, "ask_volume": 1.0, "is_poc": i == 0,
            "in_value_area": True, "smoothed": 1.0, "node": node,
        }
        for i, node in enumerate(nodes)
    ]  # fmt: skip
    return conform("volume_profile", pl.DataFrame(rows, schema_overrides={"node": pl.String}))


def session(seed: int) -> dict[str, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    return {
        "vwap": vwap(rng), "volume_profile": profile(rng), "anchored_vwap": anchored(rng),
        "liquidity_sweeps": sweeps(rng), "points_of_interest": zones(rng), "signals": frames.signals(),
    }  # fmt: skip


def _times(minutes: float) -> dict:
    known = frames.at(minutes + 1) + timedelta(microseconds=250)
    return {"event_ts": frames.at(minutes), "known_at": known}
