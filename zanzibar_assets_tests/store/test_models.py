"""The registry of models on both kinds of metadata store."""

from __future__ import annotations

import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.store.models import Evidence, ModelRegistry

GOOD = Evidence("promote", "all gates pass", "f00d")
BAD = Evidence("reject", "rank IC -0.01 is not positive", "beef")


def row(name, through="2025-01-06"):
    return {"model_id": name, "trained_through": through, "payload": "{}", "rows": 5, "simulated": True}


@pytest.fixture
def clock():
    ticks = iter(range(1, 1_000))
    return lambda: next(ticks)


@pytest.fixture
def registry(database, clock):
    found = ModelRegistry(database, clock)
    for name, evidence in (("a", GOOD), ("b", GOOD), ("bad", BAD), ("c", GOOD)):
        found.register("ES", row(name), evidence)
    found.register("NQ", row("n"), GOOD)
    return found


def standing(registry, instrument="ES"):
    return {model.model_id: model.status for model in registry.models(instrument)}


def test_models_begin_as_challengers_the_newest_first(registry):
    assert [model.model_id for model in registry.models("ES")] == ["c", "bad", "b", "a"]
    assert set(standing(registry).values()) == {"challenger"}
    assert registry.champion("ES") is None
    assert registry.get("a").row == row("a")


def test_registering_again_renews_the_evidence_and_nothing_else(registry):
    registry.promote("a", "ann", "first")
    before = registry.get("a")
    registry.register("ES", row("a") | {"payload": "other"}, BAD)
    after = registry.get("a")
    assert (after.verdict, after.validation_fingerprint) == ("reject", "beef")
    assert (after.status, after.document, after.registered_us, after.ordinal) == (
        "champion", before.document, before.registered_us, before.ordinal,
    )  # fmt: skip


def test_a_promotion_is_a_decision_with_its_evidence(registry):
    decision = registry.promote("a", "ann", "it passed")
    assert (decision.action, decision.model_id, decision.replaced, decision.approved) == (
        "promote", "a", None, True,
    )  # fmt: skip
    assert (decision.verdict, decision.validation_fingerprint, decision.who) == ("promote", "f00d", "ann")
    assert decision.decided_us > registry.get("a").registered_us
    registry.promote("b", "bob", "better")
    assert standing(registry) == {"a": "retired", "b": "champion", "bad": "challenger", "c": "challenger"}
    assert [d.replaced for d in registry.decisions("ES")] == [None, "a"]
    assert registry.champion("NQ") is None


def test_only_a_verdict_promotes_unless_for_paper(registry):
    with pytest.raises(ModelError, match="may not become champion"):
        registry.promote("bad", "ann", "please")
    assert registry.decisions() == []
    assert standing(registry)["bad"] == "challenger"
    decision = registry.promote("bad", "ann", "paper", paper=True)
    assert not decision.approved
    assert not registry.champion("ES").approved
    assert registry.promote("a", "ann", "paper", paper=True).approved  # its verdict is promote


def test_rollback_goes_back_one_champion_at_a_time(registry):
    for name in ("a", "bad", "c"):
        registry.promote(name, "ann", "", paper=True)
    assert registry.rollback("ES", "bob", "it loses").model_id == "bad"
    assert not registry.champion("ES").approved
    assert registry.rollback("ES", "bob", "that too").model_id == "a"
    assert registry.champion("ES").approved
    assert standing(registry) == {"a": "champion", "b": "challenger", "bad": "retired", "c": "retired"}
    with pytest.raises(ModelError, match="no earlier champion"):
        registry.rollback("ES", "bob", "again")
    registry.promote("b", "ann", "")
    assert registry.rollback("ES", "bob", "").model_id == "a"
    assert [d.action for d in registry.decisions("ES")] == ["promote"] * 3 + ["rollback"] * 2 + [
        "promote", "rollback",
    ]  # fmt: skip


def test_refusals(registry):
    with pytest.raises(ModelError, match="no model 'ghost'"):
        registry.promote("ghost", "ann", "")
    registry.promote("a", "ann", "")
    with pytest.raises(ModelError, match="champion already"):
        registry.promote("a", "ann", "")
    with pytest.raises(ModelError, match="no earlier champion"):
        registry.rollback("NQ", "ann", "")
