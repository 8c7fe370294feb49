"""The folder as a whole: bytes, prefixes, manifest, rolls."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from zanzibar_assets.calendars import session_at, session_window, sessions_between
from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.formats import map_records, pack_scid_header, read_header, unix_stamps
from zanzibar_assets.simulator.build import plan_sessions, simulate
from zanzibar_assets.simulator.options import SimulatorOptions

SMALL = SimulatorOptions(trades_per_session=300)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_one_seed_one_folder(tmp_path, known):
    chosen = [known["SIM_NQ"], known["SIM_BTC"]]
    simulate(tmp_path / "a", chosen, 2, 5, SMALL)
    simulate(tmp_path / "b", chosen, 2, 5, SMALL)
    simulate(tmp_path / "c", chosen, 2, 6, SMALL)
    one, same, other = (_bytes(tmp_path / name) for name in "abc")
    assert one == same
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


def test_more_sessions_only_append(tmp_path, known):
    chosen = [known["SIM_ES"], known["SIM_BTC"]]
    simulate(tmp_path / "short", chosen, 3, 5, SMALL)
    simulate(tmp_path / "long", chosen, 6, 5, SMALL)
    short, long = _bytes(tmp_path / "short"), _bytes(tmp_path / "long")
    del short["SIMULATED.json"]
    assert all(long[name].startswith(content) for name, content in short.items())
    assert len(long["ESH25-SIM.scid"]) > len(short["ESH25-SIM.scid"])


def test_an_instrument_does_not_depend_on_its_company(tmp_path, known):
    simulate(tmp_path / "alone", [known["SIM_NQ"]], ["2025-01-07"], 5, SMALL)
    simulate(tmp_path / "both", [known["SIM_ES"], known["SIM_NQ"]], ["2025-01-07"], 5, SMALL)
    alone, both = _bytes(tmp_path / "alone"), _bytes(tmp_path / "both")
    assert alone["NQH25-SIM.scid"] == both["NQH25-SIM.scid"]


def test_a_session_is_the_same_alone_and_in_a_row(tmp_path, known):
    row = simulate(tmp_path / "row", [known["SIM_BTC"]], 3, 5, SMALL)
    simulate(tmp_path / "alone", [known["SIM_BTC"]], [row.sessions[2]], 5, SMALL)
    name = f"MarketDepthData/BTCUSDT_PERP_SIM.{row.sessions[2]}.depth"
    assert _bytes(tmp_path / "row")[name] == _bytes(tmp_path / "alone")[name]
    whole, last = (_bytes(tmp_path / f)["BTCUSDT_PERP_SIM.scid"] for f in ("row", "alone"))
    assert whole.endswith(last[56:])


def test_headers_by_struct(market):
    out, _ = market
    scid = (out / "ESH25-SIM.scid").read_bytes()
    magic, header, record, version, unused, start, reserve = struct.unpack_from("<4sIIHHI36s", scid)
    assert (magic, header, record, version, unused, start) == (b"SCID", 56, 40, 1, 0, 0)
    assert reserve.startswith(b"ZANZIBAR-SIMULATED")
    assert (len(scid) - 56) % 40 == 0
    for path in out.glob("MarketDepthData/*.depth"):
        depth = path.read_bytes()
        assert struct.unpack_from("<4sIII", depth) == (b"SCDD", 64, 24, 1)
        assert depth[16:64].startswith(b"ZANZIBAR-SIMULATED")
        assert (len(depth) - 64) % 24 == 0
        assert depth[64 + 8] == 1  # every file begins with CLEAR_BOOK


def test_records_lie_in_sessions_that_were_made_and_never_in_a_break(market, known):
    out, result = market
    for symbol, name in (("ESH25-SIM", "SIM_ES"), ("BTCUSDT_PERP_SIM", "SIM_BTC")):
        path = out / f"{symbol}.scid"
        stamps, valid = unix_stamps(map_records(path, read_header(path))["stamp"])
        assert valid.all()
        assert (np.diff(stamps) > 0).all()
        sessions = {session_at(known[name], int(stamp)) for stamp in stamps[::50]}
        assert sessions == set(result.sessions)
        for session in result.sessions:
            window = session_window(known[name], session)
            mine = stamps[(stamps >= window.starts_us) & (stamps < window.close_us)]
            assert set(np.unique(window.states(mine))) == {"open"}


def test_volume_is_bid_plus_ask_plus_what_has_no_side(market):
    out, _ = market
    path = out / "BTCUSDT_PERP_SIM.scid"
    records = map_records(path, read_header(path))
    sided = records["bid_volume"].astype(np.int64) + records["ask_volume"]
    assert (sided[sided > 0] == records["volume"][sided > 0]).all()
    neither = records[sided == 0]
    assert 0 < len(neither) < 0.02 * len(records)
    assert ((neither["low"] < neither["close"]) & (neither["close"] < neither["high"])).all()


def test_prices_are_on_the_tick_grid(market, known):
    out, _ = market
    for symbol, name in (("ESH25-SIM", "SIM_ES"), ("BTCUSDT_PERP_SIM", "SIM_BTC")):
        path = out / f"{symbol}.scid"
        ticks = map_records(path, read_header(path))["close"].astype(float) / known[name].tick_size
        assert np.abs(ticks - np.rint(ticks)).max() < 0.05


def test_a_roll_goes_to_the_next_contracts_file_at_a_higher_price(tmp_path, known):
    sessions = sessions_between(known["SIM_ES"], "2025-03-11", "2025-03-14")
    options = SimulatorOptions(trades_per_session=300, roll_basis_bps=500.0)
    result = simulate(tmp_path, [known["SIM_ES"]], sessions, 5, options)
    assert [truth.contract for truth in result.truth] == ["H25", "H25", "M25", "M25"]
    closes = {}
    for symbol in ("ESH25-SIM", "ESM25-SIM"):
        path = tmp_path / f"{symbol}.scid"
        closes[symbol] = map_records(path, read_header(path))["close"].astype(float)
    assert closes["ESM25-SIM"][0] / closes["ESH25-SIM"][-1] == pytest.approx(1.05, abs=0.02)


def test_the_manifest_describes_the_folder(market):
    out, result = market
    manifest = json.loads((out / "SIMULATED.json").read_text(encoding="utf-8"))
    assert manifest["simulated"] is True
    assert manifest["complete"] is True
    assert manifest["seed"] == 11
    assert manifest["options"]["signal_strength"] == 0.1
    listed = {entry["path"]: entry for entry in manifest["files"]}
    on_disk = set(_bytes(out)) - {"SIMULATED.json"}
    assert set(listed) == on_disk
    for name, entry in listed.items():
        content = (out / name).read_bytes()
        assert entry["blake2b"] == hashlib.blake2b(content, digest_size=16).hexdigest()
    total = sum(file.records for file in result.files if file.path.suffix == ".scid")
    assert total == sum(len((out / n).read_bytes()) // 40 - 1 for n in on_disk if n.endswith(".scid"))


def test_truth_of_the_market_is_beside_it(market):
    out, result = market
    rows = [json.loads(line) for line in (out / "market_truth.jsonl").read_text().splitlines()]
    assert {(row["session"], row["instrument"]) for row in rows} == {
        (truth.session, truth.instrument) for truth in result.truth
    }
    assert all(row["simulated"] and row["regimes"] for row in rows)
    assert rows == sorted(rows, key=lambda row: (row["session"], row["instrument"]))


def test_making_it_again_replaces_an_earlier_simulation(tmp_path, known):
    simulate(tmp_path, [known["SIM_NQ"]], 2, 5, SMALL)
    simulate(tmp_path, [known["SIM_BTC"]], 1, 5, SMALL)
    names = set(_bytes(tmp_path))
    assert "BTCUSDT_PERP_SIM.scid" in names
    assert not any(name.startswith("NQ") for name in names)


@pytest.mark.parametrize("marked", [False, True])
def test_files_of_another_origin_are_never_touched(tmp_path, known, marked):
    precious = tmp_path / "ESH24-CME.scid"
    precious.write_bytes(pack_scid_header() + bytes(40))
    if marked:
        (tmp_path / "SIMULATED.json").write_text("{}")
    with pytest.raises(UsageError, match=r"did not write.*ESH24-CME"):
        simulate(tmp_path, [known["SIM_ES"]], 1, 5, SMALL)
    assert precious.read_bytes() == pack_scid_header() + bytes(40)


def test_a_neighbours_narratives_stay(tmp_path, known):
    simulate(tmp_path, [known["SIM_BTC"]], 1, 5, SMALL)
    own = tmp_path / "inbox" / "own.jsonl"
    own.write_text("{}\n")
    result = simulate(tmp_path, [known["SIM_BTC"]], 1, 5, SMALL)
    assert own.read_text() == "{}\n"
    assert own not in {file.path for file in result.files}


@pytest.mark.parametrize(
    ("sessions", "first", "match"),
    [
        (0, None, "no sessions"),
        ([], None, "no sessions"),
        (["2025-01-11"], None, "not sessions"),
        (["2025-01-07"], "2025-02-03", "not sessions"),
        (["yesterday"], None, "no date"),
    ],
)
def test_impossible_sessions_are_refused(known, sessions, first, match):
    with pytest.raises(UsageError, match=match):
        plan_sessions([known["SIM_ES"]], sessions, first)


def test_real_instruments_are_refused(known):
    with pytest.raises(UsageError, match="cannot be simulated"):
        plan_sessions([known["ES"]], 1, None)


def test_a_list_that_begins_earlier_starts_its_own_chain(known):
    assert plan_sessions([known["SIM_ES"]], ["2024-06-03"], None) == (["2024-06-03"], "2024-06-03")
    assert plan_sessions([known["SIM_ES"]], ["2025-02-03"], None)[1] == "2025-01-06"
