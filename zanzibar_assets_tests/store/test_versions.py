"""Which version a reader read, what is stale now and why, and what may be forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import InputRecord, Manifest
from zanzibar_assets.store.versions import History, as_read, releasable, stale
from zanzibar_assets.vocabulary import Verdict
from zanzibar_assets_tests.reporting.frames import record

DAY, NEXT = "SIM_ES|2025-01-06", "SIM_ES|2025-01-07"


class Book:
    """A manifest whose clock moves by ten with each row."""

    def __init__(self, folder):
        self.manifest = Manifest(Database(folder / "m.sqlite"))
        self.now_us = 0

    def put(self, table, key, fingerprint, *inputs, notes=None, verdict=Verdict.OK):
        """``inputs`` are (table, key): their fingerprints are what stands there now."""
        self.now_us += 10
        read = tuple(InputRecord(t, k, self.manifest.state_of(t, k)) for t, k in inputs)
        made = record(table, key, fingerprint, verdict=verdict)
        self.manifest.put(replace(made, inputs=read, written_us=self.now_us, notes=notes or {}))

    def source(self, key, fingerprint, bytes_hash):
        self.now_us += 10
        read = (InputRecord("source:ES.scid", "bytes 56-96", bytes_hash),)
        self.manifest.put(replace(record("raw_ticks", key, fingerprint), inputs=read, written_us=self.now_us))

    @property
    def history(self):
        return History.of(self.manifest)

    def stale(self):
        return {f"{s.record.table} {s.record.key}": s for s in stale(self.history)}


@pytest.fixture
def book(tmp_path):
    """raw_ticks <- clean_ticks <- bars <- signals <- orders, on one day."""
    found = Book(tmp_path)
    found.source(DAY, "rt1", "h1")
    found.put("clean_ticks", DAY, "ct1", ("raw_ticks", DAY))
    found.put("bars", DAY, "b1", ("clean_ticks", DAY))
    found.put("signals", "2025-01-06", "s1", ("bars", DAY))
    found.put("orders", "2025-01-06", "o1", ("signals", "2025-01-06"))
    return found


def test_nothing_is_stale_after_a_whole_build(book):
    assert book.stale() == {}


def test_a_correction_makes_every_dependent_stale_with_the_way_to_it(book):
    book.source(DAY, "rt2", "h2")
    found = book.stale()
    assert list(found) == [f"clean_ticks {DAY}", f"bars {DAY}", "signals 2025-01-06", "orders 2025-01-06"]
    assert [s.is_direct for s in found.values()] == [True, False, False, False]
    direct = found[f"clean_ticks {DAY}"]
    assert direct.reasons == (f"raw_ticks {DAY} was rt1, is rt2: source changed",)
    chain = ("orders 2025-01-06", "signals 2025-01-06", f"bars {DAY}", f"clean_ticks {DAY}")
    assert found["orders 2025-01-06"].chain == chain


def test_what_is_rebuilt_is_fresh_again_and_the_rest_still_stale(book):
    book.source(DAY, "rt2", "h2")
    book.put("clean_ticks", DAY, "ct2", ("raw_ticks", DAY))
    assert list(book.stale()) == [f"bars {DAY}", "signals 2025-01-06", "orders 2025-01-06"]
    book.put("bars", DAY, "b1", ("clean_ticks", DAY))  # the same bars came of it
    assert book.stale() == {}


def test_a_blocked_rebuild_makes_its_readers_stale_and_itself_nothing(book):
    book.put("bars", DAY, None, verdict=Verdict.BLOCKED)
    found = book.stale()
    assert list(found) == ["signals 2025-01-06", "orders 2025-01-06"]
    assert f"bars {DAY} was b1, is blocked" in found["signals 2025-01-06"].reasons[0]
    assert book.manifest.version("b1").record.inputs[0].fingerprint == "ct1"


def test_a_model_is_stale_when_its_history_is(book):
    book.put("bars", NEXT, "b9")
    book.put(
        "trained_model", "SIM_ES", "m1", ("bars", "SIM_ES|<=2025-01-06"), notes={"through": "2025-01-06"}
    )
    assert book.stale() == {}
    book.put("bars", NEXT, "b10")
    assert book.stale() == {}, "a later session is none of its history"
    book.put("bars", DAY, "b2", ("clean_ticks", DAY))
    found = book.stale()["trained_model SIM_ES"]
    assert "sessions of it were built since" in found.reasons[0]


def test_a_later_estimate_leaves_what_was_made_before_it_as_it_was(book):
    book.put("bars", NEXT, "b9")
    book.put("volatility_forecast", "SIM_ES", "v1", notes={"through": "2025-01-06"})
    book.put("raw_signals", NEXT, "r1", ("volatility_forecast", "SIM_ES"), ("bars", NEXT))
    book.put("volatility_forecast", "SIM_ES", "v2", ("bars", DAY), notes={"through": "2025-01-07"})
    book.put("bars", DAY, "b2", ("clean_ticks", DAY))  # makes the later estimate stale, not its past
    assert set(book.stale()) == {"volatility_forecast SIM_ES", "signals 2025-01-06", "orders 2025-01-06"}


def test_source_bytes_that_changed_on_disk_count_when_asked_for(book):
    found = stale(book.history, lambda r: "other bytes" if r.table == "raw_ticks" else None)
    assert [s.record.table for s in found] == ["raw_ticks", "clean_ticks", "bars", "signals", "orders"]
    assert found[0].reasons == ("other bytes",)


def test_a_reader_is_shown_the_version_that_it_read(book):
    order = book.manifest.get("orders", PartitionKey(session="2025-01-06"))
    book.put("signals", "2025-01-06", "s2", ("bars", DAY))
    found = as_read(order.inputs[0], order, book.manifest)
    assert found.exact
    assert [(v.record.fingerprint, v.superseded_by) for v in found.versions] == [("s1", "s2")]


def test_what_cannot_be_found_comes_as_it_is_and_is_not_exact(book):
    order = book.manifest.get("orders", PartitionKey(session="2025-01-06"))
    found = as_read(InputRecord("signals", "2025-01-06", "never"), order, book.manifest)
    assert not found.exact
    assert [v.record.fingerprint for v in found.versions] == ["s1"]
    assert as_read(InputRecord("bars", NEXT, "x"), order, book.manifest).versions == ()


def test_a_query_is_taken_as_it_stood_when_its_reader_was_written(book):
    book.put("bars", NEXT, "b9")
    book.put("trained_model", "SIM_ES", "m1", ("bars", "SIM_ES|<=2025-01-07"))
    model = book.manifest.get("trained_model", PartitionKey("SIM_ES"))
    for made in ("b2", "b3"):
        book.put("bars", DAY, made)
    book.put("bars", "SIM_ES|2025-01-05", "b0")
    for records in (book.manifest, book.history):
        found = as_read(model.inputs[0], model, records)
        assert found.exact
        assert [v.record.fingerprint for v in found.versions] == ["b1", "b9"]


def test_history_answers_like_the_manifest(book):
    book.source(DAY, "rt2", "h2")
    book.put("bars", NEXT, "b9")
    history, key = book.history, PartitionKey.parse(DAY)
    assert history.all() == book.manifest.all()
    assert history.superseded() == book.manifest.superseded()
    assert history.versions("raw_ticks", key) == book.manifest.versions("raw_ticks", key)
    for through in (None, "2025-01-06"):
        assert history.of_table("bars", "SIM_ES", through) == book.manifest.of_table(
            "bars", "SIM_ES", through
        )
    assert history.state_of("bars", "SIM_ES|<=2025-01-07") == book.manifest.state_of(
        "bars", "SIM_ES|<=2025-01-07"
    )


def fingerprints(versions):
    return sorted(v.record.fingerprint for v in versions)


def test_what_an_order_was_made_from_is_never_released(book):
    book.source(DAY, "rt2", "h2")
    book.put("clean_ticks", DAY, "ct2", ("raw_ticks", DAY))
    book.put("bars", DAY, "b2", ("clean_ticks", DAY))
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == []
    book.put("bars", DAY, "b3", ("clean_ticks", DAY))
    # b2 was read by nothing; what the order stands on (s1, b1, ct1, rt1) stays
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == ["b2"]


def test_orders_of_the_past_hold_on_too(book):
    book.put("bars", DAY, "b2", ("clean_ticks", DAY))
    book.put("signals", "2025-01-06", "s2", ("bars", DAY))
    book.put("orders", "2025-01-06", "o2", ("signals", "2025-01-06"))
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == []


def test_signals_of_the_past_hold_on_when_one_was_kept(tmp_path):
    book = Book(tmp_path)
    for bars, signals in (("b1", "s1"), ("b2", "s2"), ("b3", "s3")):
        book.put("bars", DAY, bars)
        book.put("signals", "2025-01-06", signals, ("bars", DAY))
    assert fingerprints(releasable(book.history, 10**18, lambda r: r.fingerprint == "s1")) == ["b2", "s2"]


def test_a_model_in_use_holds_on_to_its_whole_history(tmp_path):
    book = Book(tmp_path)
    book.put("bars", DAY, "b1")
    book.put("trained_model", "SIM_ES", "m1", ("bars", "SIM_ES|<=2025-01-06"))
    for made in ("b2", "b3"):
        book.put("bars", DAY, made)
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == ["b2"]
    book.put("trained_model", "SIM_ES", "m2", ("bars", "SIM_ES|<=2025-01-06"))
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == ["b1", "b2", "m1"]


def test_the_evidence_of_a_champion_holds_on_to_its_training_data(tmp_path):
    book = Book(tmp_path)
    for number in (1, 2, 3):  # three trainings on data that was corrected in between
        book.put("feature_matrix", DAY, f"f{number}")
        book.put("trained_model", "SIM_ES", f"m{number}", ("feature_matrix", "SIM_ES|<=2025-01-06"))
        book.put("model_oos", "SIM_ES", f"o{number}", ("feature_matrix", "SIM_ES|<=2025-01-06"))
        book.put("validation_report", "SIM_ES", f"v{number}", ("trained_model", "SIM_ES"))
    first = [book.manifest.version(name).record for name in ("v1", "o1")]
    freed = fingerprints(releasable(book.history, 10**18, lambda r: False, first))
    assert freed == ["f2", "m2", "o2", "v2"]
    assert "f1" in fingerprints(releasable(book.history, 10**18, lambda r: False))


def test_what_a_current_prediction_was_made_from_stays(tmp_path):
    book = Book(tmp_path)
    book.put("feature_matrix", DAY, "f1")
    book.put("predictions", DAY, "p1", ("feature_matrix", DAY))
    book.put("feature_matrix", DAY, "f2")
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == []
    book.put("predictions", DAY, "p2", ("feature_matrix", DAY))
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == ["f1", "p1"]


def test_where_in_doubt_every_version_stays(tmp_path):
    book = Book(tmp_path)
    book.put("bars", DAY, "b1")
    book.manifest.put(
        replace(
            record("trained_model", "SIM_ES", "m1"), inputs=(InputRecord("bars", "SIM_ES|<=2025-01-06", "?"),)
        )
    )
    for made in ("b2", "b3"):
        book.put("bars", DAY, made)
    assert fingerprints(releasable(book.history, 10**18, lambda r: False)) == []


def test_young_versions_stay(book):
    book.put("bars", NEXT, "n1")
    book.put("bars", NEXT, "n2")
    at = book.now_us
    assert fingerprints(releasable(book.history, at, lambda r: False)) == []
    assert fingerprints(releasable(book.history, at + 1, lambda r: False)) == ["n1"]
