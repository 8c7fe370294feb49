"""The configurations that built something: their canonical text by hash, first and last use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from zanzibar_assets.config import Config, stable_hash
from zanzibar_assets.store.database import Database, Transaction

if TYPE_CHECKING:
    from sqlalchemy import Insert, Select

    from zanzibar_assets.instruments import Instrument

HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One configuration; times in UTC microseconds."""

    hash: str
    text: str
    first_used_us: int
    last_used_us: int


def canonical(config: Config, instruments: Sequence[Instrument]) -> str:
    """The configuration with the definitions of its instruments as sorted JSON, without the home's path."""
    document = {
        "config": config.model_dump(mode="json", exclude={"home"}),
        "instruments": {instrument.id: instrument.definition_hash for instrument in instruments},
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def note_use(transaction: Transaction, text: str, used_us: int) -> None:
    """Write down that a configuration builds; a known one gets its newest use."""
    values = {
        "hash": stable_hash(json.loads(text), HASH_BYTES),
        "text": text,
        "first_used_us": used_us,
        "last_used_us": used_us,
    }
    transaction.run(_statements()[0], values)


def config_versions(database: Database) -> list[ConfigVersion]:
    """Every configuration that built something, in the order of first use."""
    with database.reading() as transaction:
        rows = transaction.rows(_statements()[1])
    return [ConfigVersion(*row) for row in rows]


@cache
def _statements() -> tuple[Insert, Select[Any]]:
    from sqlalchemy import select
    from sqlalchemy.dialects.postgresql import insert

    from zanzibar_assets.store.schema import CONFIG_VERSIONS

    new = insert(CONFIG_VERSIONS)
    put = new.on_conflict_do_update(index_elements=["hash"], set_={"last_used_us": new.excluded.last_used_us})
    columns = CONFIG_VERSIONS.c
    return put, select(CONFIG_VERSIONS).order_by(columns.first_used_us, columns.hash)
