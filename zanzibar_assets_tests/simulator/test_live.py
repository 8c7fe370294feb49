"""Live appending leaves the bytes of the one-shot file, whatever the pauses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.ingestion.formats import read_header
from zanzibar_assets.simulator.build import append_part, simulate, simulate_sessions
from zanzibar_assets.simulator.live import LiveWriter
from zanzibar_assets.simulator.options import SimulatorOptions
from zanzibar_assets.simulator.stream_session import simulate_live

SMALL = SimulatorOptions(trades_per_session=300)


@pytest.fixture(scope="module")
def session(known):
    return next(simulate_sessions(known["SIM_NQ"], ["2025-01-06"], "2025-01-06", 5, SMALL))


@pytest.fixture(scope="module")
def one_shot(session, tmp_path_factory):
    out = tmp_path_factory.mktemp("one_shot")
    for part in session.records.parts:
        append_part(out, part)
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def _contents(out):
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    pauses=st.lists(st.integers(1, 7_200_000_000), min_size=1, max_size=40),
    seed=st.integers(0, 2**32),
    torn=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_any_pauses_give_the_one_shot_bytes(tmp_path_factory, session, one_shot, pauses, seed, torn):
    out = tmp_path_factory.mktemp("live")
    writer = LiveWriter(out, [session.records], seed, torn_share=torn)
    now = writer.first_us - 1
    for pause in pauses:
        now += pause
        for flush in writer.advance(now):
            content = flush.path.read_bytes()
            assert len(content) == flush.offset + flush.bytes
            assert one_shot[flush.path.name].startswith(content)
            header = read_header(flush.path) if len(content) >= 64 else None
            assert header is None or bool(header.torn_bytes) == flush.torn
    writer.finish()
    assert writer.done
    assert _contents(out) == one_shot


def test_nothing_is_written_before_it_happened(tmp_path, session):
    writer = LiveWriter(tmp_path, [session.records], 1, torn_share=0.0)
    assert writer.advance(writer.first_us - 1) == []
    stamps = session.records.ticks.stamps_us
    now = int(stamps[len(stamps) // 2])
    writer.advance(now)
    path = tmp_path / session.records.ticks.path
    assert read_header(path).records == int((stamps <= now).sum())


def test_torn_records_occur_and_heal(tmp_path, session):
    flushes = []
    writer = LiveWriter(tmp_path, [session.records], 1)
    writer.run(lambda now_us: None, flushes.extend)
    torn = sum(flush.torn for flush in flushes)
    assert 0.1 < torn / len(flushes) < 0.4
    assert all(read_header(path).torn_bytes == 0 for path in tmp_path.rglob("*") if path.is_file())


def test_pace_is_asked_before_each_flush_with_rising_time(tmp_path, session):
    asked = []
    writer = LiveWriter(tmp_path, [session.records], 1)
    writer.run(asked.append, lambda flushes: None)
    pauses = np.diff(asked)
    assert (pauses >= 1_000_000).all()
    assert (pauses < 9_000_000).all()
    assert asked[-1] >= writer.last_us


def test_a_live_simulation_ends_as_the_one_shot_one(tmp_path, known):
    chosen = [known["SIM_ES"], known["SIM_BTC"]]
    simulate(tmp_path / "shot", chosen, 2, 5, SMALL)
    result = simulate_live(tmp_path / "live", chosen, 2, 5, SMALL, pace=lambda now_us: None)
    assert _contents(tmp_path / "live") == _contents(tmp_path / "shot")
    assert result.narratives_path.read_bytes()


def test_narratives_arrive_while_the_session_runs(tmp_path, known):
    made = next(simulate_sessions(known["SIM_NQ"], ["2025-01-06"], "2025-01-06", 5, SMALL))
    writer = LiveWriter(tmp_path, [made.records], 1, made.narratives)
    arrivals = sorted(item.received_us for item in made.narratives)
    writer.advance(arrivals[0] - 1)
    inbox = tmp_path / "inbox" / "narratives.jsonl"
    assert not inbox.exists()
    writer.advance(arrivals[0])
    assert inbox.read_bytes().count(b"\n") == sum(at == arrivals[0] for at in arrivals)
    writer.advance(arrivals[-1])
    assert inbox.read_bytes().count(b"\n") == len(arrivals)
