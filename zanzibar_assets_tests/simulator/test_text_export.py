import numpy as np
import pytest

from zanzibar_assets.errors import UsageError
from zanzibar_assets.ingestion.formats import SCID_DTYPE, map_records, read_header, sierra_stamps
from zanzibar_assets.simulator.build import simulate
from zanzibar_assets.simulator.options import SimulatorOptions
from zanzibar_assets.simulator.text_export import HEADER, text_rows


def test_rows_by_hand(known):
    records = np.zeros(3, dtype=SCID_DTYPE)
    # 2025-01-06 23:30:00.018001 and 23:30:05 UTC; 2025-07-01 00:00 UTC in summer time
    stamps = [1_736_206_200_018_001, 1_736_206_205_000_000, 1_751_328_000_000_000]
    records["stamp"] = sierra_stamps(np.array(stamps))
    records["close"] = [5000.25, 5000.0, 4999.75]
    records["volume"], records["trades"] = [3, 2, 1], 1
    records["bid_volume"], records["ask_volume"] = [0, 2, 0], [3, 0, 0]
    assert text_rows(records, known["SIM_ES"], "Europe/Warsaw") == [
        "2025/1/7, 00:30:00.018, 5000.25, 5000.25, 5000.25, 5000.25, 3, 1, 0, 3",
        "2025/1/7, 00:30:05, 5000.00, 5000.00, 5000.00, 5000.00, 2, 1, 2, 0",
        "2025/7/1, 02:00:00, 4999.75, 4999.75, 4999.75, 4999.75, 1, 1, 0, 0",
    ]


def test_the_export_holds_every_record_of_its_file(tmp_path, known):
    options = SimulatorOptions(trades_per_session=300, text_export_zone="America/Chicago")
    simulate(tmp_path, [known["SIM_BTC"]], 1, 2, options)
    scid = tmp_path / "BTCUSDT_PERP_SIM.scid"
    records = map_records(scid, read_header(scid))
    lines = (tmp_path / "BTCUSDT_PERP_SIM.scid_BarData.txt").read_text(encoding="ascii").splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 1 + len(records)
    cells = [line.split(", ") for line in lines[1:]]
    assert sum(int(row[6]) for row in cells) == int(records["volume"].sum())
    assert [float(row[5]) for row in cells] == pytest.approx(records["close"].tolist(), abs=0.05)


def test_an_unknown_zone_is_refused(known):
    with pytest.raises(UsageError, match="no time zone"):
        text_rows(np.zeros(0, dtype=SCID_DTYPE), known["SIM_ES"], "Mars/Olympus")
