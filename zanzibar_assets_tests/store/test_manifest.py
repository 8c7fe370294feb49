"""The manifest on both kinds of metadata store: rows, their order, and the versions they leave behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import StoreError
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import CheckOutcome, InputRecord, Manifest, PartitionRecord
from zanzibar_assets.store.schema import PARTITION_VERSIONS, PARTITIONS
from zanzibar_assets.vocabulary import Verdict

DAY = PartitionKey("ES", "2025-01-06")
BASE = PartitionRecord(
    table="bars",
    key=DAY,
    verdict=Verdict.OK,
    fingerprint="one",
    bytes=10,
    rows=2,
    first_us=1,
    last_us=2,
    schema_version=1,
    code_version="code",
    config_hash="conf",
    inputs=(InputRecord("source:ES.scid", "0+40", "beef"), InputRecord("clean_ticks", str(DAY), "ct")),
    checks=(CheckOutcome("contract", True, "fine"), CheckOutcome("late", False, "a row", False)),
    notes={"contract": "ESH25", "counts": [1, 2]},
    simulated=True,
    run_id="run-1",
    written_us=1_736_000_000_000_000,
)


@pytest.fixture
def manifest(database):
    return Manifest(database)


def later(record, fingerprint, **changes):
    return replace(record, fingerprint=fingerprint, written_us=record.written_us + 1, **changes)


def test_a_record_comes_back_as_it_was_put(manifest):
    blocked = replace(
        BASE, key=PartitionKey("NQ"), verdict=Verdict.BLOCKED, fingerprint=None, bytes=None, rows=None,
        first_us=None, last_us=None, reasons=("no \u017c\u00f3\u0142w", "%s ?"), checks=(), simulated=False,
    )  # fmt: skip
    for record in (BASE, blocked):
        manifest.put(record)
        assert manifest.get(record.table, record.key) == record
    assert manifest.get("bars", PartitionKey("YM")) is None


def test_tables_are_asked_by_instrument_and_session_and_come_in_order(manifest):
    keys = ["ES|2025-01-07", "ES|2025-01-06", "SIM_ES|2025-01-06", "NQ|2025-01-06", "NQ", "2025-01-06"]
    for number, key in enumerate(keys):
        manifest.put(replace(BASE, key=PartitionKey.parse(key), fingerprint=str(number)))
    manifest.put(replace(BASE, table="atr"))
    expected = ["NQ", "2025-01-06", "ES|2025-01-06", "NQ|2025-01-06", "SIM_ES|2025-01-06", "ES|2025-01-07"]
    assert [str(r.key) for r in manifest.of_table("bars")] == expected
    assert [str(r.key) for r in manifest.of_table("bars", "ES")] == ["ES|2025-01-06", "ES|2025-01-07"]
    assert [str(r.key) for r in manifest.of_table("bars", "ES", "2025-01-06")] == ["ES|2025-01-06"]
    assert [str(r.key) for r in manifest.of_table("bars", through="2025-01-05")] == []
    assert [r.table for r in manifest.all()] == ["atr"] + ["bars"] * 6


def test_another_fingerprint_makes_a_version_and_the_same_one_does_not(manifest):
    second = later(BASE, "two", code_version="code 2")
    manifest.put(BASE)
    manifest.put(replace(BASE, run_id="run-2", written_us=BASE.written_us + 5))
    assert manifest.versions("bars", DAY) == []
    manifest.put(second)
    assert manifest.get("bars", DAY) == second
    (version,) = manifest.versions("bars", DAY)
    assert version.record == replace(BASE, run_id="run-2", written_us=BASE.written_us + 5)
    assert (version.superseded_us, version.superseded_by) == (second.written_us, "two")
    assert version.reason == "code changed"
    assert not version.is_current


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"inputs": (InputRecord("source:ES.scid", "0+80", "cafe"), BASE.inputs[1])}, "source changed"),
        ({"code_version": "x"}, "code changed"),
        ({"schema_version": 2}, "code changed"),
        ({"config_hash": "x"}, "configuration changed"),
        ({"inputs": (BASE.inputs[0], InputRecord("clean_ticks", str(DAY), "other"))}, "inputs changed"),
        ({"config_hash": "x", "inputs": ()}, "source changed, configuration changed, inputs changed"),
        ({"run_id": "x"}, "forced"),
    ],
)
def test_why_it_was_built_again_is_read_off_what_differs(manifest, changes, reason):
    manifest.put(BASE)
    manifest.put(later(BASE, "two", **changes))
    assert manifest.versions("bars", DAY)[0].reason == reason


def test_a_reason_that_the_caller_knows_stands(manifest):
    manifest.put(BASE)
    manifest.put(later(BASE, "two"), reason="the vendor corrected a trade")
    assert manifest.versions("bars", DAY)[0].reason == "the vendor corrected a trade"


def test_a_blocked_build_keeps_the_version_that_was_usable(manifest):
    manifest.put(BASE)
    blocked = later(BASE, None, verdict=Verdict.BLOCKED)
    manifest.put(blocked)
    (version,) = manifest.versions("bars", DAY)
    assert (version.record.fingerprint, version.superseded_by) == ("one", None)
    manifest.put(later(blocked, "one", verdict=Verdict.OK))
    assert len(manifest.versions("bars", DAY)) == 1  # nothing was superseded: the blocked row had no frame


def test_a_version_is_found_by_its_fingerprint(manifest):
    manifest.put(BASE)
    manifest.put(later(BASE, "two"))
    assert manifest.version("one").superseded_by == "two"
    assert manifest.version("two").is_current
    assert manifest.version("three") is None
    assert manifest.version("one", "labels") is None


def test_a_fingerprint_of_several_partitions_needs_the_partition_named(manifest):
    other = PartitionKey("ES", "2025-01-04")
    manifest.put(BASE)
    manifest.put(replace(BASE, key=other))
    with pytest.raises(StoreError, match="2 partitions carry"):
        manifest.version("one")
    assert manifest.version("one", "bars", other).record.key == other


def test_back_and_forth_leaves_each_step(manifest):
    record = BASE
    for fingerprint in ("one", "two", "one", "two"):
        manifest.put(record := later(record, fingerprint))
    assert [v.record.fingerprint for v in manifest.versions("bars", DAY)] == ["one", "two", "one"]
    assert manifest.version("one").superseded_us == record.written_us


def test_what_belongs_to_a_partition_is_written_with_it_or_not_at_all(manifest):
    def fails(transaction):
        assert transaction.rows(PARTITIONS.select())
        raise ZeroDivisionError

    manifest.put(BASE)
    with pytest.raises(ZeroDivisionError):
        manifest.put(later(BASE, "two"), also=fails)
    assert manifest.get("bars", DAY) == BASE
    assert manifest.versions("bars", DAY) == []


STEP = st.tuples(st.sampled_from(["ES", "NQ"]), st.sampled_from(["a", "b", "c", None]))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(steps=st.lists(STEP, max_size=12))
def test_versions_are_what_a_list_that_keeps_everything_says(steps, tmp_path_factory):
    database = Database(tmp_path_factory.mktemp("law") / "m.sqlite")
    manifest, current, kept = Manifest(database), {}, []
    for number, (name, fingerprint) in enumerate(steps):
        key = PartitionKey(name, "2025-01-06")
        verdict = Verdict.OK if fingerprint else Verdict.BLOCKED
        before = current.get(name)
        if before not in (None, fingerprint):
            kept.append((name, before, fingerprint))
        current[name] = fingerprint
        manifest.put(replace(BASE, key=key, fingerprint=fingerprint, verdict=verdict, written_us=number))
    with database.reading() as transaction:
        columns = PARTITION_VERSIONS.c
        question = PARTITION_VERSIONS.select().with_only_columns(
            columns.instrument, columns.fingerprint, columns.superseded_by
        )
        found = transaction.rows(question.order_by(columns.superseded_us))
    database.close()
    assert [tuple(row) for row in found] == kept
