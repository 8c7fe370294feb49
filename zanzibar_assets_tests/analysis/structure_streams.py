"""Structure engines as the laws take them: a series in, rows out, in blocks of any size."""

from __future__ import annotations

import json

from zanzibar_assets.analysis.bar_sweeps import SweepParams
from zanzibar_assets.analysis.breaks import BreakParams
from zanzibar_assets.analysis.columns import as_rows
from zanzibar_assets.analysis.dealing_range import RangeParams
from zanzibar_assets.analysis.fvg import FvgParams
from zanzibar_assets.analysis.pools import PoolParams
from zanzibar_assets.analysis.stream import StreamParams, StructureStream
from zanzibar_assets.analysis.swings import SwingParams
from zanzibar_assets.analysis.windows import BarBlock
from zanzibar_assets.analysis.wyckoff_engine import WyckoffStream
from zanzibar_assets.analysis.wyckoff_rules import WyckoffParams

SWING = SwingParams(2, 3)
CLOSE, WICK = BreakParams(SWING), BreakParams(SWING, "wick", 0.5, 6)
STREAMS = {
    "close": StreamParams(CLOSE, FvgParams(), range=RangeParams()),
    "wick": StreamParams(WICK, FvgParams(2, 0.5, 5), range=RangeParams(0.1)),
    "sweeps": StreamParams(CLOSE, None, PoolParams(SWING, 2), SweepParams(1, 4)),
    "sweeps_atr": StreamParams(CLOSE, None, PoolParams(SWING, 1, 0.75, 6), SweepParams(2, 3)),
    "wyckoff": WyckoffParams(w=2, sc_rv=1.8),
    "wyckoff_2": WyckoffParams(n=8, sc_rv=1.8, abandon_atr=2.0),
}
KINDS = {
    "close": "swing swing_supersede bos choch fvg fvg_touch fvg_ce fvg_fill fvg_invert fvg_extend "
    "ob ob_mitigated breaker premium equilibrium discount ote",
    "wick": "premium equilibrium discount ote swing bos choch fvg fvg_fill ob breaker",
    "sweeps": "swing pool pool_taken level_sweep level_accept",
    "sweeps_atr": "swing pool pool_taken level_sweep level_accept",
    "wyckoff": "ps psy sc bc ar st st_b spring sos sow",
    "wyckoff_2": "ps psy sc bc ar st st_b spring sos sow fail",
}
"""What each stream must have shown before a law about it means anything."""


def fresh(name):
    params = STREAMS[name]
    return WyckoffStream(params) if isinstance(params, WyckoffParams) else StructureStream(params)


def resumed(stream):
    """A new stream from the old one's snapshot, which has been through JSON text."""
    saved = json.loads(json.dumps(stream.snapshot(), allow_nan=False))
    params = stream.params if isinstance(stream, StructureStream) else stream.machines[1].params
    return type(stream).restore(saved, params)


def table_of(name, block):
    return fresh(name).feed(block)


def rows_of(name, bars):
    return as_rows(table_of(name, BarBlock.of(bars)))
