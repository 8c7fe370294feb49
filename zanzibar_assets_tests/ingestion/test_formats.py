"""Headers and stamps, against bytes made by hand."""

import struct

import numpy as np
import pytest

from zanzibar_assets.errors import FormatError, SourceError
from zanzibar_assets.ingestion import formats
from zanzibar_assets_tests.builders.sierra import (
    DEPTH_HEADER,
    SCID_HEADER,
    sc_days,
    sc_us,
    trade,
    us,
    write_depth,
    write_scid,
)

TRADE = trade("2024-01-02T15:00:00", 100.0, 99.75, 100.0)


def stamps(*raw):
    joined = b"".join(r if isinstance(r, bytes) else struct.pack("<q", r) for r in raw)
    return formats.unix_stamps(np.frombuffer(joined, dtype="<i8"))


def test_headers_we_write_are_the_documented_bytes():
    assert formats.pack_scid_header() == SCID_HEADER
    assert formats.pack_depth_header() == DEPTH_HEADER
    assert formats.pack_scid_header(simulated=True)[20:38] == b"ZANZIBAR-SIMULATED"
    assert formats.pack_depth_header(simulated=True)[16:34] == b"ZANZIBAR-SIMULATED"
    assert len(formats.pack_scid_header(simulated=True)) == 56
    assert len(formats.pack_depth_header(simulated=True)) == 64


def test_record_types_have_the_documented_sizes():
    assert formats.SCID_DTYPE.itemsize == 40
    assert formats.DEPTH_DTYPE.itemsize == 24
    assert struct.pack("<f", formats.FIRST_SUB_TRADE) == struct.pack("<I", 0xFD709EF9)
    assert struct.pack("<f", formats.LAST_SUB_TRADE) == struct.pack("<I", 0xFD709F01)


def test_simulated_mark_is_read_back(tmp_path):
    real = formats.read_header(write_scid(tmp_path / "a.scid", TRADE))
    made = formats.read_header(
        write_scid(tmp_path / "b.scid", header=formats.pack_scid_header(simulated=True))
    )
    depth = write_depth(tmp_path / "c.depth", header=formats.pack_depth_header(simulated=True))
    assert not real.simulated
    assert made.simulated
    assert formats.read_header(depth).simulated


@pytest.mark.parametrize("torn", [0, 1, 17, 39])
def test_torn_tail_is_floored_and_counted(tmp_path, torn):
    header = formats.read_header(write_scid(tmp_path / "a.scid", TRADE, TRADE, tail=TRADE[:torn]))
    assert (header.records, header.torn_bytes) == (2, torn)


def test_header_size_is_read_not_assumed(tmp_path):
    longer = b"SCID" + struct.pack("<IIHHI", 64, 40, 1, 0, 0) + b"\0" * 44
    path = write_scid(tmp_path / "a.scid", TRADE, header=longer)
    header = formats.read_header(path)
    assert (header.header_bytes, header.records) == (64, 1)
    assert formats.map_records(path, header)["close"][0] == 100.0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "b'SCID' or b'SCDD'"),
        (b"RIFF" + SCID_HEADER[4:], "b'RIFF'"),
        (SCID_HEADER[:30], "30 bytes"),
        (b"SCID" + struct.pack("<IIHHI", 56, 44, 1, 0, 0) + b"\0" * 36, "got: 44"),
        (b"SCID" + struct.pack("<IIHHI", 12, 40, 1, 0, 0) + b"\0" * 36, "impossible header size"),
        (b"SCID" + struct.pack("<IIHHI", 900, 40, 1, 0, 0) + b"\0" * 36, "impossible header size"),
        (b"SCDD" + struct.pack("<III", 64, 40, 1) + b"\0" * 48, "got: 40"),
    ],
)
def test_wrong_headers_say_what_was_expected_and_found(tmp_path, content, says):
    path = tmp_path / "x.scid"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="expected") as caught:
        formats.read_header(path)
    assert says in str(caught.value)


def test_missing_file_is_a_source_error(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        formats.read_header(tmp_path / "none.scid")


def test_microsecond_stamps_keep_every_microsecond():
    unix, valid = stamps(sc_us("2023-02-21T20:38:02.105001"))
    assert unix.tolist() == [us("2023-02-21T20:38:02.105001")]
    assert valid.all()


@pytest.mark.parametrize(
    "moment",
    [
        "2009-03-08T14:30:00",
        "2010-05-06T18:45:27.123000",
        "2016-12-31T23:59:59.999999",
        "1990-01-02T00:00:00",
    ],
)
def test_old_float_days_are_sniffed_from_the_value(moment):
    unix, valid = stamps(sc_days(moment), sc_us(moment))
    assert unix.tolist() == [us(moment), us(moment)]
    assert valid.all()


@pytest.mark.parametrize(
    "raw",
    [0, -1, 2**63 - 1, -(2**63), 1, sc_us("1969-12-31T23:59:59"), sc_us("2100-01-01T00:00:00")]
    + [struct.pack("<d", days) for days in (float("nan"), float("inf"), -5.0, 1.0, 1e300)],
)
def test_impossible_stamps_are_marked(raw):
    _, valid = stamps(raw)
    assert not valid.any()


def test_stamps_round_trip():
    unix = np.array([us("2024-03-10T08:00:00.000001"), us("2037-12-31T00:00:00")])
    back, valid = formats.unix_stamps(formats.sierra_stamps(unix))
    assert valid.all()
    assert back.tolist() == unix.tolist()
