"""When a build looks for look-ahead in its table, and where what it saw is written down.

The first partition that a table's code builds is cut a few times (``prover``); the result stands in
the notes of its record. Later partitions of the same code, contract and configuration refer to it:
a proof is of the code. Whatever changes the code version, a new column above all, is proved again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zanzibar_assets.contracts.registry import TABLES
from zanzibar_assets.store.prover import Proof, Verdict, prove
from zanzibar_assets.store.records import CheckOutcome, PartitionRecord
from zanzibar_assets.store.specs import LOOK_AHEAD_CHECK

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.inputs import Inputs
    from zanzibar_assets.store.specs import TableSpec

PROOF_NOTE = "proof"
"""Name of the proof in the notes of the partition that it was made on."""


def prove_once(
    inputs: Inputs, spec: TableSpec, frames: Mapping[str, pl.DataFrame], count: int
) -> CheckOutcome:
    """The check of one build: proved on this partition or on an earlier one, or what was found instead.

    ``inputs`` are those of the build; a proof that says something is left in their notes. Nothing
    is proved on a partition without rows: the check passes, says so, and the next one is tried.
    """
    sections = inputs.config.section_hash(*spec.sections)
    before = earlier_proof(inputs, spec, sections)
    if before is not None:
        return _by_reference(before)
    proof = prove(inputs.workspace, spec, inputs.key, frames, tuple(inputs.records), count)
    if proof.verdict is not Verdict.NOTHING:
        inputs.notes[PROOF_NOTE] = document(proof) | {"sections": sections}
    return CheckOutcome(LOOK_AHEAD_CHECK, *_judged(proof))


def earlier_proof(inputs: Inputs, spec: TableSpec, sections: str) -> PartitionRecord | None:
    """Another partition on which this code was proved under this configuration; one that leaks first."""
    found = [
        record
        for record in inputs.workspace.manifest.of_code(
            spec.table, spec.code_version, TABLES[spec.table].version, f'%"{PROOF_NOTE}": {{%'
        )
        if record.key != inputs.key and record.notes[PROOF_NOTE]["sections"] == sections
    ]
    return min(found, key=lambda r: (_holds(r), -r.written_us), default=None)


def _holds(record: PartitionRecord) -> bool:
    # earlier releases wrote another word for the same
    return bool(record.notes[PROOF_NOTE]["verdict"] != Verdict.LEAKS.value)


def _by_reference(record: PartitionRecord) -> CheckOutcome:
    proof, where = record.notes[PROOF_NOTE], f"{record.table} {record.key}"
    if _holds(record):
        detail = f"no look-ahead seen in the same code on {where} at {proof['compared']} cuts"
        return CheckOutcome(LOOK_AHEAD_CHECK, True, detail)
    detail = f"the same code looks ahead on {where}: {proof['difference']}"
    return CheckOutcome(LOOK_AHEAD_CHECK, False, detail)


def _judged(proof: Proof) -> tuple[bool, str, bool]:
    """(passed, detail, blocking) of a proof that was made now."""
    if proof.difference is not None:
        return False, str(proof.difference), True
    refused = f"; {len(proof.refused)} cuts were refused: {proof.refused[0][1]}" if proof.refused else ""
    if proof.verdict is Verdict.NONE_SEEN:
        detail = f"no look-ahead seen here at {len(proof.compared)} cuts, {proof.rows} rows compared{refused}"
        return True, detail, True
    if proof.refused and not proof.compared:
        return False, f"nothing could be compared{refused}", False
    return True, f"nothing seen: no row to compare{refused}", True


def document(proof: Proof) -> dict[str, Any]:
    """A proof as the manifest and ``zanzibar prove --json`` hold it."""
    return {
        "verdict": proof.verdict.value,
        "compared": len(proof.compared),
        "at_rows": proof.at_rows,
        "instants": proof.instants,
        "least_share_seen": proof.least_share,
        "cuts": [[cut.at_us, cut.variant.value] for cut in proof.compared],
        "rows": proof.rows,
        "refused": [[cut.at_us, cut.variant.value, why] for cut, why in proof.refused],
        "difference": None if proof.difference is None else str(proof.difference),
    }
