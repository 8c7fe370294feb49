"""Causal events of one bar table: parameters by name in, a frame of events out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.analysis.bar_input import BarInput, Grid, read_bars
from zanzibar_assets.analysis.bar_sweeps import KINDS as OUTCOME_KINDS
from zanzibar_assets.analysis.bar_sweeps import SweepEngine, SweepParams
from zanzibar_assets.analysis.breaks import BreakParams
from zanzibar_assets.analysis.columns import level_table, only
from zanzibar_assets.analysis.dealing_range import RangeParams
from zanzibar_assets.analysis.engine import Row
from zanzibar_assets.analysis.event_frames import (
    liquidity_extras,
    schematic_extras,
    shared_columns,
    stamped,
    structure_extras,
)
from zanzibar_assets.analysis.event_params import checked
from zanzibar_assets.analysis.fvg import FvgParams
from zanzibar_assets.analysis.kinds import EVENT, KNOWN, NONE, REF_EVENT
from zanzibar_assets.analysis.pools import KINDS as POOL_KINDS
from zanzibar_assets.analysis.pools import PoolParams
from zanzibar_assets.analysis.smc import SmcParams
from zanzibar_assets.analysis.stream import StreamParams, StructureStream
from zanzibar_assets.analysis.sweeps import LiquidityParams
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.timeframes import higher_bars
from zanzibar_assets.analysis.windows import BarTail
from zanzibar_assets.analysis.wyckoff_engine import WyckoffStream
from zanzibar_assets.analysis.wyckoff_rules import WyckoffParams, wyckoff_definitions
from zanzibar_assets.errors import UsageError

ORDER = ("known_idx", "event_idx", "kind")


@dataclass(frozen=True, slots=True)
class EventRun:
    """Events of a bar table, the grid of their prices, and what was assumed about the bars."""

    frame: pl.DataFrame
    grid: Grid
    bar_seconds: float
    notes: tuple[str, ...]


def run_events(frame: pl.DataFrame, kind: str, given: Mapping[str, Any]) -> EventRun:
    """Events of ``kind`` (smc, sweeps or wyckoff) of a bar table, ordered by known_idx, event_idx, kind.

    ``given`` are parameters by their short names. Raises ContractError for bars that cannot be true
    and UsageError for parameters that are unknown or cannot be.
    """
    values = checked(kind, given)
    bars = read_bars(frame, tick=values["tick"], bar_seconds=values["bar_seconds"], volume=kind == "wyckoff")
    runs = {"smc": _structure, "sweeps": _sweeps, "wyckoff": _wyckoff}
    try:
        events = runs[kind](bars, values)
    except ValueError as error:
        raise UsageError(f"the parameters do not go together: {error}") from error
    return EventRun(events, bars.grid, bars.bar_seconds, bars.notes)


def _structure(bars: BarInput, values: Mapping[str, Any]) -> pl.DataFrame:
    swing = SwingParams(values["Lw"], values["Rw"])
    breaks = BreakParams(swing, values["mode"], values["body_atr"])
    gaps = FvgParams(bars.grid.tick_units("min_ticks", values["min_ticks"], 0), values["min_atr"])
    params = SmcParams(breaks, gaps, RangeParams(values["e"]))
    found = [structure_frame(bars, params, None)]
    for seconds in values["timeframes"]:
        found.append(structure_frame(bars, params, seconds))
    if values["tol"] is not None or values["tol_atr"] is not None:
        found.append(_pools(bars, values))
    if len(found) == 1:
        return found[0]
    return pl.concat(found, how="diagonal").sort(*ORDER, "timeframe_seconds", maintain_order=True)


def _pools(bars: BarInput, values: Mapping[str, Any]) -> pl.DataFrame:
    """Pools alone: for who asks for them beside the rest of structure."""
    asked = {**values, "tol_atr": values["tol_atr"] or 0.0, "min_pen": 1, "K": 1, "level": None}
    pools = _sweeps(bars, asked).filter(pl.col("kind").is_in(POOL_KINDS))
    own = pl.lit(round(bars.bar_seconds), pl.Int32)
    return pools.drop("extreme", "depth_ticks", "bars", "source").with_columns(timeframe_seconds=own)


def structure_frame(bars: BarInput, params: SmcParams, seconds: int | None) -> pl.DataFrame:
    """Events of the bars themselves, or of the bars of a longer span that they make."""
    stream = StructureStream(params.stream())
    own = round(bars.bar_seconds)
    definitions = params.definitions(seconds)
    if seconds is None:
        table = stream.feed(bars.block)
        frame = stamped(shared_columns(table, bars.grid, definitions), bars.opens_us, bars.closes_us)
    else:
        if seconds <= bars.bar_seconds:
            raise ValueError(f"a timeframe of {seconds} s is no longer than the bars' {bars.bar_seconds:g} s")
        higher = higher_bars(bars.block, bars.opens_us, bars.closes_us, seconds)
        table = stream.feed(higher.block)
        frame = stamped(shared_columns(table, bars.grid, definitions), higher.opens_us, higher.closes_us)
        frame = frame.with_columns(
            event_idx=pl.Series(higher.first_idx[table[EVENT]]),
            known_idx=pl.Series(higher.known_idx[table[KNOWN]]),
            ref_idx=_at(higher.first_idx, table[REF_EVENT]),
        )
        table[REF_EVENT] = frame["ref_idx"].fill_null(NONE).to_numpy()
    return frame.with_columns(*structure_extras(table), timeframe_seconds=pl.lit(seconds or own, pl.Int32))


def _at(places: Ints, index: Ints) -> pl.Series:
    present = index != NONE
    found = places[np.where(present, index, 0)] if len(places) else index
    return pl.select(pl.when(pl.Series(present)).then(pl.Series(found))).to_series()


def _sweeps(bars: BarInput, values: Mapping[str, Any]) -> pl.DataFrame:
    grid = bars.grid
    swing = SwingParams(values["Lw"], values["Rw"])
    tolerance = 2 * (grid.per_tick or 0) if values["tol"] is None else grid.floor_units(values["tol"])
    pool = PoolParams(swing, tolerance, values["tol_atr"])
    sweep = SweepParams(grid.tick_units("min_pen", values["min_pen"], 1), values["K"])
    params = LiquidityParams(pool, sweep)
    if values["level"] is None:
        stream = StructureStream(StreamParams(BreakParams(swing), pool=pool, sweep=sweep))
        table = only(stream.feed(bars.block), (*POOL_KINDS, *OUTCOME_KINDS))
    else:
        known = values["known_idx"]
        level = Row("level", values["side"], known, known, level=grid.level_units(values["level"]))
        window = BarTail(0).join(bars.block)
        table = SweepEngine(sweep).feed(window, level_table([level]))
        # A given level is no event of the table: there is no row to refer to.
        table[REF_EVENT] = NONE
    frame = stamped(shared_columns(table, grid, params.definitions()), bars.opens_us, bars.closes_us)
    return frame.with_columns(*liquidity_extras(table, grid))


def _wyckoff(bars: BarInput, values: Mapping[str, Any]) -> pl.DataFrame:
    names = {name: value for name, value in values.items() if name not in ("tick", "bar_seconds", "K")}
    params = WyckoffParams(reclaim_bars=values["K"], **names)
    table = WyckoffStream(params).feed(bars.block)
    shared = shared_columns(table, bars.grid, wyckoff_definitions(params))
    return stamped(shared, bars.opens_us, bars.closes_us).with_columns(*schematic_extras(table))
