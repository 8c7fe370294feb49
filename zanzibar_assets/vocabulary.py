"""Shared words: column names, enumerations and time helpers that every stage uses."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Final

EVENT_TS: Final = "event_ts"
"""When a thing happened (UTC, microseconds)."""
KNOWN_AT: Final = "known_at"
"""When it first could be known (UTC, microseconds); never before ``event_ts``."""
US_PER_SECOND: Final = 1_000_000
DOM_LEVELS: Final = 5
"""Price levels a side kept in ``clean_dom``."""


class Side(IntEnum):
    """Aggressor of a trade."""

    SELLER = -1
    UNKNOWN = 0
    BUYER = 1


class Grain(StrEnum):
    """How a table is partitioned."""

    MARKET = "instrument_session"
    SESSION = "session"
    INSTRUMENT = "instrument"


class Stage(StrEnum):
    """Stages in flow order; also the asset groups of the graph."""

    INGESTION = "ingestion"
    CLEANING = "cleaning"
    BARS = "bars"
    LIQUIDITY = "liquidity"
    STRUCTURE = "structure"
    FACTORS = "factors"
    NARRATIVE = "narrative"
    FEATURES = "features"
    MODELS = "models"
    VALIDATION = "validation"
    RISK = "risk"
    SIGNALS = "signals"
    EXECUTION = "execution"
    REPORTING = "reporting"


class RecordKind(StrEnum):
    """What one Sierra record is."""

    TRADE = "trade"
    SUB_FIRST = "sub_first"
    SUB_MIDDLE = "sub_middle"
    SUB_LAST = "sub_last"
    BAR = "bar"
    QUOTE = "quote"


class SessionState(StrEnum):
    """Where in its session an event lies."""

    PRE_OPEN = "pre_open"
    OPEN = "open"
    BREAK = "break"


class BookState(StrEnum):
    """State of a book snapshot."""

    NORMAL = "normal"
    LOCKED = "locked"
    CROSSED = "crossed"
    ONE_SIDED = "one_sided"
    EMPTY = "empty"


class SignSource(StrEnum):
    """Where a trade's aggressor side comes from."""

    FLAG = "flag"
    QUOTE = "quote"
    TICK = "tick"
    NONE = "none"


class Verdict(StrEnum):
    """Verdict kept for one partition of one table."""

    OK = "ok"
    FAILED = "failed"
    BLOCKED = "blocked"


MODEL_GATES = (
    "ic_t", "icir", "ic_worst_part", "psr", "dsr", "min_trl", "sharpe_low", "bayes_prob_positive",
    "pbo", "turnover", "cost_margin", "capacity",
)  # fmt: skip
"""Statistics that may forbid a model to trade, each with its threshold in the section ``gate``."""


class ModelVerdict(StrEnum):
    """What validation says of a model."""

    PROMOTE = "promote"
    HOLD = "hold"
    REJECT = "reject"
    INSUFFICIENT = "insufficient_history"


class SignalStatus(StrEnum):
    """Fate of a raw signal in the aggregator."""

    KEPT = "kept"
    DROPPED = "dropped"


class OrderState(StrEnum):
    """Life of an order intent."""

    BLOCKED = "blocked"
    SENDING = "sending"
    FILLED = "filled"
    PARTIAL = "partial"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


def to_us(moment: datetime) -> int:
    """UTC microseconds since 1970 of an aware datetime; a naive one is refused."""
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: a time zone is needed")
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * US_PER_SECOND + delta.microseconds


def from_us(stamp_us: int) -> datetime:
    """Aware UTC datetime of microseconds since 1970 (exact, no float arithmetic)."""
    seconds, micros = divmod(stamp_us, US_PER_SECOND)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=micros)
