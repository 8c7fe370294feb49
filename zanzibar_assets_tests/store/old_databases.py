"""Metadata databases as older versions wrote them: their SQL by revision and kind, with rows in it.

The texts are never edited: a new revision adds its own.
"""

from __future__ import annotations

_PARTITION = """
  table_name TEXT NOT NULL, partition_key TEXT NOT NULL,
  instrument TEXT, session TEXT,
  fingerprint TEXT<named>, bytes <big>, rows <big>, first_us <big>, last_us <big>,
  schema_version INTEGER NOT NULL, code_version TEXT NOT NULL, config_hash TEXT NOT NULL,
  verdict TEXT NOT NULL, reasons TEXT NOT NULL, checks TEXT NOT NULL,
  inputs TEXT NOT NULL, notes TEXT NOT NULL,
  simulated <flag> NOT NULL, run_id TEXT NOT NULL, written_us <big> NOT NULL,"""

_FIRST = f"""
CREATE TABLE partitions ({_PARTITION.replace("<named>", "")}
  PRIMARY KEY (table_name, partition_key));
CREATE INDEX partitions_by_instrument ON partitions (table_name, instrument, session);
CREATE TABLE alerts (
  alert_id <counter>, raised_us <big> NOT NULL,
  kind TEXT NOT NULL, detail TEXT NOT NULL);
"""
_TRIALS_1 = """
CREATE TABLE trials (
  trial_id TEXT PRIMARY KEY, instrument TEXT NOT NULL, registered_us <big> NOT NULL,
  record TEXT NOT NULL, score TEXT);
CREATE INDEX trials_by_instrument ON trials (instrument);
"""
_TRIALS_2 = _TRIALS_1.replace("trial_id TEXT PRIMARY KEY", "trial_id TEXT NOT NULL PRIMARY KEY").replace(
    "score TEXT)", "score TEXT, ordinal <big> NOT NULL)"
)
_VERSIONS_2 = f"""
CREATE TABLE partition_versions ({_PARTITION.replace("<named>", " NOT NULL")}
  superseded_us <big> NOT NULL, superseded_by TEXT, reason TEXT NOT NULL,
  PRIMARY KEY (table_name, partition_key, fingerprint, written_us));
CREATE INDEX partition_versions_by_fingerprint ON partition_versions (fingerprint);
"""
_MARK = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('<revision>');
"""
_ROW = (
    "'bars', 'ES|2025-01-06', 'ES', '2025-01-06', '<fingerprint>', 10, 3, 1736121600000000, NULL, 1,"
    " 'code', 'conf', 'ok', '[]', '[[\"contract\", true, \"3 rows\", true]]',"
    ' \'[["source:ES.scid", "0+40", "beef"]]\', \'{"contract": "ESH25"}\', <true>, \'run-1\','
    " 1736200000000000"
)
_ROWS_1 = f"""
INSERT INTO partitions VALUES ({_ROW.replace("<fingerprint>", "ff01")});
INSERT INTO alerts (raised_us, kind, detail) VALUES (1736200000000001, 'failed_run', 'bars');
"""
_TRIAL_ROWS_1 = """
INSERT INTO trials VALUES ('z', 'ES', 5, '{"n": 1}', '{"sharpe": 0.5}');
INSERT INTO trials VALUES ('a', 'ES', <second>, '{"n": 2}', NULL);
"""
_TRIAL_ROWS_2 = """
INSERT INTO trials VALUES ('z', 'ES', 5, '{"n": 1}', '{"sharpe": 0.5}', 1);
INSERT INTO trials VALUES ('a', 'ES', 5, '{"n": 2}', NULL, 2);
"""
_VERSION_ROWS_2 = f"""
INSERT INTO partition_versions VALUES ({_ROW.replace("<fingerprint>", "ff00")},
  1736200000000000, 'ff01', 'source changed');
"""

_LEDGERS_3 = """
CREATE TABLE narratives (
  session TEXT NOT NULL, narrative_id TEXT NOT NULL, text_sha256 TEXT NOT NULL,
  instrument TEXT NOT NULL, author TEXT NOT NULL, published_us <big> NOT NULL,
  received_us <big> NOT NULL, bias TEXT NOT NULL, bias_score <double> NOT NULL,
  conviction TEXT NOT NULL, conditional <flag> NOT NULL, no_trade <flag> NOT NULL, horizon TEXT,
  document TEXT NOT NULL, parser_version TEXT NOT NULL, simulated <flag> NOT NULL,
  fingerprint TEXT NOT NULL, PRIMARY KEY (session, narrative_id, text_sha256, instrument));
