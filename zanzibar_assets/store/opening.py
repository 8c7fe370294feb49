"""Which stores a home uses: Parquet files and SQLite, or PostgreSQL when the environment names one."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from zanzibar_assets.store.database import Database
from zanzibar_assets.store.lake import Lake
from zanzibar_assets.store.places import METADATA_SUFFIX, PostgresSchema, SqliteFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zanzibar_assets.config import Config
    from zanzibar_assets.store.partition_store import PartitionStore

DATABASE_VARIABLE = "ZANZIBAR_DATABASE_URL"
SCHEMA_VARIABLE = "ZANZIBAR_DATABASE_SCHEMA"


def open_partition_store(config: Config, environment: Mapping[str, str] | None = None) -> PartitionStore:
    """The store of a home; nothing is connected to yet.

    The address holds a password, so it comes from ``ZANZIBAR_DATABASE_URL`` and never from a file.
    Raises ConfigError when it is no PostgreSQL address.
    """
    found = os.environ if environment is None else environment
    url = found.get(DATABASE_VARIABLE)
    if not url:
        return Lake(config.lake_dir)
    from zanzibar_assets.store.postgres import DEFAULT_SCHEMA, PostgresStore
    from zanzibar_assets.store.postgres_link import PostgresLink

    return PostgresStore(PostgresLink(url), found.get(SCHEMA_VARIABLE) or DEFAULT_SCHEMA)


def metadata_place(
    config: Config, environment: Mapping[str, str] | None = None
) -> SqliteFile | PostgresSchema:
    """Where a home's metadata stands; nothing is connected to yet.

    Raises ConfigError when the address is none of PostgreSQL.
    """
    found = os.environ if environment is None else environment
    url = found.get(DATABASE_VARIABLE)
    if not url:
        return SqliteFile(config.database)
    from zanzibar_assets.store.postgres import DEFAULT_SCHEMA
    from zanzibar_assets.store.postgres_link import PostgresLink

    schema = found.get(SCHEMA_VARIABLE) or DEFAULT_SCHEMA
    return PostgresSchema(PostgresLink(url), schema + METADATA_SUFFIX)


def open_database(config: Config, environment: Mapping[str, str] | None = None) -> Database:
    """The metadata database of a home, made or brought up to date.

    Raises ConfigError when the address is none of PostgreSQL, StoreError when the database cannot
    be reached or was written by a newer version.
    """
    place = metadata_place(config, environment)
    return _shared(place) if isinstance(place, PostgresSchema) else Database(place)


@lru_cache(maxsize=8)
def _shared(place: PostgresSchema) -> Database:
    """One pool a process and schema: each step and each tick opens a workspace."""
    return Database(place)
