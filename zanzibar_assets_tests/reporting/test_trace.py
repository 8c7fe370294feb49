"""The walk reaches every source exactly once, by the shortest way, and says what changed since."""

from __future__ import annotations

import hashlib

import pytest

from zanzibar_assets.reporting.trace import (
    CURRENT,
    NOT_USED,
    OTHER_BYTES,
    REBUILT,
    SAME_BYTES,
    SUPERSEDED,
    Link,
    verify,
    walk,
)
from zanzibar_assets.store.database import Database
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import Manifest
from zanzibar_assets_tests.reporting.frames import record

DAY, EVE = "SIM_ES|2025-01-06", "SIM_ES|2025-01-03"


@pytest.fixture
def manifest(tmp_path) -> Manifest:
    """raw_signals <- bars (today) <- clean_ticks <- raw_ticks <- file; and bars of the day before."""
    found = Manifest(Database(tmp_path / "m.sqlite"))
    for key, span in ((DAY, "bytes 96-136"), (EVE, "bytes 56-96")):
        found.put(record("raw_ticks", key, "rt" + key, inputs=(("source:ES.scid", span, "h" + key),)))
        found.put(record("clean_ticks", key, "ct" + key, inputs=(("raw_ticks", key, "rt" + key),)))
        found.put(record("bars", key, "b" + key, inputs=(("clean_ticks", key, "ct" + key),)))
    found.put(
        record("points_of_interest", DAY, "poi", inputs=(("bars", DAY, "b" + DAY), ("bars", EVE, "b" + EVE)))
    )
    found.put(
        record(
            "raw_signals", DAY, "rs", inputs=(("bars", DAY, "b" + DAY), ("points_of_interest", DAY, "poi"))
        )
    )
    return found


def chain(manifest, table="raw_signals", key=DAY, instrument="SIM_ES") -> list[Link]:
    start = manifest.get(table, PartitionKey.parse(key))
    return walk([start], manifest, instrument=instrument, path_of=lambda name: f"/in/{name}")


def by_id(links):
    return {link.id: link for link in links}


def test_each_partition_once_by_the_shortest_way(manifest):
    links = chain(manifest)
    tables = [(link.id, link.steps) for link in links if link.kind == "table"]
    assert tables == [
        (f"raw_signals {DAY}", 0),
        (f"bars {DAY}", 1),
        (f"points_of_interest {DAY}", 1),
        (f"clean_ticks {DAY}", 2),
        (f"bars {EVE}", 2),
        (f"raw_ticks {DAY}", 3),
        (f"clean_ticks {EVE}", 3),
        (f"raw_ticks {EVE}", 4),
    ]


def test_sources_carry_file_byte_range_and_hash(manifest):
    sources = [link for link in chain(manifest) if link.kind == "source"]
    assert [(s.source, s.fingerprint) for s in sources] == [
        ("/in/ES.scid bytes 96-136", "h" + DAY),
        ("/in/ES.scid bytes 56-96", "h" + EVE),
    ]


def test_a_rebuilt_input_is_told_from_the_one_that_was_read(manifest):
    manifest.put(record("bars", EVE, "other", inputs=(("clean_ticks", EVE, "ct" + EVE),)))
    links = by_id(chain(manifest))
    assert links[f"bars {DAY}"].state == CURRENT
    read = links[f"bars {EVE}"]
    assert read.fingerprint == "b" + EVE
    assert read.state == f"{SUPERSEDED} at 1970-01-01 00:00:00 UTC because forced"


def test_a_corrected_source_leaves_the_old_bytes_in_the_chain(manifest):
    corrected = (("source:ES.scid", "bytes 96-176", "new bytes"),)
    manifest.put(record("raw_ticks", DAY, "rt2", inputs=corrected))
    links = chain(manifest)
    assert by_id(links)[f"raw_ticks {DAY}"].fingerprint == "rt" + DAY
    assert "because source changed" in by_id(links)[f"raw_ticks {DAY}"].state
    assert {s.fingerprint for s in links if s.kind == "source"} == {"h" + DAY, "h" + EVE}


def test_a_version_that_nobody_knows_any_more_is_told(manifest):
    manifest.put(record("raw_signals", DAY, "rs2", inputs=(("bars", DAY, "never stored"),)))
    assert by_id(chain(manifest))[f"bars {DAY}"].state == REBUILT


