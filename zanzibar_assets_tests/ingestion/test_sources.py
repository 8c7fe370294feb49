"""Which files feed which instrument, and which record belongs to which session."""

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.calendars import session_at
from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import formats, sources
from zanzibar_assets.ingestion.rolls import contract_of, expiry_of
from zanzibar_assets.ingestion.sources import (
    find_sources,
    front_contract,
    scan_sources,
    select_slices,
    session_slices,
    slice_fingerprint,
    symbol_of,
)
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.sierra import depth, trade, us, write_depth, write_scid

KNOWN = load_instruments()
ES, GC, BTC, SIM = KNOWN["ES"], KNOWN["GC"], KNOWN["BTCUSDT"], KNOWN["SIM_ES"]


def tick(stamp):
    return trade(stamp, 100.0, 100.0, 100.25)


def spans(folder, instrument):
    (file,) = find_sources(folder, [instrument])
    return [(part.session, part.first_record, part.last_record) for part in session_slices(file, instrument)]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("ESH24-CME.scid", "ESH24-CME"),
        ("NQU6.CME.2026-05-01.depth", "NQU6.CME"),
        ("ESM18.dly_BarData.txt", "ESM18"),
        ("ESH24-CME.scid_BarData-1m.txt", "ESH24-CME"),
        ("F.US.EPZ20.scid", "F.US.EPZ20"),
    ],
)
def test_symbol_of_a_file_name(tmp_path, name, symbol):
    assert symbol_of(tmp_path / name) == symbol


def test_files_are_found_in_both_folders_and_others_are_reported(tmp_path):
    (tmp_path / "MarketDepthData").mkdir()
    write_scid(tmp_path / "ESH24-CME.scid", tick("2024-01-03T15:00:00"))
    write_scid(tmp_path / "CLH24-NYMEX.scid", tick("2024-01-03T15:00:00"))
    write_depth(
        tmp_path / "MarketDepthData" / "ESH24-CME.2024-01-03.depth", depth("2024-01-03T15:00:00", 1, flags=1)
    )
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "ESM24-CME.scid").touch()  # created by Sierra, header not yet flushed
    scan = scan_sources(tmp_path, [ES, GC])
    assert [(f.kind, f.symbol, f.contract, f.records) for f in scan.files] == [
        ("depth", "ESH24-CME", "H24", 1),
        ("scid", "ESH24-CME", "H24", 1),
    ]
    assert [path.name for path in scan.ignored] == ["CLH24-NYMEX.scid"]


def test_simulated_and_real_files_do_not_mix(tmp_path):
    made = formats.pack_scid_header(simulated=True)
    write_scid(tmp_path / "ESH24-CME.scid", tick("2024-01-03T15:00:00"), header=made)
    with pytest.raises(SourceError, match=r"may not feed ES.*got: a simulated file"):
        find_sources(tmp_path, [ES])
    (tmp_path / "ESH24-CME.scid").unlink()
    write_scid(tmp_path / "ESH24-SIM.scid", tick("2024-01-03T15:00:00"))
    with pytest.raises(SourceError, match=r"may not feed SIM_ES.*got: a real file"):
        find_sources(tmp_path, [SIM])
    write_scid(tmp_path / "ESH24-SIM.scid", tick("2024-01-03T15:00:00"), header=made)
    assert [file.simulated for file in find_sources(tmp_path, [SIM])] == [True]


def test_a_file_that_lies_twice_is_refused(tmp_path):
    other = tmp_path / "depth"
    other.mkdir()
    for folder in (tmp_path, other):
        write_depth(folder / "ESH24-CME.2024-01-03.depth", depth("2024-01-03T15:00:00", 1, flags=1))
    with pytest.raises(SourceError, match="there twice"):
        find_sources(tmp_path, [ES], other)
    assert len(find_sources(tmp_path, [ES], tmp_path)) == 1


def test_missing_folder_and_wrong_content_are_errors(tmp_path):
    with pytest.raises(SourceError, match="no folder"):
        find_sources(tmp_path / "none", [ES])
    write_depth(tmp_path / "ESH24-CME.scid", depth("2024-01-03T15:00:00", 1))
    with pytest.raises(SourceError, match="another format than its name says"):
        find_sources(tmp_path, [ES])


