"""A session's single trades, their footprint and absorptions: what features and events share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zanzibar_assets.analysis._records import Floats, Ints, Records
from zanzibar_assets.analysis.absorption import AbsorptionParams, Absorptions, absorptions, volume_thresholds
from zanzibar_assets.analysis.footprint import MIN_UNITS, Footprint, footprint
from zanzibar_assets.analysis.level_sweeps import trades_of
from zanzibar_assets.analysis.tick_sweeps import Trades
from zanzibar_assets.instruments import Instrument


@dataclass(frozen=True, slots=True)
class SessionPrints:
    """Trades, the bar and signed size (lots) of each, footprint, absorptions and their threshold a bar."""

    trades: Trades
    bar: Ints
    signed: Floats
    footprint: Footprint
    absorptions: Absorptions
    least: Floats


def session_prints(records: Records, index: Ints, count: int, instrument: Instrument) -> SessionPrints:
    """Prints of the records with a size; ``index`` is the bar of each of ``count`` bars."""
    single = ~records.is_bar
    bar = index[single]
    unit = min(source.volume_multiplier for source in instrument.sources)
    trades = trades_of(records)
    sold, bought = records.sell[single], records.buy[single]
    prints = footprint(bar, trades.price, sold, bought, unit, MIN_UNITS * unit)
    params = AbsorptionParams()
    least = volume_thresholds(prints, count, unit, params)
    found = absorptions(trades, least[bar] if len(bar) else np.empty(0), params)
    return SessionPrints(trades, bar, bought - sold, prints, found, least)
