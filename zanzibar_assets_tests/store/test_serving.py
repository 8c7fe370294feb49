"""Which model speaks: decisions let verdicts stand, and old evidence is read by its fingerprint."""

from __future__ import annotations

import polars as pl
import pytest

from zanzibar_assets.contracts.registry import breaches, conform, empty
from zanzibar_assets.errors import MissingInput
from zanzibar_assets.store.housekeeping import champions_evidence
from zanzibar_assets.store.inputs import Inputs
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import PartitionRecord
from zanzibar_assets.store.serving import enlist, registry_of, require_evidence, serving_model, standing
from zanzibar_assets.store.versions import History, forget, releasable
from zanzibar_assets.vocabulary import Verdict

KEY = PartitionKey("SIM_ES")


def model_frame(name, through="2025-01-06"):
    row = dict.fromkeys(empty("trained_model").columns, "") | {
        "model_id": name, "status": "trained", "reason": None, "algorithm": "ridge",
        "trained_through": through,
        "sessions": 5, "rows": 100, "seed": 7, "trials": 3, "simulated": True,
        "calibration": '{"method": "none"}',
    }  # fmt: skip
    return conform("trained_model", pl.DataFrame([row]))


def report_frame(name, verdict):
    row = dict.fromkeys(empty("validation_report").columns) | {
        "model_id": name, "metric": "psr", "detail": "", "verdict": verdict, "verdict_reason": f"of {name}",
    }  # fmt: skip
    return conform("validation_report", pl.DataFrame([row]))


def oos_frame(prediction):
    row = {"event_ts": 0, "known_at": 1, "session": "2025-01-06", "path": 0, "prediction": prediction,
           "label": 1, "gross_return": 0.1, "net_return": 0.1}  # fmt: skip
    stamps = pl.col("event_ts", "known_at").cast(pl.Datetime("us", "UTC"))
    return conform("model_oos", pl.DataFrame([row]).with_columns(stamps))


def put(workspace, table, frame):
    written = workspace.lake.write(table, KEY, 1 if table != "trained_model" else 2, frame)
    workspace.manifest.put(
        PartitionRecord(
            table=table, key=KEY, verdict=Verdict.OK, fingerprint=written.fingerprint, bytes=written.bytes,
            rows=written.rows, first_us=None, last_us=None,
            schema_version=2 if table == "trained_model" else 1, code_version="c", config_hash="h",
            inputs=(), reasons=(), checks=(), notes={}, simulated=True, run_id="r",
            written_us=workspace.clock_us(),
        )
    )  # fmt: skip


def train(workspace, name, verdict, prediction, through="2025-01-06"):
    put(workspace, "trained_model", model_frame(name, through))
    put(workspace, "validation_report", report_frame(name, verdict))
    put(workspace, "model_oos", oos_frame(prediction))
    return enlist(Inputs(workspace, KEY), lambda row, oos, report: {"of": row["model_id"]})


def test_the_newest_model_speaks_until_there_is_a_champion_and_then_the_champion_does(workspace):
    report, oos = train(workspace, "a", "promote", 0.6)
    assert (report["model_id"].item(), oos["prediction"].item()) == ("a", 0.6)
    registry = registry_of(workspace)
    assert registry.get("a").extra["card"] == {"of": "a"}
    registry.promote("a", "ann", "good")
    report, oos = train(workspace, "b", "reject", 0.7, "2025-01-08")
    assert (report["model_id"].item(), oos["prediction"].item()) == ("a", 0.6)
    assert [m.status for m in registry.models("SIM_ES")] == ["challenger", "champion"]

    served = serving_model(Inputs(workspace, PartitionKey("SIM_ES", "2025-01-07")))
    assert served.equals(model_frame("a"))
    assert serving_model(Inputs(workspace, PartitionKey("SIM_ES", "2025-01-06"))).is_empty()


def test_rollback_brings_the_earlier_model_back_bit_for_bit(workspace):
    registry = registry_of(workspace)
    for name in ("a", "b"):
        train(workspace, name, "promote", 0.6)
        registry.promote(name, "ann", "good")
    registry.rollback("SIM_ES", "ann", "it loses")
    served = serving_model(Inputs(workspace, PartitionKey("SIM_ES", "2025-01-09")))
    assert served.equals(model_frame("a"))


def test_pruning_leaves_every_champion_its_evidence_and_names_challengers_that_lost_theirs(workspace):
    registry = registry_of(workspace)
    for number, name in enumerate("abcd"):
        train(workspace, name, "promote", 0.5 + number / 10)
        workspace.clock_us.now_us += 10
        if name in "ac":
            registry.promote(name, "ann", "good")
    history = History.of(workspace.manifest)
    evidence = champions_evidence(workspace, history)
    assert {r.table for r in evidence} == {"validation_report", "model_oos"}
    assert len(evidence) == 4, "of a, who was champion before c, too"
    forget(workspace.lake, releasable(history, workspace.clock_us() + 1, lambda r: False, evidence))
    for name in "acd":
        require_evidence(workspace, registry.get(name))
    with pytest.raises(MissingInput, match="of b is not stored any more"):
        require_evidence(workspace, registry.get("b"))
    registry.rollback("SIM_ES", "ann", "it loses")
    report, oos = enlist(Inputs(workspace, KEY), lambda row, oos, report: {})
    assert (report["model_id"].item(), oos["prediction"].item()) == ("a", 0.5)


@pytest.mark.parametrize("verdict", ["reject", "hold"])
def test_a_champion_for_paper_is_never_said_to_be_promoted(workspace, verdict):
    train(workspace, "a", verdict, 0.6)
    registry = registry_of(workspace)
    registry.promote("a", "ann", "paper", paper=True)
    said = standing(registry.champion("SIM_ES"), report_frame("b", "promote"))
    assert (said["model_id"].item(), said["verdict"].item()) == ("a", verdict)
    train(workspace, "a", "promote", 0.6)  # a later validation alone approves nobody
    said = standing(registry.champion("SIM_ES"), report_frame("a", "promote"))
    assert said["verdict"].item() == "hold"


def test_a_verdict_without_a_decision_waits(workspace):
    said = standing(None, report_frame("a", "promote"))
    assert said["verdict"].item() == "hold"
    assert "zanzibar models promote a" in said["verdict_reason"].item()
    rejected = report_frame("a", "reject")
    assert standing(None, rejected).equals(rejected)
    assert standing(None, empty("validation_report")).is_empty()


def test_what_stands_for_a_champion_holds_the_contract(workspace):
    train(workspace, "a", "promote", 0.6)
    registry = registry_of(workspace)
    registry.promote("a", "ann", "good")
    said = standing(registry.champion("SIM_ES"), empty("validation_report"))
    assert said["verdict"].item() == "promote"
    assert breaches("validation_report", said) == []