def test_a_session_crosses_utc_midnight_and_owns_its_pre_open(tmp_path):
    # CME in winter: a session ends at 23:00 UTC. Friday's close to Sunday's open belongs to Monday.
    write_scid(
        tmp_path / "ESH24-CME.scid",
        tick("2024-01-03T22:59:59.999999"), tick("2024-01-03T23:00:00"), tick("2024-01-04T00:00:00"),
        tick("2024-01-04T21:59:00"), tick("2024-01-05T23:00:00"), tick("2024-01-07T22:45:00"),
        tick("2024-01-07T23:00:00"),
    )  # fmt: skip
    assert spans(tmp_path, ES) == [("2024-01-03", 0, 1), ("2024-01-04", 1, 4), ("2024-01-08", 4, 7)]


def test_summer_sessions_change_an_hour_earlier_in_utc(tmp_path):
    write_scid(tmp_path / "ESU24-CME.scid", tick("2024-07-10T21:59:59"), tick("2024-07-10T22:00:00"))
    assert spans(tmp_path, ES) == [("2024-07-10", 0, 1), ("2024-07-11", 1, 2)]


def test_crypto_sessions_are_utc_days(tmp_path):
    write_scid(
        tmp_path / "BTCUSDT_PERP_BINANCE.scid",
        tick("2024-08-08T23:59:59.999999"),
        tick("2024-08-09T00:00:00"),
    )
    assert spans(tmp_path, BTC) == [("2024-08-08", 0, 1), ("2024-08-09", 1, 2)]


def test_stamps_out_of_order_give_a_session_several_ranges(tmp_path):
    days = ["08", "09", "08", "09", "09"]
    write_scid(tmp_path / "BTCUSDT_PERP_BINANCE.scid", *(tick(f"2024-08-{day}T12:00:00") for day in days))
    assert spans(tmp_path, BTC) == [
        ("2024-08-08", 0, 1),
        ("2024-08-09", 1, 2),
        ("2024-08-08", 2, 3),
        ("2024-08-09", 3, 5),
    ]


def test_impossible_stamps_go_with_their_predecessor(tmp_path):
    write_scid(
        tmp_path / "BTCUSDT_PERP_BINANCE.scid",
        tick(0),
        tick("2024-08-08T12:00:00"),
        tick(5),
        tick("2024-08-09T12:00:00"),
        tick(0),
    )
    assert spans(tmp_path, BTC) == [("2024-08-08", 0, 3), ("2024-08-09", 3, 5)]


def test_a_file_without_one_true_stamp_has_no_session(tmp_path):
    write_scid(tmp_path / "BTCUSDT_PERP_BINANCE.scid", tick(0), tick(-7))
    assert spans(tmp_path, BTC) == []


stamp_lists = st.lists(
    st.one_of(st.integers(us("2024-08-01T00:00:00"), us("2024-08-06T00:00:00")), st.just(-1)), max_size=40
)


@given(stamp_lists, st.integers(1, 7))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_every_record_is_in_exactly_one_slice_and_in_its_session(tmp_path_factory, stamps, chunk):
    folder = tmp_path_factory.mktemp("s")
    write_scid(
        folder / "BTCUSDT_PERP_BINANCE.scid",
        *(tick(s + formats.SC_UNIX_OFFSET_US if s >= 0 else 0) for s in stamps),
    )
    (file,) = find_sources(folder, [BTC])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zanzibar_assets.ingestion.slices.INDEX_CHUNK_RECORDS", chunk)
        parts = session_slices(file, BTC)
    if not any(s >= 0 for s in stamps):
        assert parts == []
        return
    assert [i for part in parts for i in range(part.first_record, part.last_record)] == list(
        range(len(stamps))
    )
    current = next(session_at(BTC, s) for s in stamps if s >= 0)
    for i, stamp in enumerate(stamps):
        current = session_at(BTC, stamp) if stamp >= 0 else current
        assert next(p.session for p in parts if p.first_record <= i < p.last_record) == current
    assert all(a.session != b.session for a, b in itertools.pairwise(parts))


def test_fingerprint_covers_exactly_the_slice(tmp_path):
    records = [tick("2024-08-08T12:00:00"), tick("2024-08-09T12:00:00"), tick("2024-08-10T12:00:00")]
    path = write_scid(tmp_path / "BTCUSDT_PERP_BINANCE.scid", *records)
    (file,) = find_sources(tmp_path, [BTC])
    middle = session_slices(file, BTC)[1]
    assert (middle.first_byte, middle.end_byte) == (96, 136)
    assert slice_fingerprint(middle) == hashlib.blake2b(records[1], digest_size=16).hexdigest()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SourceError, match="was cut"):
        slice_fingerprint(middle)


