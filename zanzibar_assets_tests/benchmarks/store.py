"""The partition stores beside the bare thing: PostgreSQL and COPY, the lake and an Arrow file.

Run:  python -m zanzibar_assets_tests.benchmarks.store
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from zanzibar_assets.contracts.registry import TABLES, conform, polars_schema
from zanzibar_assets.store.copy_format import TYPES, encode, schema_names
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.postgres import PostgresStore
from zanzibar_assets.store.postgres_link import PostgresLink
from zanzibar_assets_tests.builders.postgres_server import Server, server_programs

TABLE = "raw_ticks"
VERSION = TABLES[TABLE].version
KEY = PartitionKey("SIM_ES", "2025-01-06")


def ticks(rows: int) -> pl.DataFrame:
    """Simulated ticks in the shape of the stored table: a random walk on a quarter-point grid."""
    dice = np.random.default_rng(7)
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


def seconds(action: Callable[[], object], repeats: int) -> float:
    """Median time of an action after one that is not counted."""
    action()
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def alternating(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Medians of several actions, taken in turns so that a busy machine is busy for all."""
    found: dict[str, list[float]] = {name: [] for name in actions}
    for repeat in range(repeats + 1):
        for name, action in actions.items():
            once = time.perf_counter()
            action()
            if repeat:
                found[name].append(time.perf_counter() - once)
    return {name: statistics.median(times) for name, times in found.items()}


def of_postgres(frame: pl.DataFrame, repeats: int, url: str) -> dict[str, object]:
    """Our write against a bare binary COPY of the same columns: no key, no index, no hash, no ledger."""
    link = PostgresLink(url)
    store = PostgresStore(link)
    columns = schema_names(frame)
    names = ", ".join(f'"{name}"' for name in columns)
    with link.transaction() as cursor:
        body = ", ".join(f'"{name}" {TYPES[kind].sql}' for name, kind in columns.items())
        cursor.execute(f"CREATE TABLE bare ({body})")

    def copy_bare(stream: Callable[[], bytes]) -> None:
        with link.transaction() as cursor:
            cursor.copy_expert(
                f"COPY bare ({names}) FROM STDIN (FORMAT binary)", io.BytesIO(stream()), 1 << 20
            )

    encoded = b"".join(encode(frame, None))
    sessions = iter(f"20{n // 336 + 25:02d}-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}" for n in range(10_000))
    replaced = PartitionKey("SIM_NQ", "2025-01-06")
    actions: dict[str, Callable[[], object]] = {
        "write_new": lambda: store.write(TABLE, PartitionKey("SIM_ES", next(sessions)), VERSION, frame),
        "write_replacing": lambda: store.write(TABLE, replaced, VERSION, frame),
        "bare_from_arrow_our_encoder": lambda: copy_bare(lambda: b"".join(encode(frame, None))),
        "bare_of_ready_bytes": lambda: copy_bare(lambda: encoded),
    }
    if importlib.util.find_spec("pgpq") is not None:
        actions["bare_from_arrow_pgpq"] = lambda: copy_bare(lambda: _pgpq_bytes(frame))
    times = alternating(actions, repeats)
    written = store.write(TABLE, KEY, VERSION, frame)
    times["read"] = seconds(lambda: store.read(TABLE, KEY, VERSION, written.fingerprint), repeats)
    found = {
        "server": store.describe(),
        "seconds": {name: round(value, 4) for name, value in times.items()},
        "rows_per_second_written": round(frame.height / times["write_new"]),
        "write_speed_to": {
            name: round(times[name] / times["write_new"], 3) for name in times if name.startswith("bare")
        },
    }
    store.close()
    return found


def _pgpq_bytes(frame: pl.DataFrame) -> bytes:
    """The stream of another encoder, which is measured where it is installed."""
    from pgpq import ArrowToPostgresBinaryEncoder

    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    encoder = ArrowToPostgresBinaryEncoder(table.schema)
    pieces = [encoder.write_header()]
    pieces += [encoder.write_batch(batch) for batch in table.to_batches(max_chunksize=16_384)]
    return b"".join([*pieces, encoder.finish()])


def of_lake(frame: pl.DataFrame, repeats: int, folder: Path) -> dict[str, object]:
    """Our write and verified read against polars' own Parquet and an uncompressed Arrow file."""
    lake = Lake(folder / "lake")
    arrow, plain = folder / "bare.arrow", folder / "bare.parquet"
    frame.write_ipc(arrow, compression="uncompressed")
    written = lake.write(TABLE, KEY, VERSION, frame)
    times = alternating(
        {
            "write": lambda: lake.write(TABLE, KEY, VERSION, frame),
            "bare_parquet_write": lambda: frame.write_parquet(plain),
            "read": lambda: lake.read(TABLE, KEY, VERSION, written.fingerprint),
            "bare_parquet_read": lambda: pl.read_parquet(plain.read_bytes()),
            "bare_arrow_read": lambda: pl.read_ipc(arrow.read_bytes()),
        },
        repeats,
    )
    return {
        "seconds": {name: round(value, 5) for name, value in times.items()},
        "bytes_per_row": round(written.bytes / frame.height, 2),
        "bare_parquet_bytes_per_row": round(plain.stat().st_size / frame.height, 2),
        "read_time_to_bare_arrow_read": round(times["read"] / times["bare_arrow_read"], 2),
        "read_time_to_bare_parquet_read": round(times["read"] / times["bare_parquet_read"], 2),
    }


def main() -> None:
    """Run the benchmark and print its document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=9)
    asked = parser.parse_args()
    frame = ticks(asked.rows)
    found: dict[str, object] = {"rows": frame.height, "columns": frame.width}
    with tempfile.TemporaryDirectory() as folder:
        found["lake"] = of_lake(frame, asked.repeats, Path(folder))
    programs = server_programs()
    if programs is None:
        found["postgresql"] = "not measured: no PostgreSQL server is installed here"
    else:
        server = Server(programs)
        server.start()
        try:
            found["postgresql"] = of_postgres(frame, asked.repeats, server.url)
        finally:
            server.stop()
    print(json.dumps(found, indent=2))  # noqa: T201 - the document is this script's result


if __name__ == "__main__":
    main()
