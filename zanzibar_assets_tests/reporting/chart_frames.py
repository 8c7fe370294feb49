"""Random but lawful frames of one session for charts, and a hand-made one."""

from __future__ import annotations

import json
import random

import polars as pl

from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.reporting.chart_items import EVENT_TABLES, ChartInputs
from zanzibar_assets_tests.reporting import frames

TICK = 0.25
KINDS = {
    "smc_events": ("swing", "bos", "choch", "fvg", "fvg_fill", "fvg_invert", "ob", "breaker"),
    "wyckoff_events": ("sc", "ar", "st", "spring", "sos", "fail"),
    "liquidity_sweeps": ("level", "level_sweep", "pool"),
    "orderflow_events": ("book_sweep", "stop_run"),
}
ZONED = ("fvg", "fvg_fill", "fvg_invert", "ob", "breaker")


def event(number: int, kind: str, happened: float, known: float, **changes) -> dict:
    row = {
        "event_ts": frames.at(happened), "known_at": frames.at(known), "event_id": f"{kind}-{number:06d}",
        "kind": kind, "dir": 1, "level_ticks": 18_800 + number % 50, "lo_ticks": None, "hi_ticks": None,
        "ref_id": None, "timeframe_seconds": 60, "def_version": 1, "params_hash": "abcd", "attrs": "{}",
    }  # fmt: skip
    row |= changes
    if kind in ZONED:
        row |= {"lo_ticks": 18_800 + number % 40, "hi_ticks": 18_803 + number % 40, "level_ticks": None}
    return row | {
        n: None if row[f"{n}_ticks"] is None else row[f"{n}_ticks"] * TICK for n in ("level", "lo", "hi")
    }


def events(table: str, rows: list[dict]) -> pl.DataFrame:
    return frames.sound(table, sorted(rows, key=lambda row: row["known_at"]))


def random_inputs(seed: int, minutes: int = 60, most: int = 120) -> ChartInputs:
    """Every table with random events, zones, ends, phases, levels and signals."""
    chance = random.Random(seed)
    found = {
        table: events(
            table, [_random_event(chance, n, table, minutes) for n in range(chance.randrange(most))]
        )
        for table in EVENT_TABLES
    }
    return inputs(
        bars=frames.bars(minutes),
        events=_with_references(chance, found),
        points_of_interest=_points(chance, minutes),
        raw_signals=raw_signals(chance, minutes),
    )


def _random_event(chance: random.Random, number: int, table: str, minutes: int) -> dict:
    known = chance.uniform(0, minutes)
    attrs = {
        "schematic": chance.choice(["accumulation", "distribution"]),
        "phase": chance.choice([None, *"ABCDE"]),
    }
    return event(
        number, chance.choice(KINDS[table]), known - chance.choice([0, chance.uniform(0, 20)]), known,
        dir=chance.choice([-1, 0, 1]), timeframe_seconds=chance.choice([60, 300]),
        attrs=json.dumps(attrs if table == "wyckoff_events" else {}, sort_keys=True),
    )  # fmt: skip


