"""The full book at an instant against the dictionary book replayed from the file's start."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import FormatError
from zanzibar_assets.ingestion import formats, full_book, scid
from zanzibar_assets.ingestion.depth_arrays import depth_arrays
from zanzibar_assets.ingestion.full_book import book_at, snapshot_index
from zanzibar_assets.ingestion.scid import Scale
from zanzibar_assets.ingestion.sources import symbol_of
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets_tests.builders.sierra import depth, sc_us, trade, us, write_depth, write_scid
from zanzibar_assets_tests.ingestion.real_data import FOLDER, needs_real_data
from zanzibar_assets_tests.reference.slow_book import SlowBook, batches_of

TICK = Scale("X", tick_size=0.25)
T0 = "2024-01-03T15:00:00"


def slow_at(rows, instant_us):
    """(price, size) of both sides after the batches whose running stamp lies before the instant."""
    book, running = SlowBook(), 0
    for stamp, batch in batches_of(rows):
        running = max(running, stamp)
        if running >= instant_us:
            break
        book.apply_batch(batch)
    return book.top(10**9)


def levels_of(found):
    sides = {name: frame for (name,), frame in found.levels.partition_by("side", as_dict=True).items()}
    return tuple(
        tuple(sides[name].select("price_ticks", "size").rows()) if name in sides else ()
        for name in ("bid", "ask")
    )


record_rows = st.lists(
    st.tuples(
        st.integers(-3, 9),
        st.sampled_from([0, 1, 2, 2, 3, 3, 4, 5, 6, 7]),
        st.sampled_from([0, 1, 1]),
        st.integers(396, 404),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(record_rows, st.integers(1, 9), st.integers(-5, 260))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_any_instant_equals_the_dictionary_book(tmp_path_factory, rows, block, after):
    moments = np.cumsum([gap for gap, *_ in rows]).tolist() if rows else []
    stamped = [(us(T0) + moment, *rest) for moment, (_, *rest) in zip(moments, rows, strict=True)]
    records = [
        depth(sc_us(T0) + m, c, k / 4, s, flags=f) for m, (_, c, f, k, s) in zip(moments, rows, strict=True)
    ]
    path = write_depth(tmp_path_factory.mktemp("book") / "x.depth", *records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(full_book, "BLOCK_RECORDS", block)
        full_book._index_of.cache_clear()
        found = book_at(path, us(T0) + after, TICK)
    plain = [(t, c, f, k, float(s)) for t, c, f, k, s in stamped]
    assert levels_of(found) == slow_at(plain, us(T0) + after)


def test_strictly_before_and_what_it_says_of_itself(tmp_path):
    path = write_depth(
        tmp_path / "x.depth",
        depth("2024-01-03T15:00:00", 2, 99.0, 4, flags=1, orders=2),
        depth("2024-01-03T15:00:01", 1),
        depth("2024-01-03T15:00:01", 2, 100.0, 5, orders=3),
        depth("2024-01-03T15:00:01", 3, 100.25, 7, flags=1, orders=1),
        depth("2024-01-03T15:00:02", 2, 99.75, 6, flags=1, orders=9),
        depth("2024-01-03T15:00:03", 6, 100.0, 0),
    )
    first = book_at(path, us("2024-01-03T15:00:01"), TICK)
    assert first.levels.rows() == [("bid", 396, 99.0, 4.0, 2)]
    assert (first.as_of_us, first.seeded) == (us("2024-01-03T15:00:00"), False)
    then = book_at(path, us("2024-01-03T15:00:02") + 1, TICK)
    assert then.levels.rows() == [
        ("bid", 400, 100.0, 5.0, 3), ("bid", 399, 99.75, 6.0, 9), ("ask", 401, 100.25, 7.0, 1),
    ]  # fmt: skip
    assert (then.as_of_us, then.seeded) == (us("2024-01-03T15:00:02"), True)
    late = book_at(path, us("2024-01-04T00:00:00"), TICK)
    assert late.levels.equals(then.levels)  # the last batch never ended
    before = book_at(path, us("2024-01-03T14:00:00"), TICK)
    assert (before.levels.height, before.as_of_us, before.seeded) == (0, None, False)
    assert snapshot_index(path).positions.tolist() == [1]


def test_without_a_tick_size_prices_are_the_files_own(tmp_path):
    path = write_depth(tmp_path / "x.depth", depth("2024-01-03T15:00:00", 3, 0.5, 4, flags=1))
    found = book_at(path, us("2024-01-03T15:00:01"), Scale("Y"))
    assert found.levels.rows() == [("ask", None, 0.5, 4.0, 0)]


def test_another_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no depth file"):
        book_at(write_scid(tmp_path / "x.scid", trade("2024-01-03T15:00:00", 1.0, 1.0, 1.25)), 0, TICK)


@needs_real_data
@pytest.mark.parametrize("name", ["ESH24-CME.2023-12-25.depth", "BTCUSDT_PERP_BINANCE.2024-08-08.depth"])
def test_real_books_at_random_instants(name):
    path = FOLDER / name
    scale = scid.scale_of(symbol_of(path), load_instruments().of_symbol(symbol_of(path)))
    records = np.array(formats.map_records(path, formats.read_header(path)))
    arrays, _ = depth_arrays(records, scale)
    instants = [*sorted(np.random.default_rng(4).choice(arrays.stamps_us, 6).tolist()), 2**62]
    book, running, waiting = SlowBook(), 0, list(instants)
    rows = zip(
        *(a.tolist() for a in (arrays.stamps_us, arrays.commands, arrays.flags, arrays.keys, arrays.sizes)),
        strict=True,
    )
    wanted = {}
    for stamp, batch in batches_of(rows):
        running = max(running, stamp)
        while waiting and running >= waiting[0]:
            wanted[waiting.pop(0)] = book.top(10**9)
        book.apply_batch(batch)
    wanted |= dict.fromkeys(waiting, book.top(10**9))
    for instant in instants:
        assert levels_of(book_at(path, instant, scale)) == wanted[instant]
