"""The aggregator: every raw signal of a session is kept or dropped, with the reason in plain words.

Signals are judged in the order in which they became known, across instruments; a verdict looks at
nothing later. The rules stand in the order of ``_RULES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from zanzibar_assets.config import Config
from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.instruments import Instrument, Instruments
from zanzibar_assets.vocabulary import US_PER_SECOND, ModelVerdict, SignalStatus, to_us


@dataclass(slots=True)
class _Kept:
    instrument: str
    source: str
    direction: int
    known_us: int
    expires_us: int


@dataclass(slots=True)
class _State:
    """What the aggregator remembers and may look up."""

    config: Config
    instruments: Instruments
    narratives: list[dict[str, Any]]
    risk: Mapping[str, pl.DataFrame]
    validation: Mapping[str, pl.DataFrame]
    kept: list[_Kept] = field(default_factory=list)


@dataclass(slots=True)
class _Case:
    """One raw signal under judgement; the rules may lower ``risk_pct`` and add notes."""

    row: Mapping[str, Any]
    instrument: Instrument
    known_us: int
    expires_us: int
    approved: bool = True
    risk_pct: float = 0.0
    notes: list[str] = field(default_factory=list)


def build_signals(
    raw_signals: pl.DataFrame,
    narratives: pl.DataFrame,
    risk_by_instrument: Mapping[str, pl.DataFrame],
    validation_by_instrument: Mapping[str, pl.DataFrame],
    instruments: Instruments,
    config: Config,
) -> pl.DataFrame:
    """Signals of a session: one row a raw signal of any instrument, in ``known_at`` order.

    ``raw_signals`` holds all instruments' rows (any order); ``risk_by_instrument`` and
    ``validation_by_instrument`` map instrument ids to RiskParameters and ValidationReport frames.
    """
    if raw_signals.is_empty():
        return empty("signals")
    known = narratives.sort("known_at", maintain_order=True).to_dicts()
    state = _State(config, instruments, known, risk_by_instrument, validation_by_instrument)
    ordered = raw_signals.sort("known_at", "score", "signal_id", descending=[False, True, False])
    rows = [_judge(state, row) for row in ordered.iter_rows(named=True)]
    return conform("signals", pl.DataFrame(rows, infer_schema_length=None))


def _judge(state: _State, row: Mapping[str, Any]) -> dict[str, Any]:
    instrument = state.instruments[row["instrument"]]
    known_us = to_us(row["known_at"])
    expires_us = known_us + state.config.signals.expiry_seconds * US_PER_SECOND
    case = _Case(row, instrument, known_us, expires_us)
    dropped = next((reason for rule in _RULES if (reason := rule(state, case))), None)
    if dropped is None:
        state.kept.append(_Kept(instrument.id, row["source"], row["dir"], known_us, expires_us))
    return {
        **{name: row[name] for name in _CARRIED},
        "stop_distance": row["stop_distance_ticks"] * instrument.tick_size,
        "target_distance": row["target_distance_ticks"] * instrument.tick_size,
        "expires_at": row["known_at"] + timedelta(seconds=state.config.signals.expiry_seconds),
        "risk_pct": case.risk_pct if dropped is None else 0.0,
        "approved": case.approved,
        "status": (SignalStatus.KEPT if dropped is None else SignalStatus.DROPPED).value,
        "reason": dropped or "; ".join([_origin(case), *case.notes, f"risk {case.risk_pct:.3f} %"]),
    }


_CARRIED = (
    "event_ts", "known_at", "signal_id", "instrument", "source", "dir", "entry", "stop_distance_ticks",
    "target_distance_ticks", "score", "model_id", "evidence", "simulated",
)  # fmt: skip


def _origin(case: _Case) -> str:
    if case.row["source"] == "poi":
        return "kept: touch of a point of interest (rules)"
    return "kept: approved model" if case.approved else "kept: UNAPPROVED model, simulated account only"


def _model_gate(state: _State, case: _Case) -> str | None:
    """A model trades only when promoted; on a simulated account the user may ask for more."""
    if case.row["source"] != "model":
        return None
    report = state.validation.get(case.instrument.id)
    found = report is not None and not report.is_empty()
    verdict = report["verdict"][0] if report is not None and found else ModelVerdict.INSUFFICIENT.value
    why = report["verdict_reason"][0] if report is not None and found else "there is no validation report"
    same = found and report is not None and report["model_id"][0] == case.row["model_id"]
    case.approved = bool(verdict == ModelVerdict.PROMOTE.value and same)
    if case.approved:
        return None
    if found and not same:
        why = "the validation report is another model's"
    execution = state.config.execution
    if execution.paper_unapproved and execution.backend == "simulated":
        case.notes.append(f"its validation says {verdict}: {why}")
        return None
    return f"the model is not promoted: its validation says {verdict}: {why}"


def _risk_gate(state: _State, case: _Case) -> str | None:
    """Risk per trade of the source, capped; nothing without parameters or without an edge."""
    frame = state.risk.get(case.instrument.id)
    if frame is None or frame.is_empty():
        return f"there are no risk parameters for {case.instrument.id}"
    of_model = case.row["source"] == "model" and case.approved
    if case.row["source"] == "model" and not case.approved:
        case.notes.append("sized with the risk of rules: an unapproved model has none of its own")
    column = "risk_per_trade_pct" if of_model else "rules_risk_per_trade_pct"
    case.risk_pct = min(float(frame[column][0]), state.config.risk.max_risk_per_trade_pct)
    if case.risk_pct <= 0:
        return f"no risk is granted: {frame['reason'][0]}"
    return _var_cap(state, case, frame["var_95_pct"][0])


def _var_cap(state: _State, case: _Case, var_95_pct: float | None) -> str | None:
    """One position's VaR over a session stays in its share of the daily loss limit."""
    if var_95_pct is None or var_95_pct <= 0:
        return None
    share_pct = state.config.risk.max_daily_loss_pct / state.config.execution.max_positions
    stop_share = case.row["stop_distance_ticks"] * case.instrument.tick_size / case.row["entry"]
    cap = share_pct / var_95_pct * stop_share * 100
    if case.risk_pct > cap:
        case.risk_pct = cap
        case.notes.append(f"lowered: its session VaR may be {share_pct:.2f} % of equity")
    return None


