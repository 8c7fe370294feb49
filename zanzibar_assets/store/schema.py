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

NARRATIVES = sa.Table(
    "narratives",
    METADATA,
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
    sa.Index("narratives_by_instrument", "instrument", "session"),
)
"""``instrument`` is the narratives' name of the market, empty when a narrative names none."""

ORDERS = sa.Table(
    "orders",
    METADATA,
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

FILLS = sa.Table(
    "fills",
    METADATA,
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

ACCOUNTS = sa.Table(
    "accounts",
    METADATA,
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
"""The account at each session's end."""

CONFIG_VERSIONS = sa.Table(
    "config_versions",
    METADATA,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("first_used_us", BIG, nullable=False),
    sa.Column("last_used_us", BIG, nullable=False),
)
"""Every configuration that built something: canonical JSON without the home's path."""

MODELS = sa.Table(
    "models",
    METADATA,
    sa.Column("model_id", sa.Text, primary_key=True),
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
    sa.Index("models_by_instrument", "instrument", "ordinal"),
)
"""Every model that was trained: ``document`` is its row of trained_model, so that it can come back."""

MODEL_DECISIONS = sa.Table(
    "model_decisions",
    METADATA,
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
    sa.Index("model_decisions_by_instrument", "instrument"),
    sqlite_autoincrement=True,
)
"""Promotions and rollbacks, with the evidence that they stood on; rows are never changed."""
