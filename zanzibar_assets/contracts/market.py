"""Contracts of bars, liquidity, structure, factors, correlations and regimes."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from zanzibar_assets.contracts.base import Events, TimedFrame, Utc


class Bars(TimedFrame):
    """Time bars: ``event_ts`` the bar's open, ``known_at`` its close.

    Bars without a trade are not written. ``bid_volume`` is sold into the bid (seller aggressor),
    ``ask_volume`` bought at the ask; ``delta`` = ask - bid volume; ``vwap`` is null when the bar has
    prints but no volume. ``basis``: built from ticks or taken from bar records.
    """

    open_ticks: pl.Int64
    high_ticks: pl.Int64
    low_ticks: pl.Int64
    close_ticks: pl.Int64
    open: pl.Float64
    high: pl.Float64
    low: pl.Float64
    close: pl.Float64
    volume: pl.Float64 = pa.Field(ge=0)
    bid_volume: pl.Float64 = pa.Field(ge=0)
    ask_volume: pl.Float64 = pa.Field(ge=0)
    delta: pl.Float64
    trades: pl.Int64 = pa.Field(ge=0)
    vwap: pl.Float64 = pa.Field(nullable=True)
    bar_seconds: pl.Int32 = pa.Field(gt=0)
    session_state: str = pa.Field(isin=["pre_open", "open", "break"])
    basis: str = pa.Field(isin=["ticks", "bar_records"])

    @pa.dataframe_check(error="a bar's low..high does not hold its open and close")
    def range_holds(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """low <= min(open, close) and high >= max(open, close)."""
        low = pl.min_horizontal("open_ticks", "close_ticks", "high_ticks") >= pl.col("low_ticks")
        high = pl.max_horizontal("open_ticks", "close_ticks", "low_ticks") <= pl.col("high_ticks")
        return data.lazyframe.select(low & high)


class SampledBars(TimedFrame):
    """Bars by trades, lots, money or signed lots instead of by the clock, of the open session.

    ``event_ts`` is the first trade's time, ``known_at`` when the closing trade was known. A bar closes with
    the trade that brings its sum to ``threshold`` (of ``sampled_bar_thresholds``) and owns that trade
    whole; the bar that is still open has no row. ``dollars`` is price x lots x point value in the
    instrument's currency, ``seconds`` the time from first to closing trade.
    """

    scheme: str = pa.Field(isin=["tick", "volume", "dollar", "volume_imbalance"])
    open_ticks: pl.Int64
    high_ticks: pl.Int64
    low_ticks: pl.Int64
    close_ticks: pl.Int64
    open: pl.Float64
    high: pl.Float64
    low: pl.Float64
    close: pl.Float64
    volume: pl.Float64 = pa.Field(ge=0)
    bid_volume: pl.Float64 = pa.Field(ge=0)
    ask_volume: pl.Float64 = pa.Field(ge=0)
    delta: pl.Float64
    trades: pl.Int64 = pa.Field(ge=0)
    dollars: pl.Float64
    vwap: pl.Float64 = pa.Field(nullable=True)
    seconds: pl.Float64 = pa.Field(ge=0)
    threshold: pl.Float64 = pa.Field(gt=0)
    basis: str = pa.Field(isin=["ticks", "bar_records"])


class SampledBarThresholds(TimedFrame):
    """Threshold of each scheme of ``sampled_bars`` for one session, known at its start.

    From ``sessions`` earlier sessions up to ``fitted_through``; null with the ``reason`` where they do not
    say one (then the scheme has no bars).
    """

    scheme: str = pa.Field(isin=["tick", "volume", "dollar", "volume_imbalance"])
    threshold: pl.Float64 = pa.Field(nullable=True, gt=0)
    sessions: pl.Int32 = pa.Field(ge=0)
    fitted_through: str = pa.Field(nullable=True)
    reason: str = pa.Field(nullable=True)


class Vwap(TimedFrame):
    """Per bar: session VWAP and VWAP of the last 60 bars with bands, developing profile.

    ``hvn_*``, ``lvn_*``: the nodes of the profile so far nearest above and below the bar's close.
    ``price_basis``: ``ticks``, or ``typical`` where only bar records exist (a labelled fallback).
    """

    vwap: pl.Float64 = pa.Field(nullable=True)
    sd: pl.Float64 = pa.Field(nullable=True)
    upper_1: pl.Float64 = pa.Field(nullable=True)
    lower_1: pl.Float64 = pa.Field(nullable=True)
    upper_2: pl.Float64 = pa.Field(nullable=True)
    lower_2: pl.Float64 = pa.Field(nullable=True)
    rolling_vwap: pl.Float64 = pa.Field(nullable=True)
    poc_ticks: pl.Int64 = pa.Field(nullable=True)
    vah_ticks: pl.Int64 = pa.Field(nullable=True)
    val_ticks: pl.Int64 = pa.Field(nullable=True)
    price_basis: str = pa.Field(isin=["ticks", "typical"])
    rolling_sd: pl.Float64 = pa.Field(nullable=True, ge=0)
    rolling_upper_1: pl.Float64 = pa.Field(nullable=True)
    rolling_lower_1: pl.Float64 = pa.Field(nullable=True)
    rolling_upper_2: pl.Float64 = pa.Field(nullable=True)
    rolling_lower_2: pl.Float64 = pa.Field(nullable=True)
    hvn_above_ticks: pl.Int64 = pa.Field(nullable=True)
    hvn_below_ticks: pl.Int64 = pa.Field(nullable=True)
    lvn_above_ticks: pl.Int64 = pa.Field(nullable=True)
    lvn_below_ticks: pl.Int64 = pa.Field(nullable=True)


class VolumeProfile(TimedFrame):
    """Final session profile, one row a tick price (empty prices inside the range are kept).

    ``event_ts`` first and ``known_at`` last trade of the session: final values are known only then.
    ``smoothed`` is the volume smoothed over neighbouring prices; ``node`` marks its peaks (``hvn``, high
    volume nodes) and valleys (``lvn``).
    """

    price_ticks: pl.Int64
    price: pl.Float64
    volume: pl.Float64 = pa.Field(ge=0)
    bid_volume: pl.Float64 = pa.Field(ge=0)
    ask_volume: pl.Float64 = pa.Field(ge=0)
    is_poc: bool
    in_value_area: bool
    smoothed: pl.Float64 = pa.Field(ge=0)
    node: str = pa.Field(nullable=True, isin=["hvn", "lvn"])


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


class AnchoredVwap(TimedFrame):
    """VWAP since an anchor, per bar and kind of anchor, known at the bar's close.

    The series starts with the first trade at or after ``anchor_event_ts``; a row stands only where the
    anchor was known (``anchor_known_at`` <= ``known_at``) and was the latest of its kind. ``anchor_id``
    is the event's id; null for the session's open. Bands lie 1 and 2 ``sd`` away (weighted Welford).
    """

    anchor: str = pa.Field(
        isin=[
            "session_open",
            "swing_high",
            "swing_low",
            "break_up",
            "break_down",
            "prior_session_high",
            "prior_session_low",
        ]
    )
    anchor_id: str = pa.Field(nullable=True)
    anchor_event_ts: Utc
    anchor_known_at: Utc
    vwap: pl.Float64
    sd: pl.Float64 = pa.Field(ge=0)
    upper_1: pl.Float64
    lower_1: pl.Float64
    upper_2: pl.Float64
    lower_2: pl.Float64
    volume: pl.Float64 = pa.Field(gt=0)

    @pa.dataframe_check(error="a row stands before its anchor was known")
    def anchor_is_known(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """anchor_event_ts <= anchor_known_at <= known_at."""
        known = pl.col("anchor_known_at")
        return data.lazyframe.select((pl.col("anchor_event_ts") <= known) & (known <= pl.col("known_at")))


class LiquiditySweeps(Events):
    """Levels that rest (``level``), pools, and their sweeps or acceptances."""


class SmcEvents(Events):
    """Swings, BOS/CHoCH, fair value gaps and their life, order blocks and breakers."""


class WyckoffEvents(Events):
    """Wyckoff accumulation and distribution events; ``attrs.phase`` is the phase after the row."""


class WyckoffSchematics(TimedFrame):
    """What a Wyckoff range turned out to be, in retrospect: a row a schematic, known when it is over.

    ``event_ts`` is the climax bar's open. ``outcome``: trend (markup or markdown came) or failed.
    ``path`` names its events in order; ``first_id``, ``last_id`` are rows of wyckoff_events.
    """

    schematic: str = pa.Field(isin=["accumulation", "distribution"])
    outcome: str = pa.Field(isin=["trend", "failed"])
    climax_ticks: pl.Int64
    rally_ticks: pl.Int64 = pa.Field(nullable=True)
    end_ticks: pl.Int64
    bars: pl.Int32 = pa.Field(ge=1)
    events: pl.Int32 = pa.Field(ge=1)
    spring_type: pl.Int8 = pa.Field(isin=[1, 2, 3], nullable=True)
    path: str
    first_id: str
    last_id: str
    timeframe_seconds: pl.Int32 = pa.Field(gt=0)
    def_version: pl.Int16 = pa.Field(ge=1)
    params_hash: str


class PointsOfInterest(Events):
    """Zones worth watching. ``kind``: poi, poi_touch, poi_invalidated; score in [0, 1] at known_at.

    ``poi_id`` is the zone's, on each of its rows; ``ref_id`` of a later row is the ``event_id`` of the
    zone's poi row. ``level`` is the edge that price met: the near one, of an invalidation the far one.
    ``source_id`` is the event the zone came from; ``attrs.touches`` counts its touches before the row.
    """

    poi_id: str
    kind: str = pa.Field(isin=["poi", "poi_touch", "poi_invalidated"])
    dir: pl.Int8 = pa.Field(isin=[-1, 1])
    level_ticks: pl.Int64
    lo_ticks: pl.Int64
    hi_ticks: pl.Int64
    level: pl.Float64
    lo: pl.Float64
    hi: pl.Float64
    score: pl.Float64 = pa.Field(ge=0, le=1)
    source_kind: str
    source_id: str
    factors: str

    @pa.dataframe_check(error="a poi row refers to another, or a later row to none")
    def later_rows_refer_to_the_first(cls, data: PolarsData) -> pl.LazyFrame:  # noqa: N805 - pandera's protocol
        """ref_id is null on poi rows alone."""
        return data.lazyframe.select((pl.col("kind") == "poi") == pl.col("ref_id").is_null())


class TechnicalFactors(TimedFrame):
    """Classic factors per bar (TA-Lib where it has them), known at the bar's close."""

    ret_1: pl.Float64 = pa.Field(nullable=True)
    ret_5: pl.Float64 = pa.Field(nullable=True)
    ret_15: pl.Float64 = pa.Field(nullable=True)
    ret_60: pl.Float64 = pa.Field(nullable=True)
    ema_distance_20: pl.Float64 = pa.Field(nullable=True)
    ema_distance_60: pl.Float64 = pa.Field(nullable=True)
    rsi_14: pl.Float64 = pa.Field(nullable=True)
    atr_14: pl.Float64 = pa.Field(nullable=True)
    adx_14: pl.Float64 = pa.Field(nullable=True)
    macd_histogram: pl.Float64 = pa.Field(nullable=True)
    bollinger_position: pl.Float64 = pa.Field(nullable=True)
    stochastic_k: pl.Float64 = pa.Field(nullable=True)
    volume_z_60: pl.Float64 = pa.Field(nullable=True)
    realized_vol_30: pl.Float64 = pa.Field(nullable=True)
    range_z_60: pl.Float64 = pa.Field(nullable=True)
    cci_20: pl.Float64 = pa.Field(nullable=True)
    mfi_14: pl.Float64 = pa.Field(nullable=True)
    aroon_25: pl.Float64 = pa.Field(nullable=True)
    di_balance_14: pl.Float64 = pa.Field(nullable=True)
    slope_20: pl.Float64 = pa.Field(nullable=True)
    efficiency_20: pl.Float64 = pa.Field(nullable=True)
    autocorrelation_60: pl.Float64 = pa.Field(nullable=True)
    seconds_since_open: pl.Float64


