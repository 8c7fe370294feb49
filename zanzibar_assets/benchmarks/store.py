"""The partition stores beside the bare thing: the lake and plain Arrow, PostgreSQL and a bare COPY."""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from zanzibar_assets.benchmarks.measure import Figure, side_by_side
from zanzibar_assets.benchmarks.postgres_server import Server, server_programs
from zanzibar_assets.contracts.registry import TABLES, conform, polars_schema
from zanzibar_assets.store.copy_format import TYPES, encode, schema_names
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake

if TYPE_CHECKING:
    from zanzibar_assets.store.postgres_link import PostgresLink

URL_VARIABLE = "ZANZIBAR_BENCH_DATABASE_URL"
"""Names a server to measure on; without it an installed one is started in a temporary folder."""
TABLE = "raw_ticks"
READ_ROWS = 100_000
"""Ticks of the instrument-session that is read."""
ROUNDS = 9
POSTGRES_ROUNDS = 9
MOST_ROWS = 1_000_000
Say = Callable[[str], None]


def ticks(rows: int, seed: int) -> pl.DataFrame:
    """Simulated ticks in the shape of the stored table: a random walk on a quarter-point grid."""
    dice = np.random.default_rng(seed)
    price = 5_000 + np.cumsum(dice.integers(-1, 2, rows)) * 0.25
    size = dice.integers(1, 20, rows).astype(float)
    side = dice.choice([-1, 1], rows)
    values = {
        "ts_utc": pl.Series(1_736_000_000_000_000 + np.cumsum(dice.integers(1, 500_000, rows))),
        "seq": np.arange(rows), "contract": ["ESH25"] * rows, "kind": ["trade"] * rows, "price": price,
        "size": size, "side": side, "bid": price - 0.25, "ask": price, "trade_id": np.arange(rows),
        "bid_volume": np.where(side < 0, size, 0.0), "ask_volume": np.where(side > 0, size, 0.0),
        "trades": np.ones(rows, dtype=np.int64),
    }  # fmt: skip
    frame = pl.DataFrame(values).with_columns(pl.col("ts_utc").cast(pl.Datetime("us", "UTC")))
    absent = [pl.lit(None, kind).alias(n) for n, kind in polars_schema(TABLE).items() if n not in values]
    return conform(TABLE, frame.with_columns(absent))


def measure(folder: Path, records: int, seed: int, say: Say) -> tuple[list[Figure], list[str]]:
    """Figures of both stores, and what could not be measured; at most a million ticks are written."""
    frame = ticks(min(records, MOST_ROWS), seed)
    say(f"{frame.height} simulated ticks of {frame.width} columns: the lake")
    figures = lake_figures(folder, frame)
    with _server(say) as url:
        if url is None:
            return figures, [
                "PostgreSQL was not measured: no server is installed here (neither pg_config nor"
                f" /usr/lib/postgresql) and {URL_VARIABLE} names none"
            ]
        say("PostgreSQL")
        return figures + postgres_figures(frame, url), []


def lake_figures(folder: Path, frame: pl.DataFrame) -> list[Figure]:
    """Verified reads beside Arrow's own of the same file, durable writes beside polars' default."""
    lake, key, version = Lake(folder / "lake"), PartitionKey("SIM_ES", "2025-01-06"), TABLES[TABLE].version
    session = frame.head(READ_ROWS)
    written = lake.write(TABLE, key, version, session)
    path, arrow, plain = lake.path(TABLE, key, version), folder / "bare.arrow", folder / "bare.parquet"
    session.write_ipc(arrow, compression="uncompressed")
    read = side_by_side(
        {
            "ours": lambda: lake.read(TABLE, key, version, written.fingerprint),
            "arrow": lambda: _read_with_arrow(path),
            "ipc": lambda: pl.read_ipc(arrow.read_bytes()),
        },
        ROUNDS,
    )
    whole = PartitionKey("SIM_ES", "2025-01-07")
    write = side_by_side(
        {
            "ours": lambda: lake.write(TABLE, whole, version, frame),
            "polars": lambda: frame.write_parquet(plain),
        },
        ROUNDS,
    )
    size = lake.path(TABLE, whole, version).stat().st_size
    what, default = f"lake_read_of_{session.height}_ticks", "polars' default write_parquet, not synced"
    return [
        Figure(what, read["ours"], "s", "bare Arrow read of the same file", read["arrow"], wanted=0.5),
        Figure(f"{what}_to_ipc", read["ours"], "s", "read of an uncompressed Arrow file", read["ipc"]),
        Figure("lake_write", write["ours"], "s", default, write["polars"]),
        Figure("lake_write_rate", frame.height / write["ours"] / 1e6, "million rows/s"),
        Figure(
            "lake_bytes_per_tick", size / frame.height, "bytes", default, plain.stat().st_size / frame.height
        ),
    ]


