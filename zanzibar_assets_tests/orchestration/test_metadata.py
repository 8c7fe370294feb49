"""What people see of a materialization: tables of rules with the rows they concerned."""

import dagster as dg

from zanzibar_assets.orchestration.metadata import counts_markdown, outcome_metadata, samples_markdown
from zanzibar_assets.store.builder import BuildOutcome, Status
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import PartitionRecord
from zanzibar_assets.vocabulary import Verdict

SAMPLE = {
    "rule": "outlier", "source": "ESH24-CME.scid", "byte_offset": 456, "ts_utc": None,
    "price": 150.0, "size": 2.0,
}  # fmt: skip
KEY = PartitionKey("ES", "2024-01-04")


def outcome(notes):
    record = PartitionRecord(
        "clean_ticks", KEY, Verdict.OK, "f", 1, 1, None, None, 2, "c", "h", (), notes=notes
    )
    return BuildOutcome(KEY, Status.BUILT, record)


def test_a_sample_names_file_offset_and_rule():
    assert samples_markdown([SAMPLE]).splitlines()[2] == (
        "| outlier | ESH24-CME.scid | 456 | no true stamp | 150.0 | 2.0 |"
    )


def test_zero_counts_are_left_out():
    assert counts_markdown({"records": 12_000, "repeats": 0}).splitlines()[2:] == ["| records | 12,000 |"]


def test_rules_and_samples_are_markdown_in_the_metadata():
    found = outcome_metadata(outcome({"rules": {"records": 1}, "samples": [SAMPLE]}), "place")
    assert isinstance(found["rule_counts"], dg.MarkdownMetadataValue)
    assert "ESH24-CME.scid" in found["rule_samples"].value


def test_without_rules_there_are_no_such_tables():
    assert not {"rule_counts", "rule_samples"} & set(outcome_metadata(outcome({}), "place"))
