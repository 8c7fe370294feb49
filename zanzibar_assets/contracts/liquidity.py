"""Contracts of order flow, the book and liquidity events."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from zanzibar_assets.contracts.base import Events, TimedFrame


class LiquidityFeatures(TimedFrame):
    """Order-flow and book features per bar, known at the bar's close; null without their source.

    What each column is, its unit and its rule: ``docs/orderflow.md``. ``realized_spread_ticks`` and
    ``price_impact_ticks`` are of trades a minute before the row became known. ``fitted_through`` is
    the last session of the fit behind ``ofi_integrated`` and ``microprice``, ``fit_reason`` why one of
    them has none.
    """

    ofi_l1: pl.Float64 = pa.Field(nullable=True)
    ofi_norm: pl.Float64 = pa.Field(nullable=True)
    mlofi: pl.Float64 = pa.Field(nullable=True)
    queue_imbalance: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    weighted_mid: pl.Float64 = pa.Field(nullable=True)
    spread_ticks: pl.Float64 = pa.Field(nullable=True)
    bid_depth: pl.Float64 = pa.Field(nullable=True)
    ask_depth: pl.Float64 = pa.Field(nullable=True)
    delta: pl.Float64 = pa.Field(nullable=True)
    cvd: pl.Float64 = pa.Field(nullable=True)
    trade_imbalance: pl.Float64 = pa.Field(nullable=True)
    vpin: pl.Float64 = pa.Field(nullable=True)
    kyle_lambda: pl.Float64 = pa.Field(nullable=True)
    amihud: pl.Float64 = pa.Field(nullable=True)
    roll_spread: pl.Float64 = pa.Field(nullable=True)
    effective_spread_ticks: pl.Float64 = pa.Field(nullable=True)
    stacked_buy: pl.Int32 = pa.Field(nullable=True)
    stacked_sell: pl.Int32 = pa.Field(nullable=True)
    signed_share: pl.Float64 = pa.Field(nullable=True)
    ofi_l2: pl.Float64 = pa.Field(nullable=True)
    ofi_l3: pl.Float64 = pa.Field(nullable=True)
    ofi_l4: pl.Float64 = pa.Field(nullable=True)
    ofi_l5: pl.Float64 = pa.Field(nullable=True)
    ofi_integrated: pl.Float64 = pa.Field(nullable=True)
    mid: pl.Float64 = pa.Field(nullable=True)
    microprice: pl.Float64 = pa.Field(nullable=True)
    microprice_edge_ticks: pl.Float64 = pa.Field(nullable=True)
    realized_spread_ticks: pl.Float64 = pa.Field(nullable=True)
    price_impact_ticks: pl.Float64 = pa.Field(nullable=True)
    delta_min: pl.Float64 = pa.Field(nullable=True)
    delta_max: pl.Float64 = pa.Field(nullable=True)
    imbalance_buy: pl.Int32 = pa.Field(nullable=True, ge=0)
    imbalance_sell: pl.Int32 = pa.Field(nullable=True, ge=0)
    unfinished_high: pl.Int8 = pa.Field(nullable=True, isin=[0, 1])
    unfinished_low: pl.Int8 = pa.Field(nullable=True, isin=[0, 1])
    bar_poc_ticks: pl.Int64 = pa.Field(nullable=True)
    absorption_bid: pl.Float64 = pa.Field(nullable=True, ge=0)
    absorption_ask: pl.Float64 = pa.Field(nullable=True, ge=0)
    refill_bid: pl.Float64 = pa.Field(nullable=True, ge=0)
    refill_ask: pl.Float64 = pa.Field(nullable=True, ge=0)
    flag_share: pl.Float64 = pa.Field(nullable=True, ge=0, le=1.000001)
    ratio_high: pl.Float64 = pa.Field(nullable=True, ge=0)
    ratio_low: pl.Float64 = pa.Field(nullable=True, ge=0)
    fitted_through: str = pa.Field(nullable=True)
    fit_reason: str = pa.Field(nullable=True)


class BookStatistics(TimedFrame):
    """Sums that a session's book leaves for the models of later sessions, known at its end.

    ``stay``/``move`` count transitions between microprice states (row to col) without and with a move of
    the mid, ``jump`` sums those moves in ticks; ``flow_product``, ``flow_sum`` and ``flow_bars`` are second
    and first sums of the levels' depth-normalised order flow per bar. Sums that are 0 have no row.
    """

    statistic: str = pa.Field(isin=["stay", "move", "jump", "flow_product", "flow_sum", "flow_bars"])
    row: pl.Int32 = pa.Field(ge=0)
    col: pl.Int32 = pa.Field(ge=0)
    value: pl.Float64


class BookModels(TimedFrame):
    """Models of the book for one session, fitted on earlier sessions only; known at its start.

    ``integrated_ofi``: ``state`` is the level from 0, ``value`` its weight (l1 norm 1). ``microprice``:
    ``state`` is spread class * 9 + imbalance bucket, ``value`` the microprice minus the mid in ticks. A
    model without a fit has one row whose ``reason`` says why. ``observations``: bars, or mid moves.
    """

    model: str = pa.Field(isin=["integrated_ofi", "microprice"])
    state: pl.Int32 = pa.Field(nullable=True, ge=0)
    value: pl.Float64 = pa.Field(nullable=True)
    observations: pl.Int64 = pa.Field(ge=0)
    fitted_from: str = pa.Field(nullable=True)
    fitted_through: str = pa.Field(nullable=True)
    sessions: pl.Int32 = pa.Field(ge=0)
    reason: str = pa.Field(nullable=True)


class OrderflowEvents(Events):
    """Events of single trades and book updates, known at the trade or update that decides them.

    ``level_sweep``/``level_accept`` of the levels and pools of ``liquidity_sweeps`` (``ref_id``),
    ``book_sweep`` runs of prints, ``stop_run`` (such a run through a level), ``absorption`` and
    ``refill`` (``dir`` is the side that held: +1 the bid). Attributes: ``docs/orderflow.md``.
    """


class LiquiditySweeps(Events):
    """Levels that rest (``level``), pools, and their sweeps or acceptances."""
