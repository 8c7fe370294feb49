"""Instruments: source patterns, tick grid, calendar, roll rule and the MT5 symbol traded.

Definitions live in ``instruments.yaml`` beside this file (or in the file named by the
configuration). An instrument's id is its partition key; its sources are Sierra symbols.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from zanzibar_assets.config import stable_hash
from zanzibar_assets.errors import ConfigError, UsageError

IDENTIFIER = re.compile(r"^[A-Z][A-Z0-9_]{0,23}$")
SYMBOL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")
DEFAULT_FILE = Path(__file__).with_name("instruments.yaml")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Source(_Frozen):
    """Which Sierra symbols feed the instrument and in which units they are written."""

    pattern: str
    price_multiplier: float = Field(gt=0)
    volume_multiplier: float = Field(gt=0)
    records: Literal["ticks", "bars", "auto"] = "auto"

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    def matches(self, symbol: str) -> bool:
        """True when the Sierra symbol belongs to this source."""
        return re.match(self.pattern, symbol) is not None


class Break(_Frozen):
    """A daily trading break in the exchange's zone, valid between two dates (both included)."""

    start: str
    end: str
    zone: str
    valid_from: date = Field(default=date.min, alias="from")
    valid_until: date = Field(default=date.max, alias="until")


class Roll(_Frozen):
    """Contract roll rule; ``none`` for instruments without expiry."""

    rule: Literal["none", "calendar"]
    months: str = ""
    days_before_expiry: int = 0
    expiry: Literal["third_friday", "third_last_business_day"] = "third_friday"


class Mt5Symbol(_Frozen):
    """The MT5 symbol that the instrument is traded as.

    ``price_basis`` ``cfd``: the symbol's level is not the future's level, so distances carry over
    and prices do not.
    """

    symbol: str
    digits: int
    point: float
    tick_size: float
    contract_size: float
    volume_min: float
    volume_max: float
    volume_step: float
    stops_level: int
    price_basis: Literal["same", "cfd"]
    spread_points: int
    commission_per_lot: float
    calc_mode: Literal["forex", "cfd", "cfdleverage", "futures"]


class Instrument(_Frozen):
    """One instrument; ``id`` is the partition key."""

    id: str
    name: str
    simulated: bool = False
    sources: tuple[Source, ...]
    tick_size: float = Field(gt=0)
    point_value: float = Field(gt=0)
    currency: str
    calendar: str
    breaks: tuple[Break, ...] = ()
    bar_seconds: int = Field(gt=0)
    assumed_spread_ticks: int = Field(ge=0)
    narrative_id: str
    roll: Roll
    mt5: Mt5Symbol

    def source_of(self, symbol: str) -> Source | None:
        """Source that a Sierra symbol belongs to, or None."""
        return next((source for source in self.sources if source.matches(symbol)), None)

    @property
    def definition_hash(self) -> str:
        """Hash of the definition: part of the identity of what is computed from it."""
        return stable_hash(self.model_dump(mode="json"))


class Instruments(_Frozen):
    """All instruments of one versioned file."""

    version: int
    instruments: dict[str, Instrument]

    def __getitem__(self, instrument_id: str) -> Instrument:
        try:
            return self.instruments[instrument_id]
        except KeyError:
            raise UsageError(
                f"unknown instrument {instrument_id!r}",
                expected="one of " + ", ".join(sorted(self.instruments)),
                action="use one of these ids or add it to instruments.yaml",
            ) from None

    def resolve(self, name: str) -> Instrument:
        """Instrument by id (``ES``) or by a Sierra symbol of it (``ESH24-CME``)."""
        if name in self.instruments:
            return self.instruments[name]
        return self.of_symbol(name) or self[name]

    def of_symbol(self, symbol: str) -> Instrument | None:
        """Instrument that a Sierra symbol feeds, or None; two matches are a ConfigError."""
        found = [i for i in self.instruments.values() if i.source_of(symbol) is not None]
        if len(found) > 1:
            raise ConfigError(
                f"symbol {symbol!r} matches several instruments",
                got=", ".join(i.id for i in found),
                action="make the patterns in instruments.yaml disjoint",
            )
        return found[0] if found else None


@cache
def load_instruments(path: Path | None = None) -> Instruments:
    """Instruments of a YAML file (the packaged one by default); ConfigError when malformed."""
    file = path or DEFAULT_FILE
    try:
        raw: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read", got=str(error)) from error
    if not isinstance(raw, dict) or not isinstance(raw.get("instruments"), dict):
        raise ConfigError(f"{file} must hold `version` and `instruments`", got=type(raw).__name__)
    try:
        items = {key: Instrument(id=key, **value) for key, value in raw["instruments"].items()}
        loaded = Instruments(version=raw["version"], instruments=items)
    except (ValidationError, TypeError, KeyError) as error:
        raise ConfigError(f"{file} cannot be used", got=str(error)) from error
    for key in items:
        if not IDENTIFIER.match(key):
            raise ConfigError(f"{file}: bad instrument id {key!r}", expected=IDENTIFIER.pattern)
    return loaded
