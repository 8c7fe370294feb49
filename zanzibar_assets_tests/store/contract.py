"""What every partition store must do; each implementation's tests inherit this class."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from zanzibar_assets.contracts.registry import TABLES, empty, polars_schema
from zanzibar_assets.errors import CorruptPartition, MissingInput
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Grain

KEYS = {
    Grain.MARKET: PartitionKey("ES", "2025-01-06"),
    Grain.SESSION: PartitionKey(session="2025-01-06"),
    Grain.INSTRUMENT: PartitionKey("ES"),
}
KEY = KEYS[Grain.MARKET]
STAMPS = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
LAW = settings(
    deadline=None, max_examples=6, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

KILLED_WRITER = """
import os, signal, sys
import polars as pl
from zanzibar_assets.store.keys import PartitionKey
{opening}
def killed(*anything):
    os.kill(os.getpid(), signal.SIGKILL)
{fault}
store.write("bars", PartitionKey("ES", "2025-01-06"), 1, pl.DataFrame({{"a": [1], "b": [2.0]}}))
"""


def values(kind):
    """Every value that a column type can hold, and null."""
    if kind == pl.String:
        found = TEXTS
    elif kind == pl.Boolean:
        found = st.booleans()
    elif kind.is_float():
        found = st.floats(width=64)
    elif kind.is_temporal():
        found = STAMPS
    else:
        low, high = pl.select(kind.min(), kind.max().alias("high")).row(0)
        found = st.integers(low, high)
    return st.none() | found


@st.composite
def frames(draw, table):
    """Up to five rows of a table."""
    rows = draw(st.integers(0, 5))
    columns = {
        name: pl.Series(name, draw(st.lists(values(kind), min_size=rows, max_size=rows)), dtype=kind)
        for name, kind in polars_schema(table).items()
    }
    return pl.DataFrame(columns)


def numbered(rows, value=0.5):
    return pl.DataFrame({"a": list(range(rows)), "b": [value] * rows})


class StoreContract:
    """Behaviour that callers rely on, whatever the store; subclasses give the fixtures.

    ``store`` is an empty store, ``damage(store)`` alters what is stored of ``bars`` ``KEY`` behind
    its back, ``opening`` and ``fault`` are the text of a writer in another process that is killed
    before its write is done.
    """

    @pytest.mark.parametrize("table", TABLES)
    def test_rows_of_every_table_come_back_as_they_were(self, store, table):
        key = KEYS[TABLES[table].grain]

        @LAW
        @given(frames(table))
        def law(frame):
            written = store.write(table, key, 1, frame)
            found = store.read(table, key, 1, written.fingerprint)
            assert found.equals(frame, null_equal=True)
            assert found.schema == frame.schema
            assert written.rows == frame.height

        law()

    def test_values_at_the_edges_come_back(self, store):
        schema = {"i8": pl.Int8, "i16": pl.Int16, "i32": pl.Int32, "i64": pl.Int64, "u8": pl.UInt8}
        schema |= {"u16": pl.UInt16, "f": pl.Float64, "t": pl.String, "b": pl.Boolean}
        rows = [
            [-128, -(2**15), -(2**31), -(2**63), 0, 0, float("-inf"), "", False],
            [127, 2**15 - 1, 2**31 - 1, 2**63 - 1, 255, 65535, float("nan"), "zażółć 🦓\n\t\\N", True],
            [None] * 9,
            [0, 0, 0, 0, 1, 1, -0.0, "x" * 5000, None],
            [1, 1, 1, 1, 2, 2, 5e-324, "\\.", True],
        ]
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        written = store.write("edges", KEY, 1, frame)
        found = store.read("edges", KEY, 1, written.fingerprint)
        assert found.equals(frame)
        assert str(found["f"][3]) == "-0.0"

    def test_many_rows_keep_their_order(self, store):
        frame = pl.DataFrame({"a": [(x * 7919) % 50_021 for x in range(50_021)], "b": [1.0] * 50_021})
        store.write("bars", KEY, 1, numbered(40_000))
        written = store.write("bars", KEY, 1, frame)
        assert store.read("bars", KEY, 1, written.fingerprint).equals(frame)

    @pytest.mark.parametrize("grain", KEYS)
    def test_an_empty_frame_keeps_its_columns(self, store, grain):
        table = next(name for name, contract in TABLES.items() if contract.grain is grain)
        written = store.write(table, KEYS[grain], 1, empty(table))
        found = store.read(table, KEYS[grain], 1, written.fingerprint)
        assert (found.height, dict(found.schema)) == (0, polars_schema(table))

    def test_the_same_frame_gives_the_same_fingerprint_and_another_frame_another(self, store):
        first = store.write("bars", KEY, 1, numbered(5))
        assert store.write("bars", KEY, 1, numbered(5).clone()) == first
        other = store.write("bars", KEY, 1, numbered(5, 0.5 + 1e-12))
        assert other.fingerprint != first.fingerprint
        renamed = store.write("named", KEY, 1, numbered(5).rename({"b": "c"}))
        assert renamed.fingerprint != first.fingerprint

    def test_a_write_replaces_its_partition_and_no_other(self, store):
        later, other = PartitionKey("ES", "2025-01-07"), PartitionKey("NQ", "2025-01-06")
        kept = [(key, store.write("bars", key, 1, numbered(3))) for key in (later, other)]
        store.write("bars", KEY, 1, numbered(10))
        new = store.write("bars", KEY, 1, numbered(2))
        assert store.read("bars", KEY, 1, new.fingerprint).height == 2
        for key, written in kept:
            assert store.read("bars", key, 1, written.fingerprint).equals(numbered(3))

    def test_what_was_replaced_stays_readable_by_its_fingerprint(self, store):
        made = [numbered(10 + number, float(number)) for number in range(4)]
        written = [store.write("bars", KEY, 1, frame) for frame in made]
        for frame, result in zip(made, written, strict=True):
            assert store.read("bars", KEY, 1, result.fingerprint).equals(frame)
        assert [store.exists("bars", KEY, 1, w.fingerprint) for w in written] == [False, False, False, True]
        assert store.kept("bars", KEY, 1) == sorted(w.fingerprint for w in written[:3])
        assert store.kept("bars", PartitionKey("ES", "2025-01-07"), 1) == []
        assert store.kept("never", KEY, 1) == []

    def test_what_was_never_written_is_not_found_among_the_replaced(self, store):
        store.write("bars", KEY, 1, numbered(1))
        now = store.write("bars", KEY, 1, numbered(2)).fingerprint
        unknown = now[:-1] + ("0" if now[-1] != "0" else "1")
        with pytest.raises(CorruptPartition, match="not what was written"):
            store.read("bars", KEY, 1, unknown)

    def test_the_same_rows_again_make_no_version(self, store):
        for _ in range(3):
            store.write("bars", KEY, 1, numbered(5))
        assert store.kept("bars", KEY, 1) == []

    def test_a_partition_that_goes_back_is_current_and_nothing_else(self, store):
        first = store.write("bars", KEY, 1, numbered(5))
        second = store.write("bars", KEY, 1, numbered(6))
        assert store.write("bars", KEY, 1, numbered(5)) == first
        assert store.kept("bars", KEY, 1) == [second.fingerprint]
        assert store.exists("bars", KEY, 1, first.fingerprint)
        for result, rows in ((first, 5), (second, 6)):
            assert store.read("bars", KEY, 1, result.fingerprint).equals(numbered(rows))

    def test_a_version_that_is_forgotten_is_gone_and_the_current_partition_is_not(self, store):
        old = store.write("bars", KEY, 1, numbered(5)).fingerprint
        now = store.write("bars", KEY, 1, numbered(6)).fingerprint
        assert store.forget("bars", KEY, 1, now) == 0
        assert store.forget("bars", KEY, 1, old) > 0
        assert store.forget("bars", KEY, 1, old) == 0
        assert store.kept("bars", KEY, 1) == []
        with pytest.raises(CorruptPartition):
            store.read("bars", KEY, 1, old)
        assert store.read("bars", KEY, 1, now).equals(numbered(6))

    def test_every_grain_keeps_its_versions(self, store):
        for grain, key in KEYS.items():
            table = f"of_{grain.value}"
            old = store.write(table, key, 1, numbered(2))
            store.write(table, key, 1, numbered(3))
            assert store.read(table, key, 1, old.fingerprint).equals(numbered(2))
            assert store.kept(table, key, 1) == [old.fingerprint]

    def test_schema_versions_stand_beside_each_other(self, store):
        first = store.write("bars", KEY, 1, numbered(3))
        second = store.write("bars", KEY, 2, numbered(3).with_columns(c=pl.lit("new")))
        assert store.read("bars", KEY, 1, first.fingerprint).columns == ["a", "b"]
        assert store.read("bars", KEY, 2, second.fingerprint).columns == ["a", "b", "c"]
        assert store.location("bars", KEY, 1) != store.location("bars", KEY, 2)

    def test_what_was_never_written_is_missing(self, store):
        assert not store.exists("bars", KEY, 1, "0" * 32)
        with pytest.raises(MissingInput, match=r"materialize bars ES\|2025-01-06 again"):
            store.read("bars", KEY, 1, "0" * 32)
        written = store.write("bars", KEY, 1, numbered(1))
        assert store.exists("bars", KEY, 1, written.fingerprint)
        assert not store.exists("bars", KEY, 2, written.fingerprint)
        with pytest.raises(MissingInput):
            store.read("bars", PartitionKey("ES", "2025-01-07"), 1, written.fingerprint)

    def test_what_another_kind_of_store_wrote_is_missing(self, store):
        written = store.write("bars", KEY, 1, numbered(1))
        foreign = written.fingerprint.removeprefix("pg:") if ":" in written.fingerprint else "pg:" + "0" * 32
        assert not store.exists("bars", KEY, 1, foreign)
        with pytest.raises(MissingInput):
            store.read("bars", KEY, 1, foreign)

    def test_damage_is_found_on_read(self, store, damage):
        written = store.write("bars", KEY, 1, numbered(1000))
        damage(store)
        with pytest.raises(CorruptPartition, match="not what was written"):
            store.read("bars", KEY, 1, written.fingerprint)

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is a POSIX signal")
    def test_a_killed_writer_leaves_the_old_partition(self, store, opening, fault):
        written = store.write("bars", KEY, 1, numbered(1000))
        text = KILLED_WRITER.format(opening=opening, fault=fault)
        done = subprocess.run([sys.executable, "-c", text], check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert store.read("bars", KEY, 1, written.fingerprint).equals(numbered(1000))
        store.sweep()
        assert store.sweep() == 0
        again = store.write("bars", KEY, 1, numbered(7))
        assert store.read("bars", KEY, 1, again.fingerprint).height == 7

    def test_a_failed_write_leaves_the_old_partition(self, store):
        written = store.write("bars", KEY, 1, numbered(10))
        with pytest.raises(Exception, match=r"."):
            store.write("bars", KEY, 1, numbered(3).with_columns(b=pl.Series([object()] * 3)))
        assert store.read("bars", KEY, 1, written.fingerprint).equals(numbered(10))

    def test_writers_of_one_partition_come_one_after_the_other(self, store):
        made = [numbered(3000, float(value)) for value in range(4)]
        written, errors = {}, []

        def write(number):
            try:
                for _ in range(3):
                    written[number] = store.write("bars", KEY, 1, made[number])
            except Exception as error:  # noqa: BLE001 - shown by the assertion below
                errors.append(error)
            finally:
                if hasattr(store, "close"):
                    store.close()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        standing = [n for n, result in written.items() if store.exists("bars", KEY, 1, result.fingerprint)]
        assert len(standing) == 1
        for number, result in written.items():
            assert store.read("bars", KEY, 1, result.fingerprint).equals(made[number])
        assert store.kept("bars", KEY, 1) == sorted(
            result.fingerprint for number, result in written.items() if number not in standing
        )