def test_a_rewritten_file_is_another_source(tmp_path):
    write_scid(tmp_path / "BTCUSDT_PERP_BINANCE.scid", tick("2024-08-08T12:00:00"))
    (before,) = find_sources(tmp_path, [BTC])
    write_scid(
        tmp_path / "BTCUSDT_PERP_BINANCE.scid", tick("2024-08-08T12:00:00"), tick("2024-08-09T12:00:00")
    )
    (after,) = find_sources(tmp_path, [BTC])
    assert before != after
    assert [len(session_slices(file, BTC)) for file in (before, after)] == [1, 2]


@pytest.mark.parametrize(
    ("session", "front"),
    [
        ("2023-12-06", "Z23"),  # expiry Friday 15 December, roll eight days before: Thursday the 7th
        ("2023-12-07", "H24"),
        ("2024-03-06", "H24"),
        ("2024-03-07", "M24"),
        ("2024-12-20", "H25"),
    ],
)
def test_front_contract_of_an_index_future(session, front):
    assert front_contract(ES, session) == front


def test_front_contract_of_gold_and_of_a_perpetual():
    assert expiry_of("Z", 2013, GC).isoformat() == "2013-12-27"
    assert front_contract(GC, "2013-10-08") == "Z13"
    assert front_contract(GC, "2013-11-29") == "G14"
    assert front_contract(BTC, "2024-08-08") is None


def test_contract_code_of_a_symbol():
    assert contract_of("ESH24-CME", ES, None) == "H24"
    nq = KNOWN["NQ"]
    assert contract_of("NQU6.CME", nq, us("2026-05-01T00:00:00")) == "U26"
    assert contract_of("NQH6.CME", nq, us("2026-05-01T00:00:00")) == "H36"  # H26 has expired by then
    assert contract_of("NQU6.CME", nq, None) is None
    assert contract_of("BTCUSDT_PERP_BINANCE", BTC, None) is None


def test_the_front_contract_is_chosen_and_the_rest_named(tmp_path):
    for symbol in ("ESH24-CME", "ESM24-CME"):
        write_scid(tmp_path / f"{symbol}.scid", tick("2024-03-06T15:00:00"), tick("2024-03-08T15:00:00"))
    files = find_sources(tmp_path, [ES])
    before, after = (select_slices(files, ES, session) for session in ("2024-03-06", "2024-03-08"))
    assert (before.contract, after.contract) == ("H24", "M24")
    assert [part.file.symbol for part in after.ticks] == ["ESM24-CME"]
    assert (after.passed_over, after.reason) == (("H24",), "")


def test_the_only_contract_is_taken_and_said(tmp_path):
    write_scid(tmp_path / "ESZ24-CME.scid", tick("2024-03-06T15:00:00"))
    files = find_sources(tmp_path, [ES])
    chosen = select_slices(files, ES, "2024-03-06")
    assert chosen.contract == "Z24"
    assert "H24 has no file" in chosen.reason
    write_scid(tmp_path / "ESU24-CME.scid", tick("2024-03-06T15:00:00"))
    nothing = select_slices(find_sources(tmp_path, [ES]), ES, "2024-03-06")
    assert (nothing.ticks, nothing.contract) == ((), None)
    assert "none is the front one" in nothing.reason
    assert "no source file" in select_slices(files, ES, "2024-03-07").reason


def test_two_symbols_of_one_contract_are_refused(tmp_path):
    nq = KNOWN["NQ"]
    write_scid(tmp_path / "NQH24-CME.scid", tick("2024-01-03T15:00:00"))
    write_scid(tmp_path / "NQH4.CME.scid", tick("2024-01-03T15:00:00"))
    with pytest.raises(SourceError, match="several symbols"):
        select_slices(find_sources(tmp_path, [nq]), nq, "2024-01-03")


def test_depth_of_a_session_spans_two_day_files_in_time_order(tmp_path):
    write_depth(
        tmp_path / "ESH24-CME.2024-01-03.depth",
        depth("2024-01-03T21:00:00", 1, flags=1),
        depth("2024-01-03T23:30:00", 1, flags=1),
    )
    write_depth(
        tmp_path / "ESH24-CME.2024-01-04.depth",
        depth("2024-01-04T00:00:00", 1, flags=1),
        depth("2024-01-04T23:00:00", 1, flags=1),
    )
    chosen = select_slices(find_sources(tmp_path, [ES]), ES, "2024-01-04")
    assert [(part.file.path.name[10:20], part.first_record, part.last_record) for part in chosen.depth] == [
        ("2024-01-03", 1, 2),
        ("2024-01-04", 0, 1),
    ]


def test_entry_points_live_in_sources():
    assert set(sources.__all__) >= {"find_sources", "session_slices", "slice_fingerprint", "front_contract"}
