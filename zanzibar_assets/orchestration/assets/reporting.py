"""Reporting: the market's session chart, performance of the account, the session's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.reporting.session import SessionInputs
    from zanzibar_assets.store.inputs import Inputs


@table_asset(
    reads=[
        "bars",
        "vwap",
        "anchored_vwap",
        "volume_profile",
        "smc_events",
        "wyckoff_events",
        "liquidity_sweeps",
        "orderflow_events",
        "points_of_interest",
        "raw_signals",
    ],
    modules=["reporting.chart_build"],
    owner="team:quant",
    kinds=["html", "parquet"],
)
def session_chart(inputs: Inputs) -> pl.DataFrame:
    """What a session's interactive chart draws, item by item, and the chart as a page."""
    from zanzibar_assets.reporting.chart_build import build_chart
    from zanzibar_assets.reporting.chart_items import EVENT_TABLES, ChartInputs
    from zanzibar_assets.reporting.chart_page import write_chart

    found = ChartInputs(
        bars=inputs.read("bars"),
        vwap=inputs.read("vwap"),
        anchored_vwap=inputs.read("anchored_vwap"),
        volume_profile=inputs.read("volume_profile"),
        events={table: inputs.read(table) for table in EVENT_TABLES},
        points_of_interest=inputs.read("points_of_interest"),
        raw_signals=inputs.read("raw_signals"),
    )
    chart = build_chart(found, inputs.instrument, inputs.window, simulated=inputs.simulated)
    write_chart(chart.html, chart.data, inputs.config.reports_dir, inputs.instrument.id, inputs.session)
    inputs.notes["left_out_of_chart"] = chart.left_out
    return chart.items


@table_asset(
    reads=["fills", "account_state"],
    modules=["reporting.performance"],
    owner="team:execution",
)
def performance(inputs: Inputs) -> pl.DataFrame:
    """Trades, costs, return and drawdown of the account's sessions up to this one."""
    from zanzibar_assets.reporting.performance import build_performance

    return build_performance(inputs.account_sessions("fills"), inputs.account_sessions("account_state"))


@table_asset(
    reads=[
        "signals",
        "orders",
        "fills",
        "account_state",
        "performance",
        "narratives",
        "narrative_scores",
        "bars",
        "session_completeness",
        "session_chart",
        "validation_report",
        "risk_parameters",
    ],
    modules=["reporting.session", "reporting.page", "reporting.chart_deals"],
    kinds=["html", "parquet"],
)
def session_report(inputs: Inputs) -> pl.DataFrame:
    """The session in lines and as a page: verdict, signals, orders, account, models, narratives."""
    from zanzibar_assets.reporting.chart_deals import write_traded_charts
    from zanzibar_assets.reporting.page import render_page, write_page
    from zanzibar_assets.reporting.session import build_session_report, page_name

    gathered = _session_inputs(inputs)
    write_page(render_page(gathered), inputs.config.reports_dir / page_name(inputs.session))
    write_traded_charts(gathered, inputs.config.reports_dir)
    return build_session_report(gathered)


def _session_inputs(inputs: Inputs) -> SessionInputs:
    from zanzibar_assets.reporting.session import SessionInputs
    from zanzibar_assets.store.session_verdicts import session_verdicts

    verdicts = session_verdicts(inputs, "session_report")
    return SessionInputs(
        session=inputs.session,
        signals=inputs.read("signals"),
        orders=inputs.read("orders"),
        fills=inputs.read("fills"),
        account_state=inputs.read("account_state"),
        performance=inputs.read("performance"),
        narratives=inputs.read("narratives"),
        narrative_scores=inputs.read("narrative_scores"),
        bars=inputs.across("bars"),
        charts=tuple(sorted(inputs.across("session_chart"))),
        completeness=inputs.across("session_completeness"),
        validation=inputs.across("validation_report"),
        risk=inputs.across("risk_parameters"),
        checks=verdicts.checks,
        stopped=verdicts.stopped,
        never_built=verdicts.never_built,
        left_out=tuple(inputs.notes.get("left_out", ())),
        simulated_data=inputs.simulated,
    )
