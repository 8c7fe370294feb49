"""Narratives, orders, fills, accounts and the configurations that were used, to be asked in SQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the five tables."""
    op.create_table(
        "narratives",
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("narrative_id", sa.Text, nullable=False),
        sa.Column("text_sha256", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("published_us", BIG, nullable=False),
        sa.Column("received_us", BIG, nullable=False),
        sa.Column("bias", sa.Text, nullable=False),
        sa.Column("bias_score", sa.Double, nullable=False),
        sa.Column("conviction", sa.Text, nullable=False),
        sa.Column("conditional", FLAG, nullable=False),
        sa.Column("no_trade", FLAG, nullable=False),
        sa.Column("horizon", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("parser_version", sa.Text, nullable=False),
        sa.Column("simulated", FLAG, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("session", "narrative_id", "text_sha256", "instrument"),
    )
    op.create_index("narratives_by_instrument", "narratives", ["instrument", "session"])
    op.create_table(
        "orders",
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("intent_id", sa.Text, nullable=False),
        sa.Column("signal_id", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("mt5_symbol", sa.Text, nullable=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("dir", sa.Integer, nullable=False),
        sa.Column("decided_us", BIG, nullable=False),
        sa.Column("volume_lots", sa.Double, nullable=False),
        sa.Column("price_reference", sa.Double),
        sa.Column("sl", sa.Double),
        sa.Column("tp", sa.Double),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("gate", sa.Text),
        sa.Column("retcode", BIG),
        sa.Column("order_ticket", BIG),
        sa.Column("deal_ticket", BIG),
        sa.Column("fill_price", sa.Double),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("approved", FLAG, nullable=False),
        sa.Column("spread_assumed", FLAG, nullable=False),
        sa.Column("simulated", FLAG, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("session", "account", "intent_id"),
    )
    op.create_table(
        "fills",
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("deal_ticket", BIG, nullable=False),
        sa.Column("order_ticket", BIG, nullable=False),
        sa.Column("position_id", BIG, nullable=False),
        sa.Column("intent_id", sa.Text),
        sa.Column("signal_id", sa.Text),
        sa.Column("instrument", sa.Text),
        sa.Column("mt5_symbol", sa.Text, nullable=False),
        sa.Column("time_us", BIG, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        sa.Column("volume_lots", sa.Double, nullable=False),
        sa.Column("price", sa.Double, nullable=False),
        sa.Column("commission", sa.Double, nullable=False),
        sa.Column("swap", sa.Double, nullable=False),
        sa.Column("profit", sa.Double, nullable=False),
        sa.Column("fee", sa.Double, nullable=False),
        sa.Column("exit_reason", sa.Text, nullable=False),
        sa.Column("slippage_points", sa.Double),
        sa.Column("approved", FLAG, nullable=False),
        sa.Column("spread_assumed", FLAG, nullable=False),
        sa.Column("simulated", FLAG, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("session", "account", "deal_ticket"),
    )
    op.create_table(
        "accounts",
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("backend", sa.Text, nullable=False),
        sa.Column("as_of_us", BIG, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("balance_start", sa.Double, nullable=False),
        sa.Column("balance", sa.Double, nullable=False),
        sa.Column("equity", sa.Double, nullable=False),
        sa.Column("margin", sa.Double, nullable=False),
        sa.Column("open_positions", BIG, nullable=False),
        sa.Column("realised", sa.Double, nullable=False),
        sa.Column("costs", sa.Double, nullable=False),
        sa.Column("daily_loss_limit", sa.Double, nullable=False),
        sa.Column("room_to_daily_limit", sa.Double, nullable=False),
        sa.Column("halted", FLAG, nullable=False),
        sa.Column("simulated", FLAG, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("session", "account"),
    )
    op.create_table(
        "config_versions",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("first_used_us", BIG, nullable=False),
        sa.Column("last_used_us", BIG, nullable=False),
    )
