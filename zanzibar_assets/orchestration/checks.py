"""Checks of the assets. Belongs here: their declaration and their results; the rules are elsewhere.

A check is generated from the table's contract, one says whether the inputs were usable, the others
are reported by the table's builder. The verdict is kept per partition in the manifest, and what
reads a partition asks for it there: so one bad session of a range holds back only what depends on
it, although Dagster knows one result a check and run.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.reporting.groups import grouped
from zanzibar_assets.store.builder import BuildOutcome
from zanzibar_assets.store.specs import LOOK_AHEAD_CHECK
from zanzibar_assets.vocabulary import MODEL_GATES

CONTRACT_CHECK = "contract"
INPUTS_CHECK = "inputs_usable"
MODEL_CHECKS = frozenset({"model_may_trade", *MODEL_GATES})
"""What blocks a model's orders: an error, but the rest of the graph goes on without the model."""


def check_spec(name: str, table: str) -> dg.AssetCheckSpec:
    """Check of a table: the contract's, the inputs', or a domain check of its builder."""
    texts = {
        CONTRACT_CHECK: f"Columns, types and laws of contract {table} v{TABLES[table].version}.",
        LOOK_AHEAD_CHECK: "No look-ahead seen: computed on what was known at some instants it is the same.",
        INPUTS_CHECK: "Every input is there, passed its own checks and belongs together with the others.",
    }
    usual = name.replace("_", " ")
    if name in MODEL_CHECKS:
        usual += ": where it fails the model's signals are dropped (section `gate` holds the threshold)"
    return dg.AssetCheckSpec(name, asset=table, description=texts.get(name, usual))


def check_results(outcomes: Sequence[BuildOutcome], names: Sequence[str]) -> list[dg.AssetCheckResult]:
    """One result a declared check over the partitions of this step; each failing one is named."""
    results = []
    for name in names:
        failed = _failures(outcomes, name)
        serious = name in MODEL_CHECKS or any(blocking for _, _, blocking in failed)
        results.append(
            dg.AssetCheckResult(
                check_name=name,
                passed=not failed,
                severity=dg.AssetCheckSeverity.ERROR if serious or not failed else dg.AssetCheckSeverity.WARN,
                description=_described(outcomes, name, failed),
                metadata={
                    "partitions": len(outcomes),
                    "failed": dg.MetadataValue.json({key: why for key, why, _ in failed}),
                },
            )
        )
    return results


def _described(
    outcomes: Sequence[BuildOutcome], name: str, failed: Sequence[tuple[str, str, bool]]
) -> str | None:
    """The first failures; of a proof that holds, how it was made."""
    if failed or name != LOOK_AHEAD_CHECK:
        told = grouped(("", key, why) for key, why, _ in failed)
        return "; ".join(f"{where.strip()}: {why}" for where, why in told[:5]) or None
    proofs = [c.detail for o in outcomes for c in o.record.checks if c.name == name]
    return "; ".join(dict.fromkeys(proofs)) or "not tried: nothing was built here"


def _failures(outcomes: Sequence[BuildOutcome], name: str) -> list[tuple[str, str, bool]]:
    failed = []
    for outcome in outcomes:
        if name == INPUTS_CHECK:
            if outcome.status.value == "blocked":
                failed.append((str(outcome.key), "; ".join(outcome.record.reasons), True))
            continue
        for check in outcome.record.checks:
            if check.name == name and not check.passed:
                failed.append((str(outcome.key), check.detail, check.blocking))
    return failed