def _narrative_gate(state: _State, case: _Case) -> str | None:
    """The newest narrative of the market known before: no_trade and firm contradiction drop, else halve."""
    said = [
        n
        for n in state.narratives
        if n["instrument"] == case.instrument.narrative_id and to_us(n["known_at"]) <= case.known_us
    ]
    if not said:
        return None
    last = said[-1]
    name = f"narrative {last['narrative_id']}"
    if last["no_trade"]:
        return f"{name} says not to trade"
    against = {"long": -1, "short": 1}.get(last["bias"]) == case.row["dir"]
    if not against:
        return None
    if last["conviction"] == "high" and not last["conditional"]:
        return f"{name} is {last['bias']} with high conviction"
    case.risk_pct /= 2
    case.notes.append(f"halved: {name} is {last['bias']}")
    return None


def _conflict_gate(state: _State, case: _Case) -> str | None:
    """Nothing against a signal of the same instrument that is still alive."""
    name, direction = case.instrument.id, case.row["dir"]
    if any(
        k.instrument == name and k.direction == -direction and case.known_us < k.expires_us
        for k in state.kept
    ):
        return "a kept signal of the opposite direction is still alive"
    return None


def _cooldown_gate(state: _State, case: _Case) -> str | None:
    """One kept signal an instrument and direction within the cooldown."""
    seconds = state.config.signals.cooldown_seconds
    name, direction = case.instrument.id, case.row["dir"]
    if any(
        k.instrument == name
        and k.direction == direction
        and case.known_us - k.known_us < seconds * US_PER_SECOND
        for k in state.kept
    ):
        return f"within {seconds} s of a kept signal of the same direction"
    return None


def _count_gate(state: _State, case: _Case) -> str | None:
    """A limited number of signals a session of each source and instrument: none crowds out the other."""
    limit = state.config.signals.max_signals_per_session
    own = [k for k in state.kept if k.instrument == case.instrument.id and k.source == case.row["source"]]
    return f"{limit} signals of this kind are kept in the session already" if len(own) >= limit else None


_Rule = Callable[[_State, _Case], str | None]
_RULES: tuple[_Rule, ...] = (
    _model_gate,
    _risk_gate,
    _narrative_gate,
    _conflict_gate,
    _cooldown_gate,
    _count_gate,
)
