"""Slices read once: hashes of what was decoded, growth told from correction by content."""

import hashlib
from dataclasses import replace

import pytest

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion import reading, scid
from zanzibar_assets.ingestion.sources import find_sources, select_slices, session_slices
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.sierra import DEPTH_HEADER, record, trade, us, write_scid

KNOWN = load_instruments()
ES, BARS = KNOWN["ES"], KNOWN["BTCPERP"]


def tick(second, price=100.0):
    return trade(f"2024-01-03T15:00:{second:02d}", price, 100.0, 100.25)


def one_slice(folder, *records):
    write_scid(folder / "ESH24-CME.scid", *records)
    (file,) = find_sources(folder, [ES])
    (part,) = session_slices(file, ES)
    return part


def read(part, earlier=()):
    taken = reading.open_slices([part], earlier)
    frame = scid.read_tick_bytes(taken, ES)
    return frame, taken


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_what_is_decoded_is_what_is_hashed(tmp_path, chunk, monkeypatch):
    monkeypatch.setattr("zanzibar_assets.ingestion.reading.READ_RECORDS", chunk)
    records = [tick(i, 100.0 + i) for i in range(7)]
    frame, (piece,) = read(one_slice(tmp_path, *records))
    assert frame["price"].to_list() == [100.0 + i for i in range(7)]
    whole = hashlib.blake2b(b"".join(records), digest_size=16).hexdigest()
    assert piece.range == reading.ReadRange("ESH24-CME.scid", 56, 56 + 280, whole)


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
@pytest.mark.parametrize("before", range(1, 7))
def test_growth_is_verified_by_the_bytes_read_before(tmp_path, chunk, before, monkeypatch):
    monkeypatch.setattr("zanzibar_assets.ingestion.reading.READ_RECORDS", chunk)
    records = [tick(i) for i in range(7)]
    _, (first,) = read(one_slice(tmp_path, *records[:before]))
    earlier = [first.range]
    _, now = read(one_slice(tmp_path, *records), earlier)
    expected = (None, False) if before == 7 else (f"grown: {40 * (7 - before)} bytes", False)
    found = reading.growth(earlier, now)
    assert found is not None
    assert found.text.startswith(str(expected[0]))
    assert not found.corrected
    _, corrected = read(one_slice(tmp_path, tick(0, 99.0), *records[1:]), earlier)
    found = reading.growth(earlier, corrected)
    assert found is not None
    assert found.corrected
    assert (
        found.text
        == f"rewritten: bytes 56-{56 + 40 * before} of ESH24-CME.scid are other ones now; read whole"
    )


def test_nothing_to_say_of_the_same_bytes_or_of_a_first_build(tmp_path):
    _, taken = read(one_slice(tmp_path, tick(0)))
    assert reading.growth([], taken) is None
    assert reading.growth([taken[0].range], taken) is None


def test_fewer_bytes_or_none_are_a_correction(tmp_path):
    _, (first,) = read(one_slice(tmp_path, tick(0), tick(1)))
    _, fewer = read(one_slice(tmp_path, tick(0)), [first.range])
    for taken in (fewer, []):
        found = reading.growth([first.range], taken)
        assert found is not None
        assert found.corrected
        assert found.text.startswith("truncated: bytes 56-136 of ESH24-CME.scid are not all there")


def test_a_file_that_is_cut_or_replaced_under_the_reader_is_an_error(tmp_path):
    part = one_slice(tmp_path, tick(0), tick(1))
    path = part.file.path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SourceError, match="was cut while it was read"):
        read(part)
    path.write_bytes(DEPTH_HEADER + bytes(240))
    with pytest.raises(SourceError, match="was replaced while it was read"):
        read(part)
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        read(part)


def bar(minute):
    return record(f"2024-08-08T15:{minute:02d}:00", 100.0, 102.0, 99.0, 101.0, 3, 5, 2, 3)


@pytest.mark.parametrize(
    ("now", "rows"),
    [("2024-08-08T15:01:30", 1), ("2024-08-09T00:00:59", 1), ("2024-08-09T00:01:00", 2)],
)
def test_a_bar_that_can_still_change_is_in_no_partition(tmp_path, now, rows):
    """Until a minute after the close of its session, or until another bar follows it."""
    path = write_scid(tmp_path / "BTCPERP-1M.scid", bar(0), bar(1))
    chosen = select_slices(find_sources(tmp_path, [BARS]), BARS, "2024-08-08", us(now))
    assert scid.read_ticks(chosen.ticks, BARS).height == rows
    write_scid(path, bar(0), bar(1), bar(2))
    chosen = select_slices(find_sources(tmp_path, [BARS]), BARS, "2024-08-08", us("2024-08-08T15:02:30"))
    assert scid.read_ticks(chosen.ticks, BARS).height == 2


def test_ticks_are_never_held_back(tmp_path):
    write_scid(tmp_path / "ESH24-CME.scid", tick(0), tick(1))
    chosen = select_slices(find_sources(tmp_path, [ES]), ES, "2024-01-03", us("2024-01-03T15:00:01"))
    assert [part.records for part in chosen.ticks] == [2]


def test_the_only_bar_of_a_running_session_gives_no_slice(tmp_path):
    write_scid(tmp_path / "BTCPERP-1M.scid", bar(0))
    files = find_sources(tmp_path, [BARS])
    assert select_slices(files, BARS, "2024-08-08", us("2024-08-08T15:00:30")).ticks == ()
    assert replace(files[0], records=0).header.records == 0
