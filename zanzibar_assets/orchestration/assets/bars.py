"""Bars: time bars, the session's completeness, VWAP with bands, and the session's volume profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zanzibar_assets.orchestration.table_asset import table_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from zanzibar_assets.store.inputs import Inputs


@table_asset(reads=["clean_ticks"], modules=["analysis.bars"])
def bars(inputs: Inputs) -> pl.DataFrame:
    """Time bars of the instrument's bar length, known at their close."""
    from zanzibar_assets.analysis.bars import build_bars

    return build_bars(inputs.read("clean_ticks"), inputs.instrument, inputs.window)


@table_asset(
    reads=["clean_ticks", "bars"],
    modules=["analysis.sampled_bars"],
    sections=["analysis"],
    side_tables=["sampled_bar_thresholds"],
)
def sampled_bars(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """Tick, volume, dollar and imbalance bars, their thresholds taken from earlier sessions."""
    from zanzibar_assets.analysis.sampled_bars import build_sampled_bars, build_thresholds

    history = inputs.history("bars", inputs.config.analysis.history_sessions)
    thresholds = build_thresholds(history, inputs.instrument, inputs.window, inputs.config)
    found = build_sampled_bars(inputs.read("clean_ticks"), thresholds, inputs.instrument)
    return {"sampled_bars": found, "sampled_bar_thresholds": thresholds}


@table_asset(
    reads=["clean_ticks", "bars"],
    modules=["analysis.continuous", "ingestion.scid", "ingestion.roll_sources"],
    source="roll",
    checks=["gap_is_measured"],
)
def contract_rolls(inputs: Inputs) -> pl.DataFrame:
    """The session's contract; where it is another than before, the gap, and the sum of past gaps."""
    from zanzibar_assets.analysis.continuous import build_contract_rolls, missing_gap, rolled_from
    from zanzibar_assets.ingestion.roll_sources import LOOK_BACK_SESSIONS

    ticks, earlier = inputs.read("clean_ticks"), inputs.history("contract_rolls", LOOK_BACK_SESSIONS)
    before = rolled_from(ticks, earlier, inputs.instrument)
    old, new = _both_contracts(inputs, before)
    found = build_contract_rolls(ticks, earlier, old, new, inputs.instrument, inputs.window)
    missing = missing_gap(found)
    inputs.check("gap_is_measured", missing is None, missing or "no gap is missing", blocking=False)
    return found


def _both_contracts(inputs: Inputs, before: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of the old and of the new contract in the session before a roll; empty without one."""
    from zanzibar_assets.analysis.continuous import bars_of_other
    from zanzibar_assets.contracts.registry import empty
    from zanzibar_assets.ingestion.scid import read_tick_bytes
    from zanzibar_assets.store.keys import PartitionKey
    from zanzibar_assets.store.source_reading import open_sources, record_sources

    taken = open_sources(inputs, "contract_rolls", "roll")
    raw = read_tick_bytes(taken, inputs.instrument)
    record_sources(inputs, "contract_rolls", "roll", taken)
    if before is None or any(piece.part.session != before for piece in taken):
        return empty("bars"), empty("bars")
    old = inputs.read("bars", PartitionKey(inputs.instrument.id, before))
    return old, bars_of_other(raw, inputs.instrument, before)


@table_asset(reads=["bars", "contract_rolls"], modules=["analysis.continuous"])
def continuous_bars(inputs: Inputs) -> pl.DataFrame:
    """The session's bars, raw, with the sum of past roll gaps beside: one scale for returns."""
    from zanzibar_assets.analysis.continuous import build_continuous_bars

    return build_continuous_bars(inputs.read("bars"), inputs.read("contract_rolls"))


@table_asset(
    reads=["clean_ticks", "clean_dom", "bars"],
    modules=["analysis.completeness"],
    sections=["quality"],
    side_tables=["session_gaps", "session_counts"],
    checks=[
        "volume_reconciles",
        "minutes_are_covered",
        "no_long_gap",
        "data_reach_the_close",
        "trades_fit_the_book",
    ],
)
def session_completeness(inputs: Inputs) -> Mapping[str, pl.DataFrame]:
    """What the calendar let expect and what the data hold: minutes, gaps, volumes, book against tape."""
    from zanzibar_assets.analysis.completeness import SessionFrames, build_completeness, judge

    names = ("clean_ticks", "clean_dom", "bars", "quarantine_ticks", "quarantine_dom")
    frames = SessionFrames(**{name: inputs.read(name) for name in names})
    quality = inputs.config.quality
    found = build_completeness(frames, inputs.instrument, inputs.window, quality)
    for finding in judge(found, quality):
        inputs.check(finding.name, finding.passed, finding.detail, blocking=finding.blocking)
    return {
        "session_completeness": found.session,
        "session_gaps": found.gaps,
        "session_counts": found.counts,
    }


@table_asset(
    reads=["clean_ticks", "bars"], modules=["analysis.vwap", "analysis.profile"], sections=["analysis"]
)
def vwap(inputs: Inputs) -> pl.DataFrame:
    """Session VWAP with weighted bands, rolling VWAP and the developing value area, per bar."""
    from zanzibar_assets.analysis.vwap import build_vwap

    return build_vwap(inputs.read("clean_ticks"), inputs.read("bars"), inputs.instrument, inputs.config)


@table_asset(reads=["clean_ticks"], modules=["analysis.profile"], sections=["analysis"])
def volume_profile(inputs: Inputs) -> pl.DataFrame:
    """Volume traded at each tick of the session, point of control and value area."""
    from zanzibar_assets.analysis.profile import build_volume_profile

    return build_volume_profile(inputs.read("clean_ticks"), inputs.instrument, inputs.config)
