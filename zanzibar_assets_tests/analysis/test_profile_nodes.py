import numpy as np
import pytest

from zanzibar_assets.analysis._records import load_records
from zanzibar_assets.analysis.profile import build_volume_profile, developing_profile
from zanzibar_assets.analysis.profile_nodes import nodes, reach_of, smoothed
from zanzibar_assets_tests.builders.market import CONFIG, ES, random_ticks, window
from zanzibar_assets_tests.reference import order_flow as slow


def test_peaks_and_valleys_a_flat_one_counts_once_and_ends_are_none():
    peaks, valleys = nodes(np.array([9.0, 1, 3, 5, 5, 5, 2, 2, 4, 1]))
    assert (peaks.tolist(), valleys.tolist()) == ([4, 8], [1, 6])
    for flat in ([], [1.0], [2.0, 2.0, 2.0], [1.0, 2.0, 3.0]):
        assert [part.tolist() for part in nodes(np.array(flat))] == [[], []]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 400])
def test_smoothing_equals_the_sum_written_out(rows):
    volume = np.random.default_rng(rows).integers(0, 9, rows).astype(float)
    reach = reach_of(rows)
    for k, value in enumerate(smoothed(volume, reach)):
        near = [(reach + 1 - abs(k - j)) * volume[j] for j in range(rows) if abs(k - j) <= reach]
        assert value == pytest.approx(sum(near) / (reach + 1) ** 2)


def test_the_profile_marks_its_nodes():
    got = build_volume_profile(random_ticks(1, 5_000, window()), ES, CONFIG)
    peaks, valleys = nodes(got["smoothed"].to_numpy())
    marked = got["node"].to_list()
    assert [k for k, node in enumerate(marked) if node == "hvn"] == peaks.tolist()
    assert [k for k, node in enumerate(marked) if node == "lvn"] == valleys.tolist()
    assert abs(len(peaks) - len(valleys)) <= 1
    assert got["smoothed"].sum() <= got["volume"].sum() + 1e-6


@pytest.mark.parametrize("area_rows", [1, 2])
def test_developing_value_area_by_either_rule(area_rows):
    records = load_records(random_ticks(area_rows, 400, window(), zero_sizes=False))
    ends = np.arange(1, 401, 7)
    got = developing_profile(records, ends, 70.0, area_rows)
    trades = list(zip(records.price_ticks.astype(int).tolist(), records.size, strict=True))
    for end, found in zip(ends, got.tolist(), strict=True):
        assert tuple(found) == slow.profile(trades[:end], 70, rows=area_rows)
