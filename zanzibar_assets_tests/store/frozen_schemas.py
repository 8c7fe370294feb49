"""Columns of every version of every table as they were when the version was made: ``schemas/*.json``.

Run after a contract got a new version:  python -m zanzibar_assets_tests.store.frozen_schemas
A file that is there is never changed: partitions of that version stand in people's homes.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from zanzibar_assets.contracts.registry import TABLES, polars_schema

FOLDER = Path(__file__).parent / "schemas"
STAMP = pl.Datetime("us", "UTC")
STAMP_NAME = "Datetime(us, UTC)"


def path_of(table: str, version: int) -> Path:
    return FOLDER / f"{table}.v{version}.json"


def columns_now(table: str) -> dict[str, str]:
    """Columns of today's contract by name."""
    return {name: STAMP_NAME if kind == STAMP else str(kind) for name, kind in polars_schema(table).items()}


def frozen(table: str, version: int) -> dict[str, str]:
    """Columns of a version as they were written down."""
    found: dict[str, str] = json.loads(path_of(table, version).read_text(encoding="utf-8"))
    return found


def known_versions() -> list[tuple[str, int]]:
    """Every (table, version) that was ever written down."""
    names = (path.name.removesuffix(".json").rsplit(".v", 1) for path in sorted(FOLDER.glob("*.json")))
    return [(table, int(version)) for table, version in names]


def frame_of(table: str, version: int, rows: int, seed: int = 7) -> pl.DataFrame:
    """A frame with a version's columns and made-up values of their types."""
    dice = random.Random(f"{table} {version} {seed}")
    made = {name: [_value(kind, dice) for _ in range(rows)] for name, kind in frozen(table, version).items()}
    kinds = {name: _type(kind) for name, kind in frozen(table, version).items()}
    return pl.DataFrame(made, schema=kinds)


def _type(name: str) -> pl.DataType:
    return STAMP if name == STAMP_NAME else getattr(pl, name)()


def _value(kind: str, dice: random.Random) -> object:
    if kind == STAMP_NAME:
        return datetime(2025, 1, 6, tzinfo=UTC) + timedelta(microseconds=dice.randrange(10**10))
    if kind == "String":
        return dice.choice(["a", "b", "ESH25"])
    if kind == "Boolean":
        return dice.random() < 0.5
    return dice.uniform(0, 100) if kind.startswith("Float") else dice.randrange(100)


def write_missing() -> list[str]:
    """Write down today's versions that are not yet there; their names."""
    made = []
    for table, contract in TABLES.items():
        path = path_of(table, contract.version)
        if not path.exists():
            path.write_text(json.dumps(columns_now(table), indent=1) + "\n", encoding="utf-8")
            made.append(path.name)
    return made


if __name__ == "__main__":
    print("\n".join(write_missing()) or "every version is written down already")  # noqa: T201
