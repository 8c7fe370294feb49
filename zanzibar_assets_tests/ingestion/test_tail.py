"""A cursor over a file that grows, tears, is cut, rewritten, replaced: each record is taken once."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import FormatError, SourceError
from zanzibar_assets.ingestion import formats
from zanzibar_assets.ingestion.tail import HEAD_RECORDS, WINDOW_RECORDS, Outcome, TailCursor, advance
from zanzibar_assets_tests.builders.sierra import DEPTH_HEADER, SCID_HEADER, depth, record, trade, us

OPEN = "2024-01-03T15:00:00"
LATER_US = us("2024-01-04T00:00:00")


def ticks(count, first=0):
    return [trade(f"2024-01-03T15:00:{i:02d}", 100.0 + i, 100.0, 100.25) for i in range(first, first + count)]


def bar(minute, volume=5):
    return record(f"2024-01-03T15:{minute:02d}:00", 100.0, 102.0, 99.0, 101.0, 3, volume, 2, volume - 2)


def see(content, cursor=None, **options):
    return advance(io.BytesIO(content), len(content), "ES.scid", cursor, **options)


def taken(increment):
    return increment.outcome, increment.first_record, increment.last_record


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.data())
def test_each_record_is_taken_once_whatever_the_flushes(data):
    """Random sizes, torn records, restarts from JSON; a header may be torn too."""
    kind = data.draw(st.sampled_from(["scid", "depth"]))
    count = data.draw(st.integers(1, 150))
    rng = np.random.default_rng(count)
    header, size = (SCID_HEADER, 40) if kind == "scid" else (DEPTH_HEADER, 24)
    content = header + rng.bytes(size * count)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=12)))
    cursor, covered = None, []
    for cut in [*cuts, len(content)]:
        found = see(content[:cut], cursor)
        covered += range(found.first_record, found.last_record)
        assert found.torn_bytes == (cut if cut < len(header) else (cut - len(header)) % size)
        cursor = TailCursor.from_json(json.loads(json.dumps(found.cursor.to_json())))
        assert cursor == found.cursor
    assert covered == list(range(count))
    assert see(content, cursor).outcome is Outcome.UNCHANGED


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(1, 120), st.integers(0, 119), st.integers(0, 39))
def test_a_changed_byte_of_the_first_or_last_records_is_seen(count, place, byte):
    content = bytearray(SCID_HEADER + np.random.default_rng(count).bytes(40 * count))
    cursor = see(bytes(content)).cursor
    place %= count
    content[56 + 40 * place + byte] ^= 1
    outcome = see(bytes(content), cursor).outcome
    if place < HEAD_RECORDS:
        assert outcome is Outcome.REPLACED
    elif place >= count - WINDOW_RECORDS:
        assert outcome is Outcome.REWRITTEN
    else:
        assert outcome is Outcome.UNCHANGED, "such a change is the audit's to find"


def test_growth_and_a_torn_tail():
    first = see(SCID_HEADER + b"".join(ticks(3)))
    assert taken(first) == (Outcome.NEW, 0, 3)
    torn = see(SCID_HEADER + b"".join(ticks(4))[:-7], first.cursor)
    assert taken(torn) == (Outcome.TORN_TAIL, 3, 3)
    assert (torn.torn_bytes, torn.cursor) == (33, first.cursor)
    grown = see(SCID_HEADER + b"".join(ticks(5)) + b"x", torn.cursor)
    assert taken(grown) == (Outcome.GROWN, 3, 5)


def test_a_file_that_was_cut_is_read_from_its_beginning():
    cursor = see(SCID_HEADER + b"".join(ticks(30))).cursor
    cut = see(SCID_HEADER + b"".join(ticks(20)), cursor)
    assert taken(cut) == (Outcome.TRUNCATED, 0, 20)
    assert "856 bytes are left of 1256" in cut.detail
    assert taken(see(SCID_HEADER + b"".join(ticks(25)), cut.cursor)) == (Outcome.GROWN, 20, 25)
    for left in (0, 3, 20):
        nothing = see((SCID_HEADER + b"".join(ticks(30)))[:left], cursor)
        assert taken(nothing) == (Outcome.TRUNCATED, 0, 0)
        assert taken(see(SCID_HEADER + ticks(1)[0], nothing.cursor)) == (Outcome.NEW, 0, 1)
    bare = see(SCID_HEADER, cursor)
    assert taken(bare) == (Outcome.TRUNCATED, 0, 0)
    assert taken(see(SCID_HEADER + ticks(1)[0], bare.cursor)) == (Outcome.GROWN, 0, 1)


def test_a_file_cut_and_grown_past_the_offset_between_two_looks():
    cursor = see(SCID_HEADER + b"".join(ticks(30))).cursor
    same = see(SCID_HEADER + b"".join(ticks(40)), cursor)
    assert taken(same) == (Outcome.GROWN, 30, 40)
    other = see(SCID_HEADER + b"".join(ticks(20) + ticks(20, first=25)), cursor)
    assert taken(other) == (Outcome.REWRITTEN, 0, 40)


def test_another_file_under_the_name():
    cursor = see(SCID_HEADER + b"".join(ticks(3))).cursor
    assert taken(see(SCID_HEADER + b"".join(ticks(9, first=1)), cursor)) == (Outcome.REPLACED, 0, 9)
    assert see(DEPTH_HEADER + depth(OPEN, 1), cursor).outcome is Outcome.REPLACED
    marked = formats.pack_scid_header(simulated=True)
    assert see(marked + b"".join(ticks(3)), cursor).outcome is Outcome.REPLACED, "the header counts"
    assert see(SCID_HEADER + ticks(1, first=8)[0], cursor).outcome is Outcome.TRUNCATED, (
        "fewer than were hashed"
    )


def test_the_last_bar_is_held_back_until_another_follows():
    first = see(SCID_HEADER + bar(0) + bar(1, 7), bars=True)
    assert taken(first) == (Outcome.NEW, 0, 1)
    again = see(SCID_HEADER + bar(0) + bar(1, 7), first.cursor, bars=True)
    assert again.outcome is Outcome.UNCHANGED
    rewritten = see(SCID_HEADER + bar(0) + bar(1, 9), again.cursor, bars=True)
    assert taken(rewritten) == (Outcome.LAST_REWRITTEN, 1, 1)
    followed = see(SCID_HEADER + bar(0) + bar(1, 12) + bar(2), rewritten.cursor, bars=True)
    assert taken(followed) == (Outcome.GROWN, 1, 2)
    assert see(SCID_HEADER + bar(0) + bar(1, 13) + bar(2), followed.cursor, bars=True).outcome is not (
        Outcome.UNCHANGED
    ), "a bar that was final is another one now"


def test_the_last_bar_of_a_session_that_is_over_is_taken():
    content = SCID_HEADER + bar(0) + bar(1)
    cursor = see(content, bars=True, final_before_us=us("2024-01-03T15:01:00")).cursor
    assert taken(see(content, cursor, bars=True, final_before_us=LATER_US)) == (Outcome.GROWN, 1, 2)
    alone = see(SCID_HEADER + bar(0), bars=True)
    assert taken(alone) == (Outcome.NEW, 0, 0)
    assert taken(see(SCID_HEADER + bar(0) + bar(1), alone.cursor, bars=True)) == (Outcome.GROWN, 0, 1)


def test_a_file_that_shows_itself_as_one_of_bars_is_new():
    content = SCID_HEADER + bar(0) + bar(1)
    cursor = see(content).cursor
    assert taken(see(content + bar(2), cursor, bars=True)) == (Outcome.NEW, 0, 2)


def test_a_last_record_without_a_true_stamp_is_no_running_bar():
    content = SCID_HEADER + bar(0) + record(-5, 1.0, 1.0, 1.0, 1.0)
    assert see(content, bars=True).last_record == 2


def test_what_is_no_sierra_file_is_refused():
    with pytest.raises(FormatError, match="no Sierra"):
        see(b"RIFF" + bytes(100))
    for start in (b"", b"S", b"SC", b"SCID" + bytes(30)):
        assert see(start).cursor == TailCursor()


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"version": 2}, {"version": 1}, {**TailCursor().to_json(), "offset": "9"},
     {**TailCursor().to_json(), "more": 1}],
)  # fmt: skip
def test_a_cursor_that_cannot_be_read_is_an_error(document):
    with pytest.raises(SourceError, match="file cursor cannot be read"):
        TailCursor.from_json(document)