class Regimes(TimedFrame):
    """Forward-filtered regime probabilities per bar; the models are fitted on earlier sessions only.

    ``vol_state`` 0 calm, 1 normal, 2 stressed; ``trend_state`` -1 down, 0 flat, 1 up; ``liquidity_state``
    0 thin, 1 normal, 2 deep: the likeliest one, states ordered by the mean of what is measured
    (``docs/regimes.md``). A model without a fit has nulls and says why in ``reason`` (volatility),
    ``trend_reason`` or ``liquidity_reason``. ``fitted_through`` is the last session of the fits.
    """

    vol_state: pl.Int8 = pa.Field(nullable=True, isin=[0, 1, 2])
    p_calm: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_normal: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_stressed: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    reason: str = pa.Field(nullable=True)
    trend_state: pl.Int8 = pa.Field(nullable=True, isin=[-1, 0, 1])
    p_down: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_flat: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_up: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    trend_reason: str = pa.Field(nullable=True)
    liquidity_state: pl.Int8 = pa.Field(nullable=True, isin=[0, 1, 2])
    p_thin: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_normal_liquidity: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    p_deep: pl.Float64 = pa.Field(nullable=True, ge=0, le=1)
    liquidity_reason: str = pa.Field(nullable=True)
    change_alarm: bool
    fitted_through: str = pa.Field(nullable=True)


