"""Frames of event columns for people and scripts: indices, stamps, prices, what each kind adds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Ints, stamps
from zanzibar_assets.analysis.bar_input import Grid
from zanzibar_assets.analysis.columns import COUNTED, OUTCOMES, SCHEMATICS
from zanzibar_assets.analysis.events import Definition
from zanzibar_assets.analysis.kinds import (
    CODES,
    DIR,
    EVENT,
    EXTRA,
    FLAG_NAMES,
    HI,
    KIND,
    KINDS,
    KNOWN,
    LEVEL,
    LO,
    NO,
    NONE,
    REF_EVENT,
    SERIES_OF_ROWS,
)
from zanzibar_assets.analysis.wyckoff_rules import PHASES

KIND_NAMES = pl.Series(KINDS, dtype=pl.String)
FLAGS_OF = {
    "bos": ("initial", "ambiguous_order", "displacement", "gap_in_leg"),
    "choch": ("ambiguous_order", "displacement", "gap_in_leg", "mss"),
    "fvg": ("gap_across_session",),
    "ob": ("fallback", "gap_in_leg"),
}


def shared_columns(table: Ints, grid: Grid, definitions: Mapping[str, Definition]) -> pl.DataFrame:
    """Columns that every row has, but for the stamps: kind to ref_idx, ticks, definition."""
    prices = {
        name: _masked(grid.prices(table[field]), table[field])
        for name, field in {"level": LEVEL, "lo": LO, "hi": HI}.items()
    }
    units = {
        f"{name}_ticks": _ticks(table[field], grid)
        for name, field in {"level": LEVEL, "lo": LO, "hi": HI}.items()
    }
    versions = np.array([definitions[k].version if k in definitions else 0 for k in KINDS], np.int16)
    hashes = [definitions[k].params_hash if k in definitions else "" for k in KINDS]
    return pl.DataFrame(
        {
            "kind": KIND_NAMES.gather(table[KIND]),
            "dir": table[DIR].astype(np.int8),
            "event_idx": table[EVENT],
            "known_idx": table[KNOWN],
            **prices,
            "ref_idx": _masked(table[REF_EVENT], table[REF_EVENT]),
            **units,
            "def_version": versions[table[KIND]],
            "params_hash": pl.Series(hashes, dtype=pl.String).gather(table[KIND]),
        }
    )


def _ticks(units: Ints, grid: Grid) -> pl.Series:
    """Whole ticks; null where there is no price, where it lies between ticks, and without a tick."""
    per_tick = grid.per_tick or 1
    told = (units != NONE) & (grid.per_tick is not None) & (units % per_tick == 0)
    return pl.select(pl.when(pl.Series(told)).then(pl.Series(units // per_tick))).to_series()


def _masked(values: np.ndarray, field: Ints) -> pl.Series:
    """Values, null where the field has none."""
    present = pl.Series(field != NONE)
    found = pl.Series(values)
    return found if present.all() else pl.select(pl.when(present).then(found)).to_series()


def stamped(frame: pl.DataFrame, opens_us: Ints, closes_us: Ints) -> pl.DataFrame:
    """The frame with ``event_ts`` (open of the event's bar) and ``known_at`` (close of the known bar)."""
    event = stamps(opens_us[frame["event_idx"].to_numpy()])
    known = stamps(closes_us[frame["known_idx"].to_numpy()])
    at = frame.columns.index("known_idx") + 1
    return frame.insert_column(at, event.alias("event_ts")).insert_column(at + 1, known.alias("known_at"))


def structure_extras(table: Ints) -> list[pl.Series]:
    """What rows of structure add: the broken swing's index and flags, null where they mean nothing."""
    kinds, bits = table[KIND], table[EXTRA]
    broken = np.isin(kinds, [CODES["bos"], CODES["choch"]])
    found = [_where("level_idx", table[REF_EVENT], broken)]
    for bit, name in FLAG_NAMES.items():
        bearers = np.isin(kinds, [CODES[kind] for kind, names in FLAGS_OF.items() if name in names])
        found.append(_where(name, (bits & bit) != 0, bearers))
    return found


def liquidity_extras(table: Ints, grid: Grid) -> list[pl.Series]:
    """What pools and outcomes add: members, extreme, depth in ticks, bars it took, kind of the level."""
    kinds, extra = table[KIND], table[EXTRA]
    counted = np.isin(kinds, [CODES[kind] for kind in COUNTED])
    ended = np.isin(kinds, [CODES[kind] for kind in OUTCOMES])
    extreme = np.where(table[HI] == table[LEVEL], table[LO], table[HI])
    source = KIND_NAMES.gather(np.where(ended, extra, 0))
    depth = (table[HI] - table[LO]) / (grid.per_tick or 1)
    return [
        _where("n", extra, counted),
        _where("extreme", grid.prices(np.where(ended, extreme, 0)), ended),
        _where("depth_ticks", np.where(ended, depth, 0.0), ended & (grid.per_tick is not None)),
        _where("bars", table[KNOWN] - table[EVENT] + 1, ended),
        pl.select(pl.when(pl.Series(ended)).then(source).alias("source")).to_series(),
    ]


def schematic_extras(table: Ints) -> list[pl.Series]:
    """What Wyckoff rows add: machine, phase after the row, and the type of a spring."""
    engines, bits = table[NO] % SERIES_OF_ROWS, table[EXTRA]
    names = [SCHEMATICS.get(engine) for engine in range(SERIES_OF_ROWS)]
    machines = pl.Series("schematic", names, dtype=pl.String).gather(engines)
    phases = pl.Series("phase", PHASES, dtype=pl.String).gather(bits % 8)
    return [machines, phases, _where("spring_type", bits // 8, bits >= 8)]


def _where(name: str, values: np.ndarray, mask: np.ndarray) -> pl.Series:
    return pl.select(pl.when(pl.Series(mask)).then(pl.Series(values)).alias(name)).to_series()
