"""The registry of models: challengers, one champion an instrument, and every decision about them.

A model keeps its whole row of ``trained_model`` here, so that going back to it needs no partition.
Promotion and rollback are recorded with the evidence they stood on and change nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from zanzibar_assets.errors import ModelError
from zanzibar_assets.store.database import Database, Transaction
from zanzibar_assets.vocabulary import ModelVerdict

if TYPE_CHECKING:
    from sqlalchemy import Insert, Select, Update

CHALLENGER, CHAMPION, RETIRED = "challenger", "champion", "retired"
PROMOTE, ROLLBACK = "promote", "rollback"


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model and its standing; ``approved`` tells a champion by verdict from one for paper alone."""

    model_id: str
    instrument: str
    status: str
    approved: bool
    registered_us: int
    ordinal: int
    trained_through: str
    document: str
    verdict: str
    verdict_reason: str
    validation_fingerprint: str
    validated_us: int
    simulated: bool

    @property
    def row(self) -> dict[str, Any]:
        """The model's row of ``trained_model``."""
        found: dict[str, Any] = json.loads(self.document)["model"]
        return found

    @property
    def extra(self) -> dict[str, Any]:
        """What was registered with the model: its card, and the fingerprint of what it predicted unseen."""
        found: dict[str, Any] = json.loads(self.document)["extra"]
        return found


@dataclass(frozen=True, slots=True)
class Decision:
    """One promotion or rollback: ``model_id`` became the champion in place of ``replaced``."""

    decision_id: int
    decided_us: int
    instrument: str
    action: str
    model_id: str
    replaced: str | None
    verdict: str
    validation_fingerprint: str
    approved: bool
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What validation said of a model, and the fingerprint of the report that says it."""

    verdict: str
    reason: str
    fingerprint: str


class ModelRegistry:
    """Rows of the registry in the metadata database."""

    def __init__(self, database: Database, clock_us: Callable[[], int]) -> None:
        self.database = database
        self.clock_us = clock_us

    def register(
        self,
        instrument: str,
        row: Mapping[str, Any],
        evidence: Evidence,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a trained model down as a challenger; a known one keeps its standing, not its evidence."""
        now = self.clock_us()
        values = {
            "model_id": row["model_id"],
            "instrument": instrument,
            "status": CHALLENGER,
            "approved": False,
            "registered_us": now,
            "trained_through": row["trained_through"],
            "document": json.dumps({"model": dict(row), "extra": dict(extra or {})}, sort_keys=True),
            **_evidence(evidence, now),
            "simulated": row["simulated"],
        }
        with self.database.writing() as transaction:
            transaction.lock("models")
            if not transaction.run(_statements().add, values):
                changed = {"of_model": row["model_id"]}
                changed |= {f"new_{name}": value for name, value in _evidence(evidence, now).items()}
                transaction.run(_statements().validated, changed)

    def get(self, model_id: str) -> RegisteredModel:
        """A model by its id; ModelError when it was never registered."""
        with self.database.reading() as transaction:
            return _one(transaction, model_id)

    def models(self, instrument: str | None = None) -> list[RegisteredModel]:
        """Models (of an instrument), the newest first."""
        with self.database.reading() as transaction:
            found = [_model(row) for row in transaction.rows(_statements().models)]
        return [model for model in found if instrument in (None, model.instrument)]

    def champion(self, instrument: str) -> RegisteredModel | None:
        """The instrument's champion, None before the first promotion."""
        return next((model for model in self.models(instrument) if model.status == CHAMPION), None)

    def decisions(self, instrument: str | None = None) -> list[Decision]:
        """Decisions (of an instrument) in the order in which they were made."""
        with self.database.reading() as transaction:
            return _decisions(transaction, instrument)

    def promote(self, model_id: str, who: str, reason: str, *, paper: bool = False) -> Decision:
        """Make a model the champion of its instrument; the one before is retired.

        Raises ModelError when the validation's verdict is another than promote, unless the promotion
        is for ``paper``: such a champion stays unapproved.
        """
        with self.database.writing() as transaction:
            transaction.lock("models")
            model = _one(transaction, model_id)
            before = _champion(transaction, model.instrument)
            if before is not None and before.model_id == model_id:
                raise ModelError(f"{model_id} is the champion already")
            approved = model.verdict == ModelVerdict.PROMOTE.value
            if not approved and not paper:
                raise ModelError(
                    f"{model_id} may not become champion",
                    expected="the verdict promote of its validation",
                    got=f"{model.verdict}: {model.verdict_reason}",
                    action="--paper makes it champion of a simulated account, unapproved",
                )
            return self._decide(
                transaction, PROMOTE, model, before, approved=approved, who=who, reason=reason
            )

    def rollback(self, instrument: str, who: str, reason: str) -> Decision:
        """Go back to the champion before the present one; ModelError when there was none."""
        with self.database.writing() as transaction:
            transaction.lock("models")
            stack = _champions(_decisions(transaction, instrument))
            if len(stack) < 2:
                raise ModelError(
                    f"{instrument} has no earlier champion to go back to",
                    got=f"champions so far: {', '.join(d.model_id for d in stack) or 'none'}",
                )
            now, earlier = (_one(transaction, decision.model_id) for decision in (stack[-1], stack[-2]))
            approved = stack[-2].approved
            return self._decide(
                transaction, ROLLBACK, earlier, now, approved=approved, who=who, reason=reason
            )

    def _decide(
        self,
        transaction: Transaction,
        action: str,
        model: RegisteredModel,
        before: RegisteredModel | None,
        approved: bool,
        who: str,
        reason: str,
    ) -> Decision:
        statements = _statements()
        if before is not None:
            change = {"of_model": before.model_id, "new_status": RETIRED, "new_approved": before.approved}
            transaction.run(statements.stand, change)
        transaction.run(
            statements.stand, {"of_model": model.model_id, "new_status": CHAMPION, "new_approved": approved}
        )
        decision = {
            "decided_us": self.clock_us(),
            "instrument": model.instrument,
            "action": action,
            "model_id": model.model_id,
            "replaced": before.model_id if before else None,
            "verdict": model.verdict,
            "validation_fingerprint": model.validation_fingerprint,
            "approved": approved,
            "who": who,
            "reason": reason,
        }
        transaction.run(statements.decide, decision)
        return _decisions(transaction, model.instrument)[-1]