CREATE INDEX narratives_by_instrument ON narratives (instrument, session);
CREATE TABLE orders (
  session TEXT NOT NULL, account TEXT NOT NULL, intent_id TEXT NOT NULL, signal_id TEXT NOT NULL,
  instrument TEXT NOT NULL, mt5_symbol TEXT NOT NULL, backend TEXT NOT NULL, dir INTEGER NOT NULL,
  decided_us <big> NOT NULL, volume_lots <double> NOT NULL, price_reference <double>, sl <double>,
  tp <double>, state TEXT NOT NULL, gate TEXT, retcode <big>, order_ticket <big>, deal_ticket <big>,
  fill_price <double>, reason TEXT NOT NULL, approved <flag> NOT NULL,
  spread_assumed <flag> NOT NULL, simulated <flag> NOT NULL, fingerprint TEXT NOT NULL,
  PRIMARY KEY (session, account, intent_id));
CREATE TABLE fills (
  session TEXT NOT NULL, account TEXT NOT NULL, deal_ticket <big> NOT NULL,
  order_ticket <big> NOT NULL, position_id <big> NOT NULL, intent_id TEXT, signal_id TEXT,
  instrument TEXT, mt5_symbol TEXT NOT NULL, time_us <big> NOT NULL, side TEXT NOT NULL,
  entry TEXT NOT NULL, volume_lots <double> NOT NULL, price <double> NOT NULL,
  commission <double> NOT NULL, swap <double> NOT NULL, profit <double> NOT NULL,
  fee <double> NOT NULL, exit_reason TEXT NOT NULL, slippage_points <double>,
  approved <flag> NOT NULL, spread_assumed <flag> NOT NULL, simulated <flag> NOT NULL,
  fingerprint TEXT NOT NULL, PRIMARY KEY (session, account, deal_ticket));
CREATE TABLE accounts (
  session TEXT NOT NULL, account TEXT NOT NULL, backend TEXT NOT NULL, as_of_us <big> NOT NULL,
  currency TEXT NOT NULL, balance_start <double> NOT NULL, balance <double> NOT NULL,
  equity <double> NOT NULL, margin <double> NOT NULL, open_positions <big> NOT NULL,
  realised <double> NOT NULL, costs <double> NOT NULL, daily_loss_limit <double> NOT NULL,
  room_to_daily_limit <double> NOT NULL, halted <flag> NOT NULL, simulated <flag> NOT NULL,
  fingerprint TEXT NOT NULL, PRIMARY KEY (session, account));
CREATE TABLE config_versions (
  hash TEXT NOT NULL, text TEXT NOT NULL, first_used_us <big> NOT NULL, last_used_us <big> NOT NULL,
  PRIMARY KEY (hash));
"""

WORDS = {
    "sqlite": {
        "big": "INTEGER",
        "flag": "INTEGER",
        "true": "1",
        "double": "DOUBLE",
        "counter": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "strict counter": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "second": "5",  # registered in the same microsecond: the rows' own order counts
    },
    "postgresql": {
        "big": "BIGINT",
        "flag": "BOOLEAN",
        "true": "true",
        "double": "DOUBLE PRECISION",
        "counter": "BIGSERIAL PRIMARY KEY",
        "strict counter": "BIGSERIAL PRIMARY KEY",
        "second": "6",
    },
}
_TEXTS = {
    "0001": _FIRST + _TRIALS_1 + _ROWS_1 + _TRIAL_ROWS_1,
    "0002": _FIRST.replace("<counter>", "<strict counter>")
    + _TRIALS_2
    + _VERSIONS_2
    + _ROWS_1
    + _TRIAL_ROWS_2
    + _VERSION_ROWS_2
    + _MARK,
}
_TEXTS["0003"] = _TEXTS["0002"] + _LEDGERS_3
OLDER = tuple(_TEXTS)


def old_database(revision: str, kind: str) -> str:
    """SQL of a database of a revision with rows in it; the first in SQLite knows no alembic."""
    text = _TEXTS[revision] + (_MARK if kind == "postgresql" and revision == "0001" else "")
    for word, meaning in {**WORDS[kind], "revision": revision}.items():
        text = text.replace(f"<{word}>", meaning)
    if kind == "sqlite":
        return text + f"PRAGMA user_version = {int(revision)};"
    return text
