"""Reporting: performance of the account and the session's report with its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.reporting.session import SessionInputs
    from zanzibar_assets.store.inputs import Inputs

CHECKED_TABLES = ("clean_ticks", "clean_dom", "bars", "session_completeness", "feature_matrix")


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
        "points_of_interest",
        "validation_report",
        "risk_parameters",
    ],
    modules=["reporting.session", "reporting.page", "reporting.plots"],
    kinds=["html", "parquet"],
)
def session_report(inputs: Inputs) -> pl.DataFrame:
    """The session in lines and as a page: verdict, signals, orders, account, models, narratives."""
    from zanzibar_assets.reporting.page import render_page, write_page
    from zanzibar_assets.reporting.session import build_session_report, page_name

    gathered = _session_inputs(inputs)
    write_page(render_page(gathered), inputs.config.reports_dir / page_name(inputs.session))
    return build_session_report(gathered)


def _session_inputs(inputs: Inputs) -> SessionInputs:
    from zanzibar_assets.reporting.session import SessionInputs

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
        points_of_interest=inputs.across("points_of_interest"),
        completeness=inputs.across("session_completeness"),
        validation=inputs.across("validation_report"),
        risk=inputs.across("risk_parameters"),
        checks=inputs.checks_of(CHECKED_TABLES),
        left_out=tuple(inputs.notes.get("left_out", ())),
        simulated_data=inputs.simulated,
    )
