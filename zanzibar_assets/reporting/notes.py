"""What a run could not do for lack of history or input, in whole sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.manifest import PartitionRecord


def history_notes(
    records: Sequence[PartitionRecord],
    models: Mapping[str, pl.DataFrame],
    volatilities: Mapping[str, pl.DataFrame],
    regimes: Mapping[str, pl.DataFrame],
    history_sessions: int,
    traded: Sequence[str],
) -> list[str]:
    """Sentences about stages that lack history or input, each once, by instrument.

    ``models``, ``volatilities`` and ``regimes`` hold by instrument the TrainedModel row, the
    VolatilityForecast row and the newest session's Regimes; ``traded`` are the traded sessions.
    """
    notes: list[str] = []
    for instrument, frame in sorted(models.items()):
        if frame.height and frame["status"][0] != "trained":
            notes.append(
                f"{instrument}: no model, so signals come from rules alone (points of interest): "
                f"{frame['reason'][0]}"
            )
    for instrument, frame in sorted(regimes.items()):
        reasons = frame["reason"].drop_nulls() if frame.height else frame.clear()["reason"]
        if len(reasons) == frame.height and frame.height:
            notes.append(f"{instrument}: no regime: {reasons[0]}")
    for instrument, frame in sorted(volatilities.items()):
        if frame.height and frame["reason"][0]:
            notes.append(f"{instrument}: volatility by {frame['method'][0]}: {frame['reason'][0]}")
    short = _short_history(records, history_sessions)
    return notes + short + _no_depth(records) + _no_signals(records, traded)


def _short_history(records: Sequence[PartitionRecord], wanted: int) -> list[str]:
    newest: dict[str, PartitionRecord] = {}
    for record in records:
        if record.table == "smc_events" and record.key.instrument and "closed_day" not in record.notes:
            newest[record.key.instrument] = record
    found = []
    for instrument, record in sorted(newest.items()):
        seen = int(record.notes.get("history_sessions", 0))
        if seen < wanted:
            found.append(
                f"{instrument}: structure, sweeps and factors of {record.key.session} saw {seen} of "
                f"{wanted} earlier sessions (there are no more in the files)"
            )
    return found


def _no_signals(records: Sequence[PartitionRecord], traded: Sequence[str]) -> list[str]:
    """Why rules made no signal of an instrument in any of the traded sessions."""
    found = []
    own = [r for r in records if r.table == "raw_signals" and r.key.session in traded and not r.rows]
    for record in own:
        touches = record.notes.get("touches")
        if not touches:
            continue
        where = f"{record.key.instrument} {record.key.session}: no signal: "
        if not touches["touches"]:
            found.append(where + "no point of interest was touched")
        elif touches["best_score"] < touches["needed"]:
            found.append(
                f"{where}{touches['touches']} touches of points of interest, the best scored "
                f"{touches['best_score']:.2f} and {touches['needed']:.2f} is needed"
            )
        else:
            found.append(f"{where}{touches['touches']} touches, none fresh, open and with a zone that held")
    return found


def _no_depth(records: Sequence[PartitionRecord]) -> list[str]:
    without = sorted(
        {str(r.key.instrument) for r in records if r.table == "raw_depth" and "depth" in r.notes}
    )
    return [f"{name}: no depth recorded in some sessions: book features are null there" for name in without]
