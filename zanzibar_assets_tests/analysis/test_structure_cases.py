"""The worked cases of the structure engines, transcribed in reference/structure_cases.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zanzibar_assets.analysis.bar_sweeps import SweepParams, bar_sweeps
from zanzibar_assets.analysis.breaks import BreakParams, breaks
from zanzibar_assets.analysis.engine import BarSeries, Row
from zanzibar_assets.analysis.fvg import FvgParams, fvgs
from zanzibar_assets.analysis.pools import PoolParams, pools
from zanzibar_assets.analysis.swings import SwingParams, swings
from zanzibar_assets.analysis.tick_sweeps import TickSweepParams, Trades, tick_sweep
from zanzibar_assets.analysis.wyckoff_engine import accumulation, wyckoff
from zanzibar_assets.analysis.wyckoff_rules import WyckoffParams

PER_POINT = 20  # every price of the cases lies on twentieths
SECOND = 1_000_000
CASES = json.loads((Path(__file__).parents[1] / "reference" / "structure_cases.json").read_text())["cases"]


def _numbers(case):
    return [[float(x) for x in row.split()] for row in case["rows"].split(";")]


def _bars(case):
    return BarSeries.of([*(round(x * PER_POINT) for x in bar[:4]), bar[4]] for bar in _numbers(case))


def _swing(p):
    return SwingParams(p["Lw"], p["Rw"])


def _bar_sweep(case, p):
    unit = round(p["tick"] * PER_POINT)
    level = Row("level", p["side"], 0, p["known_idx"], level=round(p["level"] * PER_POINT))
    return bar_sweeps(_bars(case), [level], SweepParams(p["min_pen"] * unit, p["K"]))


def _tick_sweep(case, p):
    unit = round(p["tick"] * PER_POINT)
    rows = [(round(ts * SECOND), round(price * PER_POINT), *rest) for ts, price, *rest in _numbers(case)]
    params = TickSweepParams(p["min_pen"] * unit, p["reclaim"] * unit, round(p["T"] * SECOND))
    known_us = round(p["known_ts"] * SECOND)
    return tick_sweep(Trades.of(rows), round(p["level"] * PER_POINT), p["side"], known_us, params)


ENGINES = {
    "swing": lambda case, p: swings(_bars(case), _swing(p)),
    "breaks": lambda case, p: breaks(_bars(case), BreakParams(_swing(p), p["mode"])),
    "fvg": lambda case, p: fvgs(_bars(case), FvgParams()),
    "pool": lambda case, p: pools(_bars(case), PoolParams(_swing(p), round(p["tol"] * PER_POINT))),
    "bar_sweep": _bar_sweep,
    "tick_sweep": _tick_sweep,
    "wyckoff": lambda case, p: wyckoff(_bars(case), WyckoffParams()),
}


def _value(row, name):
    """A field as the cases name it, in the cases' prices and seconds."""
    if name in ("level", "lo", "hi"):
        return getattr(row, name) / PER_POINT
    if name == "extreme":
        return row.attrs["extreme_ticks"] / PER_POINT
    if name in ("event_ts", "known_at"):
        return getattr(row, {"event_ts": "event_us", "known_at": "known_us"}[name]) / SECOND
    if name == "level_idx":
        return row.ref_idx
    return row.attrs[name] if name in row.attrs else getattr(row, name)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_worked_case(case):
    rows = ENGINES[case["engine"]](case, case["params"])
    wanted = [line.split() for line in case["expect"]]
    assert [row.kind for row in rows] == [kind for kind, *_ in wanted]
    for row, (_, *fields) in zip(rows, wanted, strict=True):
        for name, value in (field.split("=") for field in fields):
            assert _value(row, name) == pytest.approx(float(value), abs=1e-9), (row, name)


def test_wyckoff_phases_of_the_worked_schematic():
    case = next(case for case in CASES if "phase" in case)
    phases = accumulation(_bars(case), WyckoffParams())[1]
    assert "".join(phase or "-" for phase in phases) == case["phase"]


def test_every_kind_of_case_is_there():
    assert {case["engine"] for case in CASES} == set(ENGINES)