def _read_with_arrow(path: Path) -> object:
    import pyarrow.parquet as pq

    return pq.read_table(path)


def postgres_figures(frame: pl.DataFrame, url: str) -> list[Figure]:
    """Our write beside binary COPY of the same columns: no key, no hash, no ledger."""
    from zanzibar_assets.store.postgres import PostgresStore
    from zanzibar_assets.store.postgres_link import PostgresLink

    link, schema = PostgresLink(url), f"zanzibar_bench_{os.getpid()}"
    store, version = PostgresStore(link, schema), TABLES[TABLE].version
    first = PartitionKey("SIM_ES", "2024-01-02")
    try:
        written = store.write(TABLE, first, version, frame)
        bare = _Bare(link, schema, frame)
        encoded = b"".join(encode(frame, None))
        sessions = (f"20{n // 336 + 25:02d}-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}" for n in range(10_000))
        actions: dict[str, Callable[[], object]] = {
            "ours": lambda: store.write(TABLE, PartitionKey("SIM_ES", next(sessions)), version, frame),
            "ready": lambda: bare.copy(encoded),
        }
        if importlib.util.find_spec("pgpq") is not None:
            actions["pgpq"] = lambda: bare.copy(_pgpq_bytes(frame))
        seconds = side_by_side(actions, POSTGRES_ROUNDS)
        read = side_by_side({"read": lambda: store.read(TABLE, first, version, written.fingerprint)}, 3)
    finally:
        with link.transaction() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        store.close()
    ours, ready = seconds["ours"], seconds["ready"]
    note = None if "pgpq" in seconds else "pgpq is not installed"
    return [
        Figure("postgresql_write", ours, "s", "bare binary COPY of ready bytes", ready, wanted=0.8),
        Figure("postgresql_write_pgpq", ours, "s", "bare COPY from Arrow by pgpq", seconds.get("pgpq"), note),
        Figure("postgresql_write_rate", frame.height / ours / 1e6, "million rows/s"),
        Figure("postgresql_read_rate", frame.height / read["read"] / 1e6, "million rows/s"),
    ]


class _Bare:
    """A table with the frame's columns and nothing else, to copy into."""

    def __init__(self, link: PostgresLink, schema: str, frame: pl.DataFrame) -> None:
        self._link = link
        columns = schema_names(frame)
        self._name = f"{schema}.bare"
        self._columns = ", ".join(f'"{name}"' for name in columns)
        body = ", ".join(f'"{name}" {TYPES[kind].sql}' for name, kind in columns.items())
        with link.transaction() as cursor:
            cursor.execute(f"CREATE TABLE {self._name} ({body})")

    def copy(self, stream: bytes) -> None:
        """One COPY in a transaction of its own."""
        with self._link.transaction() as cursor:
            text = f"COPY {self._name} ({self._columns}) FROM STDIN (FORMAT binary)"
            cursor.copy_expert(text, io.BytesIO(stream), 1 << 20)


def _pgpq_bytes(frame: pl.DataFrame) -> bytes:
    """The stream of another encoder, which is measured where it is installed."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    encoder = importlib.import_module("pgpq").ArrowToPostgresBinaryEncoder(table.schema)
    pieces = [encoder.write_header()]
    pieces += [encoder.write_batch(batch) for batch in table.to_batches(max_chunksize=16_384)]
    return b"".join([*pieces, encoder.finish()])


@contextmanager
def _server(say: Say) -> Iterator[str | None]:
    """Address of the server that is named, or of one that is started for the while; None without any."""
    named, programs = os.environ.get(URL_VARIABLE), server_programs()
    if named or programs is None:
        yield named or None
        return
    say("starting a PostgreSQL server in a temporary folder")
    server = Server(programs)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
