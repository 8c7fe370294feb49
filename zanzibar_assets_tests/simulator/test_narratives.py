"""Narratives: their truth, their levels, and that the text knows nothing of what comes."""

import json

import numpy as np
import pytest

from zanzibar_assets.simulator.narrative_texts import LONG, NEUTRAL, SHORT, write_price
from zanzibar_assets.simulator.narratives import write_narratives
from zanzibar_assets.simulator.options import SimulatorOptions
from zanzibar_assets.simulator.path import chain
from zanzibar_assets.vocabulary import from_us


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (5012.25, "plain", "5012,25"),
        (5012.25, "space", "5 012,25"),
        (18250.5, "dot", "18.250,5"),
        (4500.0, "plain", "4500"),
        (60400.0, "k", "60,4k"),
        (60400.0, "tys", "60,4 tys."),
        (60000.0, "k", "60k"),
        (60.0, "space", "60"),
    ],
)
def test_prices_as_traders_type_them(value, style, text):
    assert write_price(value, style) == text


def _lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _read_level(surface):
    """Number of a written level, the plain way."""
    text = surface.removesuffix("k").removesuffix(" tys.")
    scale = 1_000.0 if text != surface else 1.0
    if scale == 1.0:
        text = text.replace(" ", "").replace(".", "")
    return float(text.replace(",", ".")) * scale


def test_one_narrative_an_author_session_and_instrument(market):
    out, result = market
    lines = _lines(result.narratives_path)
    truths = _lines(out / "narratives_truth.jsonl")
    assert [line["id"] for line in lines] == [truth["id"] for truth in truths]
    assert len(lines) == 2 * len(result.truth)
    assert len({line["id"] for line in lines}) == len(lines)
    assert set(lines[0]) == {"id", "author", "text", "published_at", "received_at", "simulated"}
    assert all(line["simulated"] is True for line in lines + truths)


def test_they_are_out_before_the_main_hours(market):
    out, result = market
    truths = {truth["id"]: truth for truth in _lines(out / "narratives_truth.jsonl")}
    for line in _lines(result.narratives_path):
        session = truths[line["id"]]["session"]
        assert f"{session}T06:00" <= line["published_at"] < f"{session}T10:00"
        assert line["received_at"] > line["published_at"]


def test_levels_stand_in_the_text_where_the_truth_says(market):
    out, result = market
    texts = {line["id"]: line["text"] for line in _lines(result.narratives_path)}
    seen = 0
    for truth in _lines(out / "narratives_truth.jsonl"):
        for level in truth["levels"]:
            written = texts[truth["id"]][level["start"] : level["end"]]
            assert written == level["surface"]
            if level["low"] == level["high"]:
                assert _read_level(written) == pytest.approx(level["low"], rel=1e-6)
            assert abs(level["low"] / truth["price_at_publication"] - 1) < 0.12
            seen += 1
    assert seen > 30


def test_levels_lie_on_the_side_the_bias_needs(market):
    out, _ = market
    for truth in _lines(out / "narratives_truth.jsonl"):
        way = {"long": 1, "short": -1, "neutral": 0}[truth["bias"]]
        price = truth["price_at_publication"]
        for level in truth["levels"]:
            if way and level["role"] == "target":
                assert (level["low"] - price) * way > 0
            if way and level["role"] == "invalidation":
                assert (level["low"] - price) * way < 0


@pytest.fixture(scope="module")
def btc_paths(known):
    days = [f"2025-{1 + k // 28:02d}-{1 + k % 28:02d}" for k in range(100)]
    return list(chain(known["SIM_BTC"], days, 3, SimulatorOptions()))


def _many(known, paths, skill):
    """Narratives on a cheap market: two trades a session, one early and one at the end."""
    options = SimulatorOptions(narrative_skill=skill, authors=tuple(f"a{k}" for k in range(5)))
    for path in paths:
        window = path.clock.window
        stamps = np.array([window.open_us, window.close_us - 1])
        ticks = np.rint(path.at(stamps) / 0.1).astype(np.int64)
        trades = np.zeros((2, 7), dtype=np.int64)
        trades[:, 0], trades[:, 2] = stamps, ticks
        yield from write_narratives(known["SIM_BTC"], path, trades, 3, options)


@pytest.mark.parametrize("skill", [0.0, 0.6, 1.0])
def test_the_bias_is_right_as_often_as_the_skill_says(known, btc_paths, skill):
    truths = [item.truth for item in _many(known, btc_paths, skill)]
    stated = [truth for truth in truths if truth["bias"] != "neutral"]
    for truth in stated:
        rose = truth["session_last_price"] > truth["price_at_publication"]
        assert truth["correct"] == (truth["bias"] == ("long" if rose else "short"))
        assert (truth["return_bps"] > 0) == rose
    share = np.mean([truth["correct"] for truth in stated])
    assert abs(share - skill) < 0.08
    if skill in (0.0, 1.0):
        assert share == skill
    neutral = [truth for truth in truths if truth["bias"] == "neutral"]
    assert 0.05 < len(neutral) / len(truths) < 0.16
    assert all(truth["correct"] is None for truth in neutral)


def test_the_text_knows_only_what_was_known_at_publication(known):
    options = SimulatorOptions()
    path = next(iter(chain(known["SIM_ES"], ["2025-01-07"], 3, options)))
    window = path.clock.window
    rng = np.random.default_rng(0)
    stamps = np.sort(rng.integers(window.open_us, window.close_us - 10, 500))
    trades = np.zeros((500, 7), dtype=np.int64)
    trades[:, 0], trades[:, 2] = stamps, 20_000 + rng.integers(-40, 40, 500).cumsum() // 10
    trades[-1, 2] = 21_000
    told = write_narratives(known["SIM_ES"], path, trades, 3, options)
    published = min(from_us(item.received_us) for item in told)
    later = stamps > (published.timestamp() + 3_600) * 1e6
    other = trades.copy()
    other[later, 2] += rng.integers(-300, 300, later.sum())
    other[-1, 2] = 21_000
    assert [item.line for item in write_narratives(known["SIM_ES"], path, other, 3, options)] == [
        item.line for item in told
    ]


def test_silence_when_nothing_has_traded(known):
    path = next(iter(chain(known["SIM_ES"], ["2025-01-07"], 3, SimulatorOptions())))
    late = np.zeros((1, 7), dtype=np.int64)
    late[0, 0], late[0, 2] = path.clock.window.close_us - 1, 20_000
    assert write_narratives(known["SIM_ES"], path, late, 3, SimulatorOptions()) == []


def test_templates_name_their_slots():
    for template in LONG + SHORT:
        assert "{inv}" in template
        assert "{t1}" in template
    assert all("{news}" in template for template in LONG + SHORT + NEUTRAL)
