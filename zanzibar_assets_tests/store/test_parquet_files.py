"""The Parquet writer: every reader reads the rows back; the bytes depend on the rows alone."""

import io
import itertools
from datetime import date, datetime

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.contracts.registry import TABLES, empty
from zanzibar_assets.errors import StoreError
from zanzibar_assets.store import parquet_columns, parquet_files
from zanzibar_assets.store.parquet_files import ParquetWriter, write_frame

UTC = pl.Datetime("us", "UTC")
SCHEMA = {
    "ts_utc": UTC, "seq": pl.Int64, "price": pl.Float64, "ratio": pl.Float32, "side": pl.Int8,
    "count": pl.UInt32, "name": pl.String, "flag": pl.Boolean, "day": pl.Date,
}  # fmt: skip


def frame_of(rows: int, seed: int, null_share: float = 0.3) -> pl.DataFrame:
    """Random rows of every column type that the house stores."""
    dice = np.random.default_rng(seed)
    values = {
        "ts_utc": 1_700_000_000_000_000 + np.cumsum(dice.integers(-5, 900_000, rows)),
        "seq": np.arange(rows) - 2**62,
        "price": 4_000 + np.cumsum(dice.integers(-2, 3, rows)) * 0.25,
        "ratio": dice.normal(size=rows).astype(np.float32),
        "side": dice.integers(-1, 2, rows).astype(np.int8),
        "count": dice.integers(0, 2**32, rows).astype(np.uint32),
        "name": dice.choice(["trade", "sub_first", "", "zażółć"], rows),
        "flag": dice.random(rows) < 0.5,
        "day": dice.integers(0, 20_000, rows).astype(np.int32),
    }
    frame = pl.DataFrame(values).cast({"name": pl.String}).cast({"ts_utc": UTC, "day": pl.Date})
    absent = {name: pl.Series(dice.random(rows) < null_share) for name in frame.columns[1:]}
    masked = [pl.when(absent[name]).then(None).otherwise(pl.col(name)).alias(name) for name in absent]
    return frame.with_columns(masked).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def written(*frames: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    with ParquetWriter(stream) as writer:
        for frame in frames:
            writer.write(frame)
    return stream.getvalue()


def cuts_of(frame: pl.DataFrame, cuts: list[int]) -> list[pl.DataFrame]:
    edges = [0, *sorted(cut % (frame.height + 1) for cut in cuts), frame.height]
    return [frame.slice(a, b - a) for a, b in itertools.pairwise(edges)]


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(parquet_files, "ROW_GROUP_ROWS", 512)


def read_by_all(path):
    """The rows as polars, pyarrow and duckdb read them."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        asked = f"SELECT * REPLACE (epoch_us(ts_utc) AS ts_utc) FROM '{path}'"
        from_duckdb = pl.from_arrow(connection.sql(asked).to_arrow_table())
    stamps = from_duckdb["ts_utc"].cast(UTC)
    return pl.read_parquet(path), pl.from_arrow(pq.read_table(path)), from_duckdb.with_columns(stamps)


@pytest.mark.parametrize("rows", [0, 1, 7, 512, 513, 5_000])
@pytest.mark.parametrize("limits", [None, (3, 40)], ids=["few distinct values", "many"])
def test_polars_pyarrow_and_duckdb_read_the_same_rows(tmp_path, monkeypatch, rows, limits, small_groups):
    if limits:
        monkeypatch.setattr(parquet_columns, "DISTINCT_WHOLE_LIMIT", limits[0])
        monkeypatch.setattr(parquet_columns, "DISTINCT_LIMIT", limits[1])
    frame = frame_of(rows, seed=rows)
    path = tmp_path / "a.parquet"
    write_frame(frame, path)
    assert pl.read_parquet(path).schema == frame.schema
    for found in read_by_all(path):
        assert found.equals(frame)
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] in (
        [512] * (rows // 512) + [rows % 512] * (rows % 512 > 0),
        [0],
    )


@pytest.mark.parametrize("distinct", [1, 2, 3, 5, 17, 250, 300, 5_000, 40_000])
def test_any_number_of_distinct_values(tmp_path, monkeypatch, distinct):
    monkeypatch.setattr(parquet_files, "ROW_GROUP_ROWS", 100_003)
    pick = np.random.default_rng(distinct).integers(0, distinct, 100_010)
    values = {"ts_utc": pl.Series(pick).cast(UTC), "f": pick * 0.1, "n": pick.astype(np.int32) << 14}
    frame = pl.DataFrame({**values, "s": [f"word {n}" for n in pick], "none": [None] * 100_010})
    frame = frame.cast({"none": pl.Float64})
    path = tmp_path / "a.parquet"
    write_frame(frame, path)
    for found in read_by_all(path):
        assert found.equals(frame)


def test_bounds_of_each_row_group_let_readers_skip_it(tmp_path, small_groups):
    frame = frame_of(2_000, seed=3)
    path = tmp_path / "a.parquet"
    write_frame(frame, path)
    for index in range(4):
        rows, stored = frame.slice(index * 512, 512), pq.ParquetFile(path).metadata.row_group(index)
        for name in ("ts_utc", "seq", "price", "ratio", "side", "count", "day"):
            bounds = stored.column(frame.columns.index(name)).statistics
            assert (bounds.min, bounds.max, bounds.null_count) == (
                rows[name].min(), rows[name].max(), rows[name].null_count()
            )  # fmt: skip


def test_compiled_and_arrow_files_hold_the_same_rows(tmp_path, monkeypatch):
    frame = frame_of(3_000, seed=8)
    write_frame(frame, tmp_path / "arrow.parquet")
    monkeypatch.setattr(parquet_files, "ROW_GROUP_ROWS", 1_024)
    write_frame(frame, tmp_path / "compiled.parquet")
    arrow, compiled = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("arrow", "compiled"))
    assert arrow.equals(compiled)
    assert arrow.schema == compiled.schema
    assert pq.ParquetFile(tmp_path / "compiled.parquet").metadata.created_by == "zanzibar-assets"


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(0, 1_500), st.integers(0, 99), st.lists(st.integers(0, 2_000), max_size=6))
def test_the_bytes_are_those_of_the_rows_however_they_come(rows, seed, cuts):
    frame = frame_of(rows, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_files, "ROW_GROUP_ROWS", 256)
        assert written(frame) == written(*cuts_of(frame, cuts)) == written(pl.concat(cuts_of(frame, cuts)))


def test_words_of_enums_are_stored_as_text(tmp_path):
    kind = pl.Series("kind", ["a", None, "b"], dtype=pl.Enum(["b", "a"]))
    write_frame(
        kind.to_frame().with_columns(other=pl.col("kind").cast(pl.Categorical)), tmp_path / "a.parquet"
    )
    found = pl.read_parquet(tmp_path / "a.parquet")
    assert found.schema == {"kind": pl.String, "other": pl.String}
    assert found["kind"].to_list() == found["other"].to_list() == ["a", None, "b"]


def test_nested_columns_come_back():
    frame = pl.DataFrame({"at": [[1, 2], [], None], "in": [{"x": 1.5}, {"x": None}, {"x": 0.0}]})
    assert pl.read_parquet(io.BytesIO(written(frame))).equals(frame)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_of_the_house_keeps_its_types(table):
    assert pl.read_parquet(io.BytesIO(written(empty(table)))).schema == empty(table).schema


@pytest.mark.parametrize("group", [8, 1_000])
def test_hard_values_come_back_bit_for_bit(monkeypatch, group):
    monkeypatch.setattr(parquet_files, "ROW_GROUP_ROWS", group)
    monkeypatch.setattr(parquet_columns, "DISTINCT_WHOLE_LIMIT", 3)
    hard = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1.7e308, None]
    whole = [2**63 - 1, -(2**63), 0, -1, None, 2**63 - 1, -(2**63), 1]
    frame = pl.DataFrame({"f": hard, "i": whole, "s": [date(1, 1, 1), date(9999, 12, 31)] * 4})
    found = pl.read_parquet(io.BytesIO(written(frame)))
    assert found["i"].to_list() == whole
    assert found["s"].to_list() == frame["s"].to_list()
    assert found["f"].to_numpy().tobytes()[:56] == frame["f"].to_numpy().tobytes()[:56]


def test_other_columns_and_no_columns_are_refused():
    first = pl.DataFrame({"a": [1]})
    with pytest.raises(StoreError, match="other columns"):
        written(first, pl.DataFrame({"a": [1.0]}))
    with pytest.raises(StoreError, match="at least one frame"):
        written()


def test_an_error_on_the_way_completes_nothing():
    stream = io.BytesIO()
    writer = ParquetWriter(stream)
    writer.write(pl.DataFrame({"at": [datetime(2024, 1, 1)]}))
    with pytest.raises(RuntimeError), writer:
        raise RuntimeError
    assert not stream.getvalue().endswith(b"PAR1")
