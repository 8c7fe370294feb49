"""What a simulated market is made of: options of a run and the shape of each instrument.

The predictable part of the market is one number, ``signal_strength`` (0 = none). With 0 the latent
price is a martingale: trends, ranges, stop runs and news only change its volatility. With s > 0
* after a stop run the price reverses rather than continues with probability ``0.5 + 0.49 s``;
* a trend drifts by ``2 s`` of its own standard deviation, a range pulls back with strength ``2 s``;
* uninformed market orders lean toward the latent price by at most ``s / 2``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from zanzibar_assets.errors import UsageError

SIMULATOR_VERSION: Final = 1
"""Raised with every change that alters the bytes of a given seed."""
DEFAULT_FIRST_SESSION: Final = "2025-01-06"


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Options of one simulation; all that the bytes depend on beside seed, sessions and instruments.

    ``trades_per_session`` counts ``.scid`` records, about; ``depth_per_trade`` scales the ``.depth``
    records with them. ``narrative_skill`` is the chance that a directional narrative has the sign
    of the move from its publication to the session's last trade; ``neutral_share`` of them state no
    direction. ``roll_basis_bps`` is by how much each later contract trades above the one before, and
    in the ``next_contract_sessions`` sessions before a roll the next one trades too, in its own file.
    ``text_export_zone`` (an IANA zone) also writes the text export of every ``.scid`` file.
    """

    trades_per_session: int = 6_000
    depth_per_trade: float = 6.0
    signal_strength: float = 0.1
    narrative_skill: float = 0.6
    neutral_share: float = 0.1
    news_probability: float = 0.2
    authors: tuple[str, ...] = ("sim_marek", "sim_ola")
    roll_basis_bps: float = 40.0
    next_contract_sessions: int = 0
    text_export_zone: str | None = None

    def __post_init__(self) -> None:
        if not 200 <= self.trades_per_session <= 2_000_000:
            raise UsageError(
                "trades_per_session cannot be used",
                expected="200 to 2000000",
                got=str(self.trades_per_session),
                action="for more records make more sessions",
            )
        if not 3.0 <= self.depth_per_trade <= 100.0:
            raise UsageError(
                "depth_per_trade cannot be used", expected="3 to 100", got=str(self.depth_per_trade)
            )
        if not 0 <= self.next_contract_sessions <= 20:
            raise UsageError(
                "next_contract_sessions cannot be used",
                expected="0 to 20",
                got=str(self.next_contract_sessions),
            )
        for name in ("signal_strength", "narrative_skill", "neutral_share", "news_probability"):
            value = float(getattr(self, name))
            if not 0.0 <= value <= 1.0:
                raise UsageError(f"{name} cannot be used", expected="0 to 1", got=str(value))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form for ``SIMULATED.json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class MarketShape:
    """How one simulated instrument looks: scale, volatility, sizes, and when it is busy.

    Sizes are in the file's volume units. ``beta`` is the correlation of its increments with the
    common factor, so two instruments correlate by the product of their betas.
    """

    symbol: str
    start_price: float
    daily_sigma: float
    beta: float
    weekend_gap_sigma: float
    daily_gap_sigma: float
    trade_units: float
    level_units: float
    round_number: float
    around_the_clock: bool


SHAPES: Final[dict[str, MarketShape]] = {
    "SIM_ES": MarketShape(
        symbol="ES{contract}-SIM",
        start_price=5_000.0,
        daily_sigma=0.010,
        beta=0.96,
        weekend_gap_sigma=0.30,
        daily_gap_sigma=0.10,
        trade_units=2.2,
        level_units=45.0,
        round_number=25.0,
        around_the_clock=False,
    ),
    "SIM_NQ": MarketShape(
        symbol="NQ{contract}-SIM",
        start_price=18_000.0,
        daily_sigma=0.013,
        beta=0.95,
        weekend_gap_sigma=0.30,
        daily_gap_sigma=0.10,
        trade_units=1.5,
        level_units=9.0,
        round_number=100.0,
        around_the_clock=False,
    ),
    "SIM_BTC": MarketShape(
        symbol="BTCUSDT_PERP_SIM",
        start_price=60_000.0,
        daily_sigma=0.025,
        beta=0.55,
        weekend_gap_sigma=0.0,
        daily_gap_sigma=0.0,
        trade_units=60.0,
        level_units=1_800.0,
        round_number=500.0,
        around_the_clock=True,
    ),
}
"""Shapes of the simulated instruments of ``instruments.yaml``."""


def shape_of(instrument_id: str, simulated: bool) -> MarketShape:
    """Shape of a simulated instrument; UsageError for one that is real or has no shape."""
    shape = SHAPES.get(instrument_id)
    if shape is None or not simulated:
        raise UsageError(
            f"{instrument_id} cannot be simulated",
            expected="one of " + ", ".join(SHAPES),
            action="name simulated instruments only",
        )
    return shape