def _with_references(chance: random.Random, found: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    smc = found["smc_events"]
    born = smc.filter(pl.col("kind").is_in(["fvg", "ob"]))
    rows = [
        row | ({"ref_id": chance.choice(born["event_id"].to_list())} if _may_end(row) and born.height else {})
        for row in smc.to_dicts()
    ]
    return found | {"smc_events": frames.sound("smc_events", rows)}


def _may_end(row: dict) -> bool:
    return row["kind"] in ("fvg_fill", "fvg_invert", "breaker")


def _points(chance: random.Random, minutes: int) -> pl.DataFrame:
    rows = []
    for number in range(chance.randrange(30)):
        known = chance.uniform(0, minutes - 10)
        row = {
            "event_ts": frames.at(known - 1), "known_at": frames.at(known), "poi_id": f"poi-{number}",
            "kind": "poi", "dir": chance.choice([-1, 1]), "lo_ticks": 18_790, "hi_ticks": 18_800,
            "lo": 4697.5, "hi": 4700.0, "score": round(chance.random(), 3), "source_kind": "ob",
            "source_id": "x", "factors": "{}", "event_id": f"e{number}", "ref_id": None,
            "level_ticks": 18_800, "level": 4700.0,
            "timeframe_seconds": 60, "def_version": 1, "params_hash": "x", "attrs": "{}",
        }  # fmt: skip
        rows.append(row)
        if chance.random() < 0.5:
            later = frames.at(known + chance.uniform(0, 10))
            ends = {"kind": "poi_invalidated", "event_id": f"f{number}", "ref_id": row["event_id"]}
            rows.append(row | ends | {"event_ts": later, "known_at": later})
    return frames.sound("points_of_interest", sorted(rows, key=lambda row: row["known_at"]))


def raw_signals(chance: random.Random, minutes: int) -> pl.DataFrame:
    rows = []
    for number in range(chance.randrange(8)):
        known = frames.at(chance.uniform(0, minutes))
        rows.append(
            {
                "event_ts": known, "known_at": known, "signal_id": f"sig-{number}", "instrument": "SIM_ES",
                "source": chance.choice(["poi", "model"]), "dir": chance.choice([-1, 1]),
                "entry_ticks": 18_810, "entry": 4702.5, "stop_distance_ticks": 8, "target_distance_ticks": 16,
                "score": 0.7,
                "model_id": None, "evidence": "{}", "simulated": True,
            }
        )  # fmt: skip
    return frames.sound("raw_signals", sorted(rows, key=lambda row: row["known_at"]))


def vwap(bars: pl.DataFrame) -> pl.DataFrame:
    price = pl.col("close")
    return frames.sound(
        "vwap",
        bars.select(
            "event_ts", "known_at", vwap=price, sd=pl.lit(1.0), upper_1=price + 1, lower_1=price - 1,
            upper_2=price + 2, lower_2=price - 2, rolling_vwap=price, poc_ticks="close_ticks",
            vah_ticks=pl.col("close_ticks") + 4, val_ticks=pl.col("close_ticks") - 4,
            price_basis=pl.lit("ticks"), rolling_sd=pl.lit(0.5), rolling_upper_1=price + 0.5,
            rolling_lower_1=price - 0.5, rolling_upper_2=price + 1, rolling_lower_2=price - 1,
            hvn_above_ticks=pl.col("close_ticks") + 2, hvn_below_ticks=pl.col("close_ticks") - 2,
            lvn_above_ticks=pl.col("close_ticks") + 3, lvn_below_ticks=pl.col("close_ticks") - 3,
        ).to_dicts(),
    )  # fmt: skip


def profile(rows: int = 40, known: float = 60) -> pl.DataFrame:
    return frames.sound(
        "volume_profile",
        [
            {
                "event_ts": frames.at(0), "known_at": frames.at(known), "price_ticks": 18_795 + i,
                "price": (18_795 + i) * TICK, "volume": 10.0 + i, "bid_volume": 4.0, "ask_volume": 5.0 + i,
                "is_poc": i == 20, "in_value_area": 10 <= i <= 30, "smoothed": 10.0,
                "node": {5: "lvn", 20: "hvn"}.get(i),
            }
            for i in range(rows)
        ],
    )  # fmt: skip


def inputs(**changes) -> ChartInputs:
    """Inputs of a chart: bars, VWAP and profile, and otherwise what is given."""
    bars = changes.get("bars", frames.bars(60))
    values = {
        "bars": bars,
        "vwap": vwap(bars) if bars.height else empty("vwap"),
        "anchored_vwap": empty("anchored_vwap"),
        "volume_profile": profile(),
        "events": {table: empty(table) for table in EVENT_TABLES},
        "points_of_interest": empty("points_of_interest"),
        "raw_signals": empty("raw_signals"),
    }
    return ChartInputs(**(values | changes))


def nothing() -> ChartInputs:
    return inputs(bars=empty("bars"), volume_profile=empty("volume_profile"))


def known_by(found: ChartInputs, minutes: float) -> ChartInputs:
    """The same inputs as they stood at an instant."""
    cut = frames.at(minutes)

    def prefix(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("known_at") <= cut)

    return ChartInputs(
        bars=prefix(found.bars),
        vwap=prefix(found.vwap),
        anchored_vwap=prefix(found.anchored_vwap),
        volume_profile=prefix(found.volume_profile),
        events={table: prefix(frame) for table, frame in found.events.items()},
        points_of_interest=prefix(found.points_of_interest),
        raw_signals=prefix(found.raw_signals),
    )
