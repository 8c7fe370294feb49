"""Manifest, trial registry and alerts: the schema that SQLite homes carry as ``user_version`` 1."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "partitions",
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
        sa.PrimaryKeyConstraint("table_name", "partition_key"),
    )
    op.create_index("partitions_by_instrument", "partitions", ["table_name", "instrument", "session"])
    op.create_table(
        "trials",
        sa.Column("trial_id", sa.Text, primary_key=True),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("registered_us", BIG, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("score", sa.Text),
    )
    op.create_index("trials_by_instrument", "trials", ["instrument"])
    op.create_table(
        "alerts",
        sa.Column("alert_id", BIG, primary_key=True, autoincrement=True),
        sa.Column("raised_us", BIG, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
