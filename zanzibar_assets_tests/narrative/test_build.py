import json
from datetime import UTC, datetime, timedelta

import polars as pl

from zanzibar_assets.contracts.registry import breaches, conform, empty
from zanzibar_assets.narrative.build import build_narratives
from zanzibar_assets_tests.narrative.test_parser import OWN

START = datetime(2024, 1, 2, 7, tzinfo=UTC)


def raw_of(texts, simulated=False):
    stamps = [START + timedelta(minutes=i) for i in range(len(texts))]
    frame = pl.DataFrame(
        {
            "event_ts": stamps,
            "known_at": stamps,
            "narrative_id": [f"n{i}" for i in range(len(texts))],
            "author": ["jan"] * len(texts),
            "text": texts,
            "sha256": ["0" * 64] * len(texts),
            "source_path": ["chat.jsonl"] * len(texts),
            "simulated": [simulated] * len(texts),
        },
        schema_overrides={"event_ts": pl.Datetime("us", "UTC"), "known_at": pl.Datetime("us", "UTC")},
    )
    return conform("raw_narratives", frame)


def test_no_narratives_are_the_typed_empty_frame():
    assert build_narratives(empty("raw_narratives"), {}).equals(empty("narratives"))


def test_one_row_a_narrative_and_market():
    frame = build_narratives(
        raw_of(["ES: bias long, opór 4530. DAX: szort spod 15 950 na 15 870.", "cisza"]), {}
    )
    assert breaches("narratives", frame) == []
    assert frame.select("narrative_id", "instrument", "bias", "levels").rows() == [
        ("n0", "ES", "long", 1),
        ("n0", "DAX", "short", 2),
        ("n1", None, "neutral", 0),
    ]
    document = json.loads(frame["document"][0])
    assert document["id"] == "n0"
    assert len(document["levels"]) == 3


def test_narratives_of_a_prefix_are_the_whole_up_to_there():
    raw = raw_of([item["text"] for item in OWN])
    whole = build_narratives(raw, {"ES": 4_500.0})
    for cut in range(0, len(OWN) + 1, 5):
        prefix = raw.head(cut)
        part = build_narratives(prefix, {"ES": 4_500.0})
        assert part.equals(whole.filter(pl.col("narrative_id").is_in(prefix["narrative_id"].to_list())))


def test_the_same_input_gives_the_same_bytes():
    raw = raw_of([item["text"] for item in OWN[:5]])
    assert build_narratives(raw, {}).equals(build_narratives(raw, {}))