def _evidence(evidence: Evidence, now_us: int) -> dict[str, Any]:
    return {
        "verdict": evidence.verdict,
        "verdict_reason": evidence.reason,
        "validation_fingerprint": evidence.fingerprint,
        "validated_us": now_us,
    }


def _champions(decisions: list[Decision]) -> list[Decision]:
    """The promotions that stand on each other now; a rollback takes the last one away."""
    stack: list[Decision] = []
    for decision in decisions:
        if decision.action == PROMOTE:
            stack.append(decision)
        else:
            stack.pop()
    return stack


def _one(transaction: Transaction, model_id: str) -> RegisteredModel:
    found = transaction.rows(_statements().one, model_id=model_id)
    if not found:
        raise ModelError(f"no model {model_id!r} is registered", action="`zanzibar models list` names them")
    return _model(found[0])


def _champion(transaction: Transaction, instrument: str) -> RegisteredModel | None:
    found = [_model(row) for row in transaction.rows(_statements().models)]
    return next((m for m in found if m.instrument == instrument and m.status == CHAMPION), None)


def _decisions(transaction: Transaction, instrument: str | None) -> list[Decision]:
    found = [_decision(row) for row in transaction.rows(_statements().decisions)]
    return [decision for decision in found if instrument in (None, decision.instrument)]


def _decision(row: tuple[Any, ...]) -> Decision:
    values: dict[str, Any] = dict(zip((f.name for f in fields(Decision)), row, strict=True))
    return Decision(**{**values, "approved": bool(values["approved"])})


def _model(row: tuple[Any, ...]) -> RegisteredModel:
    values: dict[str, Any] = dict(zip((f.name for f in fields(RegisteredModel)), row, strict=True))
    flags = {name: bool(values[name]) for name in ("approved", "simulated")}
    return RegisteredModel(**{**values, **flags})


class _Statements(NamedTuple):
    add: Insert
    validated: Update
    stand: Update
    one: Select[Any]
    models: Select[Any]
    decide: Insert
    decisions: Select[Any]


@cache
def _statements() -> _Statements:
    from sqlalchemy import bindparam, func, select, update

    from zanzibar_assets.store.schema import MODEL_DECISIONS, MODELS
    from zanzibar_assets.store.upsert import insert_new

    columns = MODELS.c
    given: dict[str, Any] = {c.name: bindparam(c.name) for c in columns if c is not columns.ordinal}
    following = select(func.coalesce(func.max(columns.ordinal), 0) + 1).scalar_subquery()
    seen = ("verdict", "verdict_reason", "validation_fingerprint", "validated_us")
    of_model = columns.model_id == bindparam("of_model")
    decided: dict[str, Any] = {
        c.name: bindparam(c.name) for c in MODEL_DECISIONS.c if c.name != "decision_id"
    }
    return _Statements(
        add=insert_new(MODELS).values(**given, ordinal=following),
        validated=update(MODELS).where(of_model).values({name: bindparam(f"new_{name}") for name in seen}),
        stand=update(MODELS)
        .where(of_model)
        .values(status=bindparam("new_status"), approved=bindparam("new_approved")),
        one=select(MODELS).where(columns.model_id == bindparam("model_id")),
        models=select(MODELS).order_by(columns.ordinal.desc()),
        decide=MODEL_DECISIONS.insert().values(**decided),
        decisions=select(MODEL_DECISIONS).order_by(MODEL_DECISIONS.c.decision_id),
    )
