"""The files' bytes, read with ``struct`` from the format's description."""

import struct
from datetime import UTC, datetime

import numpy as np
import pytest

from zanzibar_assets.errors import ConfigError
from zanzibar_assets.simulator.encode import encode_session, encode_trades

SCID_EPOCH_US = 2_209_161_600_000_000
US = 1_000_000


def _unix(year, month, day, hour=0):
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * US


def test_records_by_hand(known):
    es = known["SIM_ES"]
    stamp = _unix(2025, 1, 7, 15)
    trades = np.array(
        [
            [stamp, 0, 20_001, 20_000, 20_001, 3, 1],
            [stamp + 1_000, 1, 20_000, 20_000, 20_001, 2, -1],
            [stamp + 1_001, 2, 19_999, 20_000, 20_001, 4, -1],
            [stamp + 1_002, 3, 19_998, 20_000, 20_001, 1, -1],
            [stamp + 2_000, 0, 20_001, 20_000, 20_002, 5, 0],
        ],
        dtype=np.int64,
    )
    data = encode_trades(trades, es, es.sources[0]).tobytes()
    rows = [struct.unpack_from("<q4f4I", data, 40 * k) for k in range(5)]
    opens = [struct.unpack_from("<I", data, 40 * k + 8)[0] for k in range(5)]
    assert len(data) == 200
    assert [row[0] - SCID_EPOCH_US for row in rows] == trades[:, 0].tolist()
    assert opens == [0, 0xFD709EF9, 0, 0xFD709F01, 0]
    assert rows[0][2:5] == (5000.25, 5000.0, 5000.25)  # ask, bid, price
    assert [row[4] for row in rows] == [5000.25, 5000.0, 4999.75, 4999.5, 5000.25]
    assert [row[5:] for row in rows] == [(1, 3, 0, 3), (1, 2, 2, 0), (1, 4, 4, 0), (1, 1, 1, 0), (1, 5, 0, 0)]


def test_depth_is_parted_by_utc_day(known):
    es = known["SIM_ES"]
    midnight = _unix(2025, 1, 7)
    depth = np.array(
        [
            [midnight - 1_000, 1, 0, 0, 0, 0],
            [midnight - 1_000, 2, 1, 3, 20_000, 12],
            [midnight, 1, 0, 0, 0, 0],
            [midnight, 3, 1, 2, 20_001, 7],
        ],
        dtype=np.int64,
    )
    trades = np.empty((0, 7), dtype=np.int64)
    records = encode_session(es, "2025-01-07", "ESH25-SIM", trades, depth)
    names = [str(part.path) for part in records.depth]
    assert names == [
        "MarketDepthData/ESH25-SIM.2025-01-06.depth",
        "MarketDepthData/ESH25-SIM.2025-01-07.depth",
    ]
    header = struct.unpack("<4sIII48s", records.depth[0].header)
    assert header[:4] == (b"SCDD", 64, 24, 1)
    assert header[4].startswith(b"ZANZIBAR-SIMULATED")
    row = struct.unpack_from("<qBBHfII", records.depth[0].records.tobytes(), 24)
    assert row == (midnight - 1_000 + SCID_EPOCH_US, 2, 1, 3, 5000.0, 12, 0)


def test_sizes_beyond_a_record_are_refused(known):
    es = known["SIM_ES"]
    trades = np.array([[0, 0, 1, 1, 2, 2**31, 1]], dtype=np.int64)
    with pytest.raises(ConfigError, match="do not fit"):
        encode_trades(trades, es, es.sources[0])


def test_a_stranger_symbol_is_refused(known):
    empty = np.empty((0, 7), dtype=np.int64)
    with pytest.raises(ConfigError, match="feeds no source"):
        encode_session(known["SIM_ES"], "2025-01-07", "ESH25-CME", empty, empty[:, :6])
