"""Superseded rows of the manifest are kept; trials count their order themselves, not by SQLite's row ids."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make ``partition_versions`` and number the trials in the order of their registration."""
    op.create_table(
        "partition_versions",
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
        sa.Column("superseded_us", BIG, nullable=False),
        sa.Column("superseded_by", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("table_name", "partition_key", "fingerprint", "written_us"),
    )
    op.create_index("partition_versions_by_fingerprint", "partition_versions", ["fingerprint"])
    order = "rowid" if op.get_bind().dialect.name == "sqlite" else "registered_us, trial_id"
    with op.batch_alter_table("trials") as trials:
        trials.add_column(sa.Column("ordinal", BIG))
    op.execute(
        "UPDATE trials SET ordinal = counted.n FROM"
        f" (SELECT trial_id, row_number() OVER (ORDER BY {order}) AS n FROM trials) AS counted"
        " WHERE counted.trial_id = trials.trial_id"
    )
    with op.batch_alter_table("trials") as trials:
        trials.alter_column("ordinal", existing_type=BIG, nullable=False)
        trials.alter_column("trial_id", existing_type=sa.Text, nullable=False)
    # SQLite lets a key be null unless told otherwise; homes from before alembic did not tell
    with op.batch_alter_table("alerts", table_kwargs={"sqlite_autoincrement": True}) as alerts:
        alerts.alter_column("alert_id", existing_type=BIG, nullable=False)
