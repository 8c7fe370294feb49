import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.narrative.fold import strip_diacritics
from zanzibar_assets.narrative.parser import parse_narrative
from zanzibar_assets_tests.narrative.scoring import figures

OWN = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "reference" / "narratives_own.jsonl")
    .read_text("utf-8")
    .splitlines()
]
WORDS = tuple(
    "ES DAX 4 512,25 45-60+ k tys. pod nad / - long SL nie jeśli dopóki cel a i do od 14:30".split()  # noqa: SIM905
)
LAWS = settings(deadline=None, max_examples=60, derandomize=True)


def parse(text, **more):
    return parse_narrative("n", text, **more)


def offsets(document):
    for group in ("levels", "events", "negations"):
        yield from (
            (item["start"], item["end"], item.get("surface") or item.get("text")) for item in document[group]
        )
    for scenario in document["scenarios"]:
        condition = scenario["condition"]
        yield condition["start"], condition["end"], condition["text"]


def core(document):
    levels = [(x["low"], x["high"], x["role"], x["start"], x["end"]) for x in document["levels"]]
    return levels, document["bias"], document["bias_score"], document["conditional"], document["instrument"]


@pytest.mark.parametrize("style", ["chat", "press"])
@pytest.mark.parametrize("plain", [False, True], ids=["marks", "no-marks"])
def test_own_narratives_are_read_as_people_read_them(style, plain):
    chosen = [item for item in OWN if item["style"] == style]
    texts = [strip_diacritics(item["text"]) if plain else item["text"] for item in chosen]
    found = figures([item["gold"] for item in chosen], [parse(text) for text in texts])
    assert len(chosen) >= 15
    assert found.level >= 0.97
    assert found.joint >= 0.90
    assert found.bias >= 0.88
    assert found.conditional >= 0.92
    assert found.flips == 0


def test_own_narratives_name_their_market():
    assert all(parse(item["text"])["instrument"] == item["gold"]["instrument"] for item in OWN)


@pytest.mark.parametrize("item", OWN, ids=[item["id"] for item in OWN])
def test_evidence_stands_where_the_document_says(item):
    for start, end, text in offsets(parse(item["text"])):
        assert item["text"][start:end] == text
        assert text


@pytest.mark.parametrize("item", OWN, ids=[item["id"] for item in OWN])
def test_diacritics_change_nothing(item):
    assert core(parse(item["text"])) == core(parse(strip_diacritics(item["text"])))


def test_decomposed_letters_change_offsets_only():
    text = OWN[20]["text"]
    whole, decomposed = parse(text), parse(unicodedata.normalize("NFD", text))
    assert [x["surface"] for x in decomposed["levels"]] == [x["surface"] for x in whole["levels"]]
    assert decomposed["bias"] == whole["bias"]


@LAWS
@given(st.data())
def test_words_lose_their_marks_one_by_one(data):
    words = data.draw(st.sampled_from(OWN))["text"].split(" ")
    keep = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    mixed = " ".join(w if k else strip_diacritics(w) for w, k in zip(words, keep, strict=True))
    assert core(parse(mixed)) == core(parse(" ".join(words)))


@LAWS
@given(st.text(max_size=120))
def test_any_text_gives_a_document_with_valid_evidence(text):
    document = parse(text)
    for start, end, surface in offsets(document):
        assert text[start:end] == surface
    assert -1 <= document["bias_score"] <= 1
    json.dumps(document)


@LAWS
@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=25,
    )
)
def test_any_words_give_a_document_with_valid_evidence(words):
    text = " ".join(words)
    document = parse(text)
    assert all(text[start:end] == surface for start, end, surface in offsets(document))
    assert all(level["low"] <= level["high"] for level in document["levels"])


def test_a_document_says_what_it_is_made_of():
    document = parse(
        "ES: long od 4500, cel 4520.", published_at=datetime(2024, 1, 2, 23, 30, tzinfo=UTC), author="jan"
    )
    assert document["trading_day"] == "2024-01-03"  # half past midnight in Warsaw
    assert document["published_at"] == "2024-01-02T23:30:00+00:00"
    assert len(document["sha256"]) == 64
    assert set(document["versions"]) == {"parser", "lexicon", "grammar", "model"}


def test_an_empty_text_is_a_document_with_warnings():
    document = parse("")
    assert document["instrument"] is None
    assert document["levels"] == []
    assert document["bias"] == "neutral"
    assert "no market is named" in document["warnings"]


def test_two_markets_have_two_views():
    document = parse("ES: bias long, opór 4530. DAX słabo, szort spod 15 950 na 15 870.")
    assert [(v["instrument"], v["bias"]) for v in document["views"]] == [("ES", "long"), ("DAX", "short")]


def test_levels_far_from_the_last_price_are_marked():
    document = parse("BTC: cel 95k, potem 140k", last_prices={"BTCUSD": 90_000.0})
    assert [(x["high"], x["plausible"]) for x in document["levels"]] == [(95_000.0, True), (140_000.0, False)]
    assert any("140k" in warning for warning in document["warnings"])


@pytest.mark.parametrize(
    ("text", "no_trade"),
    [
        ("ES: dziś nie gram.", True),
        ("ES: nie gram dopóki nie wyjdziemy z konsoli.", True),
        ("ES: jak stracą 4500 to siadam na ręce.", False),
        ("ES: gram tylko longi.", False),
    ],
)
def test_staying_out_now_differs_from_staying_out_if(text, no_trade):
    assert parse(text)["no_trade"] is no_trade


@pytest.mark.parametrize(
    ("text", "bias"),
    [
        ("ES: gram tylko longi", "long"),
        ("ES: gram tylko szorty", "short"),
        ("ES: longów dziś nie szukam, sprzedaję podbicia", "short"),
        ("ES: nie widzę powodu, żeby szortować, biorę longa", "long"),
        ("ES: nie wiem, mieszane sygnały", "neutral"),
    ],
)
def test_negation_turns_a_direction(text, bias):
    assert parse(text)["bias"] == bias


def test_scenarios_carry_condition_level_and_consequence():
    document = parse("ES: jeśli wybijemy 4530 górą, to long z celem 4550. Zejście pod 4500 neguje układ.")
    first, second = document["scenarios"]
    assert (first["trigger"], first["level"], first["then"], first["targets"]) == (
        "break_up",
        4530.0,
        "long",
        [4550.0],
    )
    assert (second["level"], second["then"]) == (4500.0, "invalidate")
    assert document["conditional"] is True
