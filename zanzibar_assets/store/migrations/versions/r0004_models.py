"""Models with their standing, and the decisions that gave it to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "models",
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("approved", FLAG, nullable=False),
        sa.Column("registered_us", BIG, nullable=False),
        sa.Column("ordinal", BIG, nullable=False),
        sa.Column("trained_through", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("verdict_reason", sa.Text, nullable=False),
        sa.Column("validation_fingerprint", sa.Text, nullable=False),
        sa.Column("validated_us", BIG, nullable=False),
        sa.Column("simulated", FLAG, nullable=False),
        sa.PrimaryKeyConstraint("model_id"),
    )
    op.create_index("models_by_instrument", "models", ["instrument", "ordinal"])
    op.create_table(
        "model_decisions",
        sa.Column("decision_id", BIG, primary_key=True, autoincrement=True),
        sa.Column("decided_us", BIG, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("replaced", sa.Text),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("validation_fingerprint", sa.Text, nullable=False),
        sa.Column("approved", FLAG, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("model_decisions_by_instrument", "model_decisions", ["instrument"])
