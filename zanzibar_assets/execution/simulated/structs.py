"""The struct sequences of the MetaTrader5 module: tuples with attributes and ``_asdict``.

As in the module they have no ``_fields`` and no ``_replace`` and cannot be pickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any, ClassVar, Self


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


class StructSequence(tuple[Any, ...]):
    """Base: an immutable tuple whose positions have names (``_names``)."""

    _names: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, values: Iterable[Any]) -> Self:
        """Struct of exactly one value a field; ValueError otherwise."""
        made = super().__new__(cls, values)
        if len(made) != len(cls._names):
            raise ValueError(f"{cls.__name__} takes {len(cls._names)} values, got {len(made)}")
        return made

    def __getattr__(self, name: str) -> Any:
        """Field by name."""
        try:
            return self[type(self)._names.index(name)]
        except ValueError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __repr__(self) -> str:
        pairs = ", ".join(f"{name}={value!r}" for name, value in zip(type(self)._names, self, strict=True))
        return f"{type(self).__name__}({pairs})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse pickling, as the module's types do."""
        raise pickle.PicklingError(
            f"Can't pickle <class {type(self).__name__!r}>: attribute lookup on builtins failed"
        )

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(type(self)._names, self, strict=True))


class Tick(StructSequence):
    """Latest prices of a symbol."""

    _names = _split(
        """
        time bid ask last volume time_msc flags volume_real
        """
    )


class OrderSendResult(StructSequence):
    """order_send result structure."""

    _names = _split(
        """
        retcode deal order volume price bid ask comment request_id retcode_external request
        """
    )


class TradePosition(StructSequence):
    """Trade position structure."""

    _names = _split(
        """
        ticket time time_msc time_update time_update_msc type magic identifier reason volume price_open
        sl tp price_current swap profit symbol comment external_id
        """
    )


class BookInfo(StructSequence):
    """One level of the depth of market."""

    _names = _split(
        """
        type price volume volume_dbl
        """
    )


class AccountInfo(StructSequence):
    """Parameters of the trading account."""

    _names = _split(
        """
        login trade_mode leverage limit_orders margin_so_mode trade_allowed trade_expert margin_mode
        currency_digits fifo_close balance credit profit equity margin margin_free margin_level
        margin_so_call margin_so_so margin_initial margin_maintenance assets liabilities
        commission_blocked name server currency company
        """
    )


class TradeOrder(StructSequence):
    """Trade order structure."""

    _names = _split(
        """
        ticket time_setup time_setup_msc time_done time_done_msc time_expiration type type_time
        type_filling state magic position_id position_by_id reason volume_initial volume_current
        price_open sl tp price_current price_stoplimit symbol comment external_id
        """
    )


class OrderCheckResult(StructSequence):
    """order_check result structure."""

    _names = _split(
        """
        retcode balance equity profit margin margin_free margin_level comment request
        """
    )


class SymbolInfo(StructSequence):
    """Information on a symbol."""

    _names = _split(
        """
        custom chart_mode select visible session_deals session_buy_orders session_sell_orders volume
        volumehigh volumelow time digits spread spread_float ticks_bookdepth trade_calc_mode trade_mode
        start_time expiration_time trade_stops_level trade_freeze_level trade_exemode swap_mode
        swap_rollover3days margin_hedged_use_leg expiration_mode filling_mode order_mode order_gtc_mode
        option_mode option_right bid bidhigh bidlow ask askhigh asklow last lasthigh lastlow volume_real
        volumehigh_real volumelow_real option_strike point trade_tick_value trade_tick_value_profit
        trade_tick_value_loss trade_tick_size trade_contract_size trade_accrued_interest
        trade_face_value trade_liquidity_rate volume_min volume_max volume_step volume_limit swap_long
        swap_short margin_initial margin_maintenance session_volume session_turnover session_interest
        session_buy_orders_volume session_sell_orders_volume session_open session_close session_aw
        session_price_settlement session_price_limit_min session_price_limit_max margin_hedged
        price_change price_volatility price_theoretical price_greeks_delta price_greeks_theta
        price_greeks_gamma price_greeks_vega price_greeks_rho price_greeks_omega price_sensitivity basis
        category currency_base currency_profit currency_margin bank description exchange formula isin
        name page path
        """
    )


class TerminalInfo(StructSequence):
    """Status of the terminal."""

    _names = _split(
        """
        community_account community_connection connected dlls_allowed trade_allowed tradeapi_disabled
        email_enabled ftp_enabled notifications_enabled mqid build maxbars codepage ping_last
        community_balance retransmission company name language path data_path commondata_path
        """
    )


class TradeDeal(StructSequence):
    """Trade deal structure."""

    _names = _split(
        """
        ticket order time time_msc type entry magic position_id reason volume price commission swap
        profit fee symbol comment external_id
        """
    )


class TradeRequest(StructSequence):
    """Trade request structure."""

    _names = _split(
        """
        action magic order symbol volume price stoplimit sl tp deviation type type_filling type_time
        expiration comment position position_by
        """
    )