class RegimeChanges(Events):
    """Change-point alarms (kind ``change_point``): ``event_ts`` the estimated change, ``known_at`` the alarm.

    ``attrs``: ``measure`` (log_variance, drift, log_volume) and ``detector`` (cusum, bocpd),
    ``level_before`` and ``level_after`` of the measure, ``statistic``, ``delay_bars``; ``dir`` is the
    sign of the change of level. Price columns are null: what changes is no price.
    """


class Correlations(TimedFrame):
    """Pairwise correlation across instruments on a five-minute grid; a < b by id.

    ``corr_dcc`` is that of a DCC(1,1) whose parameters were fitted on bars known by
    ``dcc_fit_known_at`` (of sessions up to ``dcc_fitted_through``), before the first bar of any
    instrument's session; null with ``dcc_reason``. ``lead_lag_seconds``: positive, a leads b.
    """

    instrument_a: str
    instrument_b: str
    corr_ewma: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    corr_dcc: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    corr_hayashi_yoshida: pl.Float64 = pa.Field(nullable=True, ge=-1, le=1)
    lead_lag_seconds: pl.Float64 = pa.Field(nullable=True)
    observations: pl.Int64 = pa.Field(ge=0)
    dcc_fitted_through: str = pa.Field(nullable=True)
    dcc_fit_known_at: Utc = pa.Field(nullable=True)
    dcc_reason: str = pa.Field(nullable=True)
