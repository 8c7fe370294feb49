"""What people see of a materialization: tables of rules with the rows they concerned."""

import dagster as dg

from zanzibar_assets.config import load_config
from zanzibar_assets.orchestration.metadata import (
    column_schema,
    counts_markdown,
    outcome_metadata,
    page_metadata,
    plot_metadata,
    samples_markdown,
)
from zanzibar_assets.reporting.chart_items import build_session_chart
from zanzibar_assets.store.builder import BuildOutcome, Status
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import PartitionRecord
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.reporting import chart_frames

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


def test_a_chart_links_to_its_page_and_shows_a_picture(tmp_path):
    config = load_config(tmp_path, reporting={"base_url": "http://localhost:3999"})
    found = page_metadata("session_chart", KEY, config)
    assert found["page"].value == "http://localhost:3999/session_chart-ES-2024-01-04.html"
    assert found["page_file"].value == str(config.reports_dir / "session_chart-ES-2024-01-04.html")
    assert page_metadata("bars", KEY, config) == {}
    items = build_session_chart(chart_frames.random_inputs(1), chart_frames.TICK).frame
    assert plot_metadata("session_chart", items)["plot"].value.startswith("![")


def test_each_page_of_a_report_has_its_own_address(tmp_path):
    config = load_config(tmp_path)
    session = page_metadata("session_report", PartitionKey(session="2024-01-04"), config)
    worth = page_metadata("event_hit_rates", PartitionKey("ES"), config)
    assert session["page"].value == "http://127.0.0.1:3001/2024-01-04/index.html"
    assert worth["page"].value == "http://127.0.0.1:3001/hit_rates-ES.html"


def test_features_have_their_catalogue_words_in_the_column_schema():
    columns = {column.name: column for column in column_schema("feature_matrix").columns}
    assert columns["rsi_14"].description == "relative strength index (0..100, 14 bars)"
    assert columns["rsi_14"].constraints.nullable
    assert not columns["known_at"].constraints.nullable
    assert {column.description for column in column_schema("bars").columns} == {None}
