import json

import numpy as np
import pytest

from zanzibar_assets.analysis.detectors import Bocpd, BocpdParams, Change, Cusum, CusumParams
from zanzibar_assets_tests.reference import change_points as slow

DETECTORS = {"cusum": lambda: Cusum(CusumParams()), "bocpd": lambda: Bocpd(BocpdParams())}
BREAK, ROWS, RUNS = 300, 500, 60


def noise(seed, rows=ROWS):
    return np.random.default_rng(seed).normal(size=rows)


def broken(seed, jump):
    values = noise(seed)
    values[BREAK:] += jump
    return values


@pytest.mark.parametrize("seed", range(2))
def test_run_length_posterior_equals_the_untruncated_one(seed):
    values = broken(seed, 2.0)[220:360] * 3.0 + 7.0
    detector = Bocpd(BocpdParams(probability=2.0))  # never an alarm
    assert detector.feed(values) == []
    expected = slow.run_lengths(values, 30, 500.0)
    got = detector.run_lengths()
    assert got[: len(expected)] == pytest.approx(expected, rel=1e-7, abs=1e-14)
    assert got[len(expected) :].sum() == 0.0


def test_runs_of_the_longest_length_are_one():
    values = noise(5)
    short, long = (Bocpd(BocpdParams(longest=n, probability=2.0)) for n in (60, 480))
    short.feed(values)
    long.feed(values)
    assert short.run_lengths().sum() == pytest.approx(1.0)
    assert short.run_lengths()[60] == pytest.approx(long.run_lengths()[60:].sum(), abs=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_cusum_equals_the_written_out_one(seed):
    values = broken(seed, (-1) ** seed * 1.5)[180:]
    got = Cusum(CusumParams()).feed(values)
    assert [(c.dir, c.row, c.alarm) for c in got] == slow.cusum(values, 30, 0.5, 10.0)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(("jump", "median_delay", "late"), [(1.0, 26, 60), (2.0, 9, 18), (3.0, 6, 10)])
def test_delay_and_estimated_time_of_a_simulated_break(name, jump, median_delay, late):
    """Over 60 series a break of 1, 2, 3 deviations is found within so many rows (bounds)."""
    first = [
        next((c for c in DETECTORS[name]().feed(broken(1_000 + k, jump)) if c.alarm >= BREAK), None)
        for k in range(RUNS)
    ]
    found = [c for c in first if c is not None]
    assert len(found) >= RUNS - 1
    delays = np.array([c.alarm - BREAK for c in found])
    assert np.median(delays) <= median_delay
    assert np.quantile(delays, 0.9) <= late
    assert np.median([abs(c.row - BREAK) for c in found]) <= 4
    assert np.mean([c.dir == 1 for c in found]) > 0.95
    assert np.mean([c.after - c.before for c in found]) == pytest.approx(jump, abs=0.6)


@pytest.mark.parametrize("name", DETECTORS)
def test_false_alarms_of_noise_are_rare(name):
    """At most one in 5000 rows of Gaussian noise; tails of Student's four degrees cost more (bounds)."""
    quiet = sum(len(DETECTORS[name]().feed(noise(k, 1_000))) for k in range(RUNS))
    assert quiet <= RUNS * 1_000 / 5_000
    tails = [np.random.default_rng(k).standard_t(4, 1_000) for k in range(RUNS)]
    assert (
        sum(len(DETECTORS[name]().feed(values)) for values in tails) <= RUNS * {"cusum": 1, "bocpd": 4}[name]
    )


@pytest.mark.parametrize("name", DETECTORS)
def test_a_prefix_gives_the_alarms_of_the_whole_known_by_then(name):
    values = np.concatenate([broken(k, (-1) ** k * 2.0) for k in range(4)])
    whole = DETECTORS[name]().feed(values)
    assert len(whole) >= 4
    cuts = np.random.default_rng(1).integers(0, len(values), 60).tolist()
    for cut in [*cuts, *(c.alarm for c in whole), *(c.alarm + 1 for c in whole)]:
        assert DETECTORS[name]().feed(values[:cut]) == [c for c in whole if c.alarm < cut]


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("seed", range(5))
def test_any_chunks_and_a_stored_state_give_the_alarms_of_the_whole(name, seed):
    values = np.concatenate([broken(k, 2.0) for k in range(3)])
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(values) + 1, 12))
    got, saved = [], DETECTORS[name]().state()
    for part in np.split(values, cuts):
        detector = DETECTORS[name]()
        detector.resume(json.loads(json.dumps(saved, allow_nan=False)))
        got += detector.feed(part)
        saved = detector.state()
    assert got == DETECTORS[name]().feed(values)


@pytest.mark.parametrize("name", DETECTORS)
def test_mirror_shift_and_scale(name):
    """Powers of two and whole numbers, so that the arithmetic is the same."""
    values = np.round(broken(3, 2.0) * 64)
    plain = DETECTORS[name]().feed(values)
    assert plain
    turned = DETECTORS[name]().feed(-values)
    assert turned == [Change(-c.dir, c.row, c.alarm, -c.before, -c.after, c.statistic) for c in plain]
    wide = DETECTORS[name]().feed(values * 8)
    assert [(c.dir, c.row, c.alarm) for c in wide] == [(c.dir, c.row, c.alarm) for c in plain]
    moved = DETECTORS[name]().feed(values + 4_096)
    assert [(c.dir, c.row, c.alarm) for c in moved] == [(c.dir, c.row, c.alarm) for c in plain]
    assert [c.after - 4_096 for c in moved] == pytest.approx([c.after for c in plain])


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("values", [[], [1.0], [5.0] * 400, [0.0] * 30 + [1.0]])
def test_nothing_to_tell(name, values):
    assert DETECTORS[name]().feed(np.array(values, dtype=float)) == []


def test_a_centred_window_is_caught():
    """The twin that looks ten rows ahead names breaks that its prefix does not know."""

    def leaking(values):
        ahead = np.convolve(values, np.ones(21) / 21, mode="same")
        return Cusum(CusumParams()).feed(ahead)

    values = np.concatenate([broken(k, 3.0) for k in range(3)])
    whole = leaking(values)
    cuts = np.random.default_rng(2).integers(0, len(values), 40).tolist() + [c.alarm + 1 for c in whole]
    assert any(leaking(values[:cut]) != [c for c in whole if c.alarm < cut] for cut in cuts)
