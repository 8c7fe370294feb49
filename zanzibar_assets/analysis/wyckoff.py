"""The ``wyckoff_events`` table: accumulation and distribution, phase by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.analysis.events import Definition, EventWriter, join_bars
from zanzibar_assets.analysis.wyckoff_engine import wyckoff
from zanzibar_assets.analysis.wyckoff_rules import KINDS, WyckoffParams

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.config import Config
    from zanzibar_assets.instruments import Instrument

TABLE = "wyckoff_events"
SESSION_PARAMS = WyckoffParams(n=20, w=2, abandon_atr=2.0)
"""Baselines of 20 bars (the specification's range for real series), definition 2."""


def build_wyckoff_events(
    bars: pl.DataFrame, bars_history: pl.DataFrame, instrument: Instrument, config: Config
) -> pl.DataFrame:
    """Wyckoff events known within the session.

    ``bars`` is one session's, ``bars_history`` earlier sessions with a ``session`` column, oldest
    first. The accumulation machine and its mirror run side by side over both; ``attrs`` names the
    ``schematic`` and its ``phase`` after the row. ``dir`` is +1 for what favours higher prices.
    """
    joined = join_bars(bars, bars_history)
    definition = Definition.of("wyckoff", SESSION_PARAMS, SESSION_PARAMS.def_version)
    writer = EventWriter(joined, instrument, dict.fromkeys(KINDS, definition))
    if not bars.height:
        return writer.frame([], TABLE)
    rows = wyckoff(joined.series, SESSION_PARAMS)
    return writer.frame((row for row in rows if row.known_idx >= joined.first), TABLE)
