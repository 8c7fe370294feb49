"""What the simulated terminal holds: specifications, positions, orders, deals. Times are UTC us."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from zanzibar_assets.config import Config
from zanzibar_assets.errors import ConfigError
from zanzibar_assets.execution import constants as mt5
from zanzibar_assets.instruments import Instrument

_CALC_MODES = {
    "forex": mt5.SYMBOL_CALC_MODE_FOREX,
    "cfd": mt5.SYMBOL_CALC_MODE_CFD,
    "cfdleverage": mt5.SYMBOL_CALC_MODE_CFDLEVERAGE,
    "futures": mt5.SYMBOL_CALC_MODE_FUTURES,
}


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """A simulated account; ``margin_mode`` 2 hedging, 0 netting."""

    login: int
    server: str = "Zanzibar-Simulated"
    name: str = "Simulated account"
    company: str = "Zanzibar (simulated, no broker)"
    currency: str = "USD"
    currency_digits: int = 2
    leverage: int = 100
    margin_mode: int = mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
    initial_balance: float = 100_000.0
    fifo_close: bool = False
    hedge_prohibited: bool = False
    limit_orders: int = 200
    limit_positions: int = 0
    margin_call_level: float = 100.0
    stop_out_level: float = 50.0

    @property
    def netting(self) -> bool:
        """True when a symbol has at most one position."""
        return self.margin_mode != mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """A traded symbol. ``available_lots`` caps what one request can fill (None = all of it)."""

    name: str
    digits: int
    point: float
    tick_size: float
    contract_size: float
    volume_min: float
    volume_max: float
    volume_step: float
    calc_mode: int
    currency_base: str = "USD"
    currency_profit: str = "USD"
    volume_limit: float = 0.0
    stops_level: int = 0
    freeze_level: int = 0
    exemode: int = mt5.SYMBOL_TRADE_EXECUTION_MARKET
    filling_mode: int = mt5.SYMBOL_FILLING_FOK | mt5.SYMBOL_FILLING_IOC
    order_mode: int = 127
    expiration_mode: int = 15
    trade_mode: int = mt5.SYMBOL_TRADE_MODE_FULL
    margin_rate: float = 1.0
    margin_initial: float = 0.0
    commission_per_lot: float = 0.0
    weekend_closed: bool = True
    available_lots: float | None = None
    description: str = ""


@dataclass(slots=True)
class Position:
    """An open position; ``margin`` is held at its open price."""

    ticket: int
    identifier: int
    symbol: str
    type: int
    volume: float
    price_open: float
    sl: float
    tp: float
    time_us: int
    update_us: int
    magic: int
    reason: int
    comment: str
    margin: float


@dataclass(slots=True)
class Order:
    """An order, live or historical; ``expires_us`` 0 = good till cancelled."""

    ticket: int
    symbol: str
    type: int
    state: int
    volume_initial: float
    volume_current: float
    price_open: float
    sl: float
    tp: float
    price_stoplimit: float
    setup_us: int
    done_us: int
    expires_us: int
    type_time: int
    type_filling: int
    magic: int
    reason: int
    position_id: int
    position_by_id: int
    comment: str


@dataclass(slots=True)
class Deal:
    """An executed deal or a balance operation (type 2)."""

    ticket: int
    order: int
    time_us: int
    type: int
    entry: int
    magic: int
    position_id: int
    reason: int
    volume: float
    price: float
    commission: float
    swap: float
    profit: float
    fee: float
    symbol: str
    comment: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Where a symbol stands: last bid and ask and when they came (UTC us)."""

    bid: float
    ask: float
    time_us: int


def simulated_login(account: str) -> int:
    """Deterministic account number of a simulated account's name (eight digits)."""
    digest = hashlib.blake2b(account.encode(), digest_size=8).digest()
    return 10_000_000 + int.from_bytes(digest, "big") % 90_000_000


def account_spec(config: Config) -> AccountSpec:
    """Account of the configuration's simulated backend."""
    execution = config.execution
    return AccountSpec(
        login=simulated_login(execution.account),
        name=f"Simulated account {execution.account}",
        leverage=execution.leverage,
        initial_balance=execution.initial_balance,
    )


def symbol_spec(instrument: Instrument) -> SymbolSpec:
    """Symbol that an instrument is traded as; its quotes stand on the source's own price level."""
    traded = instrument.mt5
    if instrument.currency != "USD":
        raise ConfigError(
            f"{instrument.id}: the simulated account is in USD and has no conversion rates",
            got=f"currency {instrument.currency}",
            action="trade it on a real terminal or define it in USD",
        )
    return SymbolSpec(
        name=traded.symbol,
        digits=traded.digits,
        point=traded.point,
        tick_size=traded.tick_size,
        contract_size=traded.contract_size,
        volume_min=traded.volume_min,
        volume_max=traded.volume_max,
        volume_step=traded.volume_step,
        calc_mode=_CALC_MODES[traded.calc_mode],
        stops_level=traded.stops_level,
        commission_per_lot=traded.commission_per_lot,
        weekend_closed=instrument.calendar != "24/7",
        description=f"{instrument.name} (simulated)",
    )