def test_what_was_looked_for_and_not_there_is_said(manifest):
    inputs = (
        ("bars", DAY, "b" + DAY),
        ("predictions", DAY, "absent"),
        ("validation_report", "SIM_ES", "known_later"),
    )
    manifest.put(record("raw_signals", DAY, "rs", inputs=inputs))
    found = by_id(chain(manifest))
    assert found[f"predictions {DAY}"].state == NOT_USED
    assert "absent" in found[f"predictions {DAY}"].detail
    assert "known later" in found["validation_report SIM_ES"].detail


def test_a_query_is_followed_to_each_partition_it_read(manifest):
    sessions = manifest.of_table("bars", "SIM_ES", "2025-01-03")
    read = Manifest.query_fingerprint(sessions)
    manifest.put(
        record("volatility_forecast", "SIM_ES", "v", inputs=(("bars", "SIM_ES|<=2025-01-03", read),))
    )
    links = by_id(chain(manifest, "volatility_forecast", "SIM_ES"))
    assert links[f"bars {EVE}"].state == CURRENT
    assert f"bars {DAY}" not in links
    manifest.put(record("bars", "SIM_ES|2025-01-02", "new"))
    assert by_id(chain(manifest, "volatility_forecast", "SIM_ES"))[f"bars {EVE}"].state == REBUILT


def test_trading_tables_are_followed_for_one_instrument_only(manifest):
    manifest.put(record("raw_signals", "SIM_NQ|2025-01-06", "nq"))
    manifest.put(record("narratives", "2025-01-06", "n"))
    manifest.put(record("risk_parameters", "SIM_NQ", "risk"))
    inputs = (
        ("raw_signals", DAY, "rs"), ("raw_signals", "SIM_NQ|2025-01-06", "nq"),
        ("narratives", "2025-01-06", "n"), ("risk_parameters", "SIM_NQ", "risk"),
    )  # fmt: skip
    manifest.put(record("signals", "2025-01-06", "s", inputs=inputs))
    one = by_id(chain(manifest, "signals", "2025-01-06"))
    assert "narratives 2025-01-06" in one
    assert not any("SIM_NQ" in name for name in one)
    every = by_id(chain(manifest, "signals", "2025-01-06", instrument=None))
    assert {"raw_signals SIM_NQ|2025-01-06", "risk_parameters SIM_NQ"} <= set(every)


def test_analysis_across_instruments_is_followed_to_all_of_them(manifest):
    other = "SIM_NQ|2025-01-06"
    manifest.put(record("bars", other, "nq"))
    manifest.put(
        record("correlations", "2025-01-06", "c", inputs=(("bars", DAY, "b" + DAY), ("bars", other, "nq")))
    )
    assert f"bars {other}" in by_id(chain(manifest, "correlations", "2025-01-06"))


def test_verify_hashes_the_bytes_again(tmp_path):
    file = tmp_path / "ES.scid"
    file.write_bytes(bytes(range(100)))
    good = hashlib.blake2b(bytes(range(10, 20)), digest_size=16).hexdigest()
    links = [
        Link("source", "ES.scid", good, f"{file} bytes 10-20"),
        Link("source", "ES.scid", good, f"{file} bytes 11-21"),
        Link("source", "gone", good, f"{tmp_path / 'gone'} bytes 10-20"),
        Link("source", "inbox", good, f"{tmp_path} published in 2025-01-06"),
        Link("table", "bars", "f", "lake/bars"),
    ]
    assert [link.state for link in verify(links)] == [SAME_BYTES, OTHER_BYTES, OTHER_BYTES, CURRENT, CURRENT]


def test_a_start_that_another_start_read_differently_is_told(manifest):
    manifest.put(record("bars", DAY, "other"))
    starts = [manifest.get(table, PartitionKey.parse(DAY)) for table in ("raw_signals", "bars")]
    links = walk(starts, manifest, instrument="SIM_ES", path_of=str)
    bars = {link.fingerprint: link.state for link in links if link.id == f"bars {DAY}"}
    assert bars["other"] == CURRENT
    assert bars["b" + DAY].startswith(SUPERSEDED)
