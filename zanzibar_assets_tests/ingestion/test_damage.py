"""Damaged files: no crash, no hang, and never a record that is neither kept nor put aside."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.calendars import session_window
from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.errors import SourceError, ZanzibarError
from zanzibar_assets.ingestion import formats, scid
from zanzibar_assets.ingestion.book import Book
from zanzibar_assets.ingestion.book_frames import ReplayTally, replay_file
from zanzibar_assets.ingestion.cleaned import layouts_of
from zanzibar_assets.ingestion.cleaning import clean_ticks
from zanzibar_assets.ingestion.cleaning_dom import clean_dom
from zanzibar_assets.ingestion.depth import read_depth
from zanzibar_assets.ingestion.sources import find_sources, session_slices
from zanzibar_assets.ingestion.text import iter_text_chunks, zone_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.benchmarks import fuzz
from zanzibar_assets_tests.builders.sierra import (
    DEPTH_HEADER,
    FIRST_BITS,
    LAST_BITS,
    SCID_HEADER,
    depth,
    record,
    sc_us,
    sub,
    trade,
)
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data

BTC = load_instruments()["BTCUSDT"]
T0 = sc_us("2024-08-08T12:00:00")
TICKS = SCID_HEADER + b"".join(
    kind
    for n in range(0, 60, 6)
    for kind in (
        trade(T0 + n, 61800.3, 61800.2, 61800.3), sub(FIRST_BITS, T0 + n + 1, 61800.5),
        trade(T0 + n + 2, 61800.5, 61800.2, 61800.3), sub(LAST_BITS, T0 + n + 3, 61800.5),
        record(T0 + n + 4, 61800.0, 61801.0, 61799.0, 61800.5, 30, 50, 20, 30),
        record(T0 + n + 5, 0.0, 61800.3, 61800.2, 61800.3, 1, 0),
    )
)  # fmt: skip
DEPTH = DEPTH_HEADER + b"".join(
    [depth(T0, 1), depth(T0, 2, 61800.2, 5), depth(T0, 3, 61800.3, 5, flags=1)]
    + [depth(T0 + n, 2 + n % 6, 61800.0 + n % 7 / 10, n % 4, flags=n % 3 > 0) for n in range(60)]
)
damage = st.tuples(
    st.lists(st.tuples(st.integers(0, 2_500), st.integers(1, 255)), max_size=25), st.integers(0, 60)
)


def damaged(content, hurt):
    flips, cut = hurt
    body = bytearray(content)
    for position, mask in flips:
        body[position % len(body)] ^= mask
    return bytes(body[: len(body) - cut])


def check_ticks(path):
    """Every whole record of the file ends in exactly one clean or quarantined row."""
    (file,) = find_sources(path.parent, [BTC])
    parts = session_slices(file, BTC)
    for day in {part.session for part in parts}:
        mine = [part for part in parts if part.session == day]
        raw = scid.read_ticks(mine, BTC)
        done = clean_ticks(raw, BTC, session_window(BTC, day), layouts=layouts_of(mine))
        assert breaches("raw_ticks", raw) + breaches("clean_ticks", done.clean) == []
        assert breaches("quarantine_ticks", done.quarantine) == []
        found = sorted(done.clean["seq"].to_list() + done.quarantine["seq"].to_list())
        assert (
            found == [i for part in mine for i in range(part.first_record, part.last_record)] or len(mine) > 1
        )
        assert len(found) == sum(part.records for part in mine)
    if parts:
        assert sum(part.records for part in parts) == file.records


def check_depth(path):
    """Raw keeps every record; replay and cleaning end and account for all of them."""
    (file,) = find_sources(path.parent, [BTC])
    parts = session_slices(file, BTC)
    for day in {part.session for part in parts}:
        raw = read_depth([part for part in parts if part.session == day], BTC)
        done = clean_dom(raw, BTC, session_window(BTC, day))
        assert breaches("raw_depth", raw) + breaches("clean_dom", done.clean) == []
        assert done.counts["records"] == raw.height
        assert done.quarantine.height == done.counts["quarantined"]
    book, tally = Book(5), ReplayTally()
    frames = list(replay_file(path, scid.scale_of(file.symbol, BTC), book, tally))
    assert tally.records == file.records
    assert sum(frame.height for frame in frames) <= book.count("BATCHES")


def refusal(check, path):
    """The error with which a file is refused as a whole; None when it was read."""
    try:
        check(path)
    except SourceError as error:
        return str(error)
    return None


@given(damage)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_damaged_ticks(tmp_path_factory, hurt):
    path = tmp_path_factory.mktemp("d") / "BTCUSDT_PERP_BINANCE.scid"
    path.write_bytes(damaged(TICKS, hurt) or b"S")
    assert path.name in (refusal(check_ticks, path) or path.name)


@given(damage)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_damaged_depth(tmp_path_factory, hurt):
    path = tmp_path_factory.mktemp("d") / "BTCUSDT_PERP_BINANCE.2024-08-08.depth"
    path.write_bytes(damaged(DEPTH, hurt) or b"S")
    assert path.name in (refusal(check_depth, path) or path.name)


@given(st.text(alphabet="0159/:,. \n-x\0é", max_size=400))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_noise_lines_stay_rows(tmp_path_factory, noise):
    path = tmp_path_factory.mktemp("d") / "X.txt"
    head = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
    path.write_bytes((head + noise).encode())
    frames = list(iter_text_chunks(path, zone_of("America/Chicago"), scid.Scale("X"), chunk_bytes=50))
    assert sum(frame.height for frame in frames) == sum(bool(line.strip()) for line in noise.split("\n"))


@needs_real_data
@pytest.mark.parametrize(
    ("name", "check", "records"),
    [
        ("BTCUSDT_PERP_BINANCE.scid", check_ticks, 1_500),
        ("BTCUSDT_PERP_BINANCE.2024-08-08.depth", check_depth, 4_000),
    ],
)
def test_real_files_under_flipped_bytes_and_cuts(tmp_path, name, check, records):
    header = formats.read_header(FOLDER / name)
    with (FOLDER / name).open("rb") as file:
        content = file.read(header.header_bytes + records * header.record_bytes)
    random = np.random.default_rng(11)
    for _ in range(4):
        body = np.frombuffer(content, dtype=np.uint8).copy()
        hit = random.integers(0, len(body), size=200)
        body[hit] ^= random.integers(1, 256, size=200).astype(np.uint8)
        body[: header.header_bytes] = np.frombuffer(content, dtype=np.uint8)[: header.header_bytes]
        (tmp_path / name).write_bytes(body[: len(body) - int(random.integers(0, 99))].tobytes())
        check(tmp_path / name)


@needs_real_data
def test_every_real_file_under_damage_is_decoded_or_refused_with_a_reason(tmp_path):
    outcomes = Counter()
    for source in sorted(p for p in FOLDER.iterdir() if p.suffix in (".scid", ".depth", ".txt")):
        content = source.read_bytes()
        for round_ in range(3):
            dice = np.random.default_rng([round_, len(content)])
            piece, header_bytes = fuzz.window(content, source, dice)
            (tmp_path / source.name).write_bytes(fuzz.damaged(piece, header_bytes, round_, dice)[0])
            try:
                fuzz.check(tmp_path / source.name, tmp_path / "out.parquet", outcomes)
            except ZanzibarError as error:
                assert str(error)  # noqa: PT017 - either way is right, but never without a word
    assert outcomes["tick records"] == outcomes["tick rows"] + outcomes["tick rows quarantined"] > 0


def test_a_flipped_stamp_never_moves_its_neighbours(tmp_path):
    path = tmp_path / "BTCUSDT_PERP_BINANCE.scid"
    body = bytearray(TICKS)
    body[56 + 40 * 3 + 6] ^= 0xFF
    path.write_bytes(body)
    (file,) = find_sources(tmp_path, [BTC])
    (part,) = session_slices(file, BTC)
    raw = scid.read_ticks([part], BTC)
    assert raw.filter(pl.col("defect") == "impossible_stamp")["seq"].to_list() == [3]
    assert clean_ticks(raw, BTC, session_window(BTC, part.session)).clean.height == raw.height - 1
