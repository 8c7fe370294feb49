"""Tables of the metadata database, the same in SQLite and PostgreSQL; equal to what the migrations make.

Times are UTC microseconds in ``*_us`` columns, documents JSON text. Names and types follow the
first schema; a change here needs a migration (``store/migrations``), which a test demands.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")

METADATA = sa.MetaData()


def partition_columns() -> list[sa.Column[Any]]:
    """What the manifest says of a partition, in the order of its rows; the first two name it."""
    return [
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("partition_key", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text),
        sa.Column("session", sa.Text),
        sa.Column("fingerprint", sa.Text),
        sa.Column("bytes", BIG),
        sa.Column("rows", BIG),
        sa.Column("first_us", BIG),
        sa.Column("last_us", BIG),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("code_version", sa.Text, nullable=False),
        sa.Column("config_hash", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("checks", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("simulated", FLAG, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("written_us", BIG, nullable=False),
    ]


PARTITIONS = sa.Table(
    "partitions",
    METADATA,
    *partition_columns(),
    sa.PrimaryKeyConstraint("table_name", "partition_key"),
    sa.Index("partitions_by_instrument", "table_name", "instrument", "session"),
)

PARTITION_VERSIONS = sa.Table(
    "partition_versions",
    METADATA,
    *partition_columns(),
    sa.Column("superseded_us", BIG, nullable=False),
    sa.Column("superseded_by", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("table_name", "partition_key", "fingerprint", "written_us"),
    sa.Index("partition_versions_by_fingerprint", "fingerprint"),
)
"""Rows of the manifest that another fingerprint replaced; ``superseded_by`` is null when no frame did."""

TRIALS = sa.Table(
    "trials",
    METADATA,
    sa.Column("trial_id", sa.Text, primary_key=True),
    sa.Column("instrument", sa.Text, nullable=False),
    sa.Column("registered_us", BIG, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("score", sa.Text),
    sa.Column("ordinal", BIG, nullable=False),
    sa.Index("trials_by_instrument", "instrument"),
)
"""``ordinal`` counts the trials in the order of their registration."""

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("alert_id", BIG, primary_key=True, autoincrement=True),
    sa.Column("raised_us", BIG, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
