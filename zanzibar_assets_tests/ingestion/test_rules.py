"""The table of rules: every rule that the code applies has a line, and the document says the same."""

from zanzibar_assets.ingestion import depth, record_kinds
from zanzibar_assets.ingestion.rules import RULES, Action, rules_markdown
from zanzibar_assets_tests.house.repository import ROOT

NAMES = {rule.name for rule in RULES}


def test_every_defect_has_a_rule():
    assert {*record_kinds.DEFECTS, *depth.DEFECTS} - {""} <= NAMES


def test_every_flag_of_the_contract_is_a_rule_that_keeps():
    from zanzibar_assets.contracts.registry import schema_of

    (isin,) = schema_of("clean_ticks").columns["flag"].checks
    assert {r.name for r in RULES if r.action is Action.FLAG} == set(isin.statistics["allowed_values"])


def test_names_are_unique_and_reasons_are_given():
    assert len(NAMES) == len(RULES)
    assert all(rule.means and rule.why for rule in RULES)


def test_the_document_is_the_table():
    assert (ROOT / "docs" / "cleaning.md").read_text(encoding="utf-8") == rules_markdown()
