"""``zanzibar models`` on a home with registered models."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from zanzibar_assets.commands import models as module
from zanzibar_assets.config import load_config
from zanzibar_assets.contracts.registry import empty
from zanzibar_assets.errors import MissingInput, ModelError, UsageError
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.models import Evidence
from zanzibar_assets.store.serving import registry_of
from zanzibar_assets.store.workspace import Workspace
from zanzibar_assets_tests.reporting.frames import record

CARD = {"model_id": "a"}
KEY = PartitionKey("SIM_ES")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path))
    opened = Workspace(load_config(tmp_path), lambda: 1_736_000_000_000_000)
    registry, prints = registry_of(opened), {}
    for table in ("validation_report", "model_oos"):  # what promotions stand on
        written = opened.lake.write(table, KEY, 1, empty(table))
        opened.manifest.put(record(table, "SIM_ES", written.fingerprint))
        prints[table] = written.fingerprint
    for name, verdict in (("a", "promote"), ("b", "promote"), ("bad", "reject")):
        row = {"model_id": name, "trained_through": "2025-01-06", "simulated": True}
        evidence = Evidence(verdict, f"of {name}", prints["validation_report"])
        registry.register("SIM_ES", row, evidence, {"card": CARD, "model_oos": prints["model_oos"]})
    pruned = Evidence("promote", "of gone", "f00d")
    gone = {"model_id": "gone", "trained_through": "2025-01-03", "simulated": True}
    registry.register("SIM_NQ", gone, pruned, {"card": CARD, "model_oos": prints["model_oos"]})
    yield registry
    opened.database.close()


def run(*arguments):
    return CliRunner().invoke(module.command, list(arguments), catch_exceptions=False)


def test_the_list_names_every_model(home):
    shown = run("list", "SIM_ES").output
    assert [line.split()[0] for line in shown.splitlines()] == ["bad", "b", "a"]
    assert "reject: of bad" in shown
    found = json.loads(run("list", "SIM_ES", "--json").output)
    assert [model["model_id"] for model in found["models"]] == ["bad", "b", "a"]
    assert found["decisions"] == []


def test_promotion_and_rollback_are_told_and_kept(home):
    told = run("promote", "a", "--reason", "it passed", "--by", "ann").output
    assert "a is the champion of SIM_ES (approved), by ann: it passed" in told
    found = json.loads(run("promote", "b", "--reason", "better", "--by", "ann", "--json").output)
    assert (found["replaced"], found["verdict"]) == ("a", "promote")
    assert found["validation_fingerprint"] == home.get("b").validation_fingerprint
    back = json.loads(run("rollback", "SIM_ES", "--reason", "it loses", "--by", "bob", "--json").output)
    assert (back["action"], back["model_id"], back["replaced"]) == ("rollback", "a", "b")
    assert "rollback: a is the champion" in run("list").output
    assert home.champion("SIM_ES").model_id == "a"


def test_no_promotion_without_the_verdict_but_for_paper(home):
    with pytest.raises(ModelError, match="may not become champion"):
        run("promote", "bad", "--reason", "please")
    told = run("promote", "bad", "--reason", "see it move", "--paper").output
    assert "UNAPPROVED" in told
    assert "(paper only, unapproved)" in run("list").output


def test_a_model_whose_evidence_was_pruned_cannot_be_promoted(home):
    with pytest.raises(MissingInput, match="validation_report of gone is not stored any more"):
        run("promote", "gone", "--reason", "it was good once")
    assert home.champion("SIM_NQ") is None


def test_a_paper_champion_is_refused_for_live(home, tmp_path):
    (tmp_path / "zanzibar.yaml").write_text("execution: {backend: mt5}\n", encoding="utf-8")
    with pytest.raises(ModelError, match="simulated account only"):
        run("promote", "bad", "--reason", "please", "--paper")
    assert home.champion("SIM_ES") is None


def test_an_empty_home_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("ZANZIBAR_HOME", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="holds nothing yet"):
        run("list")
