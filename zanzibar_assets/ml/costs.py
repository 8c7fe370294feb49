"""What a round trip is assumed to cost."""

from __future__ import annotations

from zanzibar_assets.instruments import Instrument


def round_trip_ticks(instrument: Instrument) -> float:
    """One assumed spread and the commission of both deals, in ticks of the instrument."""
    commission = 2.0 * instrument.mt5.commission_per_lot / instrument.mt5.contract_size
    return instrument.assumed_spread_ticks + commission / instrument.tick_size
