import json

import pytest

from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion.inbox import read_inbox
from zanzibar_assets.vocabulary import US_PER_SECOND

FROM, TO = 1_704_153_600 * US_PER_SECOND, 1_704_240_000 * US_PER_SECOND  # 2024-01-02 .. 2024-01-03 UTC


def line(identifier="a", text="ES long", published="2024-01-02T08:00:00+01:00", **more):
    return json.dumps({"id": identifier, "author": "jan", "text": text, "published_at": published, **more})


def write(folder, name, *lines):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines), encoding="utf-8")


def test_an_empty_or_missing_inbox_is_the_typed_empty_frame(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        read = read_inbox(folder, FROM, TO)
        assert read.frame.is_empty()
        assert read.problems == ()
        assert breaches("raw_narratives", read.frame) == []


def test_lines_and_text_files_become_rows(tmp_path):
    write(tmp_path, "chat.jsonl", line(received_at="2024-01-02T07:05:00Z", simulated=True), "")
    write(tmp_path / "old", "2024-01-02T0630Z_ewa.md", "Złoto w górę")
    read = read_inbox(tmp_path, FROM, TO)
    assert breaches("raw_narratives", read.frame) == []
    assert read.frame["narrative_id"].to_list() == ["2024-01-02T0630Z_ewa", "a"]
    assert read.frame["author"].to_list() == ["ewa", "jan"]
    assert read.frame["simulated"].to_list() == [False, True]
    assert [str(t) for t in read.frame["event_ts"]] == [
        "2024-01-02 06:30:00+00:00",
        "2024-01-02 07:00:00+00:00",
    ]
    assert str(read.frame["known_at"][1]) == "2024-01-02 07:05:00+00:00"
    assert read.frame["source_path"].to_list() == ["old/2024-01-02T0630Z_ewa.md", "chat.jsonl"]


def test_received_before_published_counts_as_received_when_published(tmp_path):
    write(tmp_path, "chat.jsonl", line(received_at="2024-01-02T05:00:00Z"))
    frame = read_inbox(tmp_path, FROM, TO).frame
    assert frame["known_at"][0] == frame["event_ts"][0]


def test_only_what_was_published_in_the_range_comes(tmp_path):
    write(
        tmp_path,
        "chat.jsonl",
        line("before", published="2024-01-01T23:59:59.999999Z"),
        line("first", published="2024-01-02T00:00:00Z"),
        line("after", published="2024-01-03T00:00:00Z"),
    )
    assert read_inbox(tmp_path, FROM, TO).frame["narrative_id"].to_list() == ["first"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{not json", "Expecting"),
        ("[1]", "JSON object"),
        ('{"id": "a"}', "lacks 'author'"),
        (line(published="2024-01-02T08:00:00"), "no time zone"),
        (line(published="yesterday"), "Invalid isoformat"),
        (line(published=5), "ISO instant"),
        (line(text="  "), "not empty"),
        (line(simulated="yes"), "true or false"),
        (line(text="\ud800"), "surrogates"),
    ],
)
def test_a_bad_line_is_reported_not_lost(tmp_path, content, reason):
    write(tmp_path, "chat.jsonl", line("good"), content)
    read = read_inbox(tmp_path, FROM, TO)
    assert read.frame["narrative_id"].to_list() == ["good"]
    (problem,) = read.problems
    assert (problem.path, problem.line) == ("chat.jsonl", 2)
    assert reason in problem.reason


def test_bad_files_are_reported(tmp_path):
    write(tmp_path, "notes.txt", "ES long")
    write(tmp_path, "2024-01-02T0800Z_jan.txt", " ")
    write(tmp_path, "2024-13-02T0800Z_jan.txt", "ES")
    (tmp_path / "2024-01-02T0900Z_jan.txt").write_bytes(b"\xff\xfe")
    read = read_inbox(tmp_path, FROM, TO)
    assert read.frame.is_empty()
    assert [p.path for p in read.problems] == sorted(p.path for p in read.problems)
    assert len(read.problems) == 4


def test_one_id_for_two_texts_is_refused_by_name(tmp_path):
    write(tmp_path, "a.jsonl", line("same", "ES long"))
    write(tmp_path, "b.jsonl", line("same", "ES short"))
    with pytest.raises(SourceError, match=r"same.*a\.jsonl and b\.jsonl"):
        read_inbox(tmp_path, FROM, TO)


def test_the_same_narrative_twice_is_one_and_the_earlier_receipt_counts(tmp_path):
    write(tmp_path, "a.jsonl", line("same", received_at="2024-01-02T09:00:00Z"))
    write(tmp_path, "b.jsonl", line("same", received_at="2024-01-02T08:00:00Z"))
    frame = read_inbox(tmp_path, FROM, TO).frame
    assert frame["source_path"].to_list() == ["b.jsonl"]


def test_the_order_of_lines_and_files_has_no_influence(tmp_path):
    lines = [line(str(i), published=f"2024-01-02T{8 + i % 3:02}:00:00Z") for i in range(9)]
    write(tmp_path / "one", "chat.jsonl", *lines)
    write(tmp_path / "two", "chat.jsonl", *reversed(lines))
    one, two = (read_inbox(tmp_path / name, FROM, TO).frame for name in ("one", "two"))
    assert one.equals(two)
