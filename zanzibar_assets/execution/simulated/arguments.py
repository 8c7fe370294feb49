"""Argument checks of the Python layer: what the module refuses before a terminal sees it.

``ArgumentFault`` carries the text of ``last_error`` ``(-2, text)``; it never leaves the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from zanzibar_assets.execution.simulated.structs import TradeRequest

TEXT_UNITS = 29
"""Longest symbol or comment in UTF-16 units."""

INVALID = "Invalid arguments"
UNNAMED = "Unnamed arguments not allowed"


class ArgumentFault(Exception):
    """An argument that the module's own checks refuse."""


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_float(value: Any) -> bool:
    return isinstance(value, float)


def utf16_units(text: str) -> int:
    """Length in UTF-16 code units: an emoji counts two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and utf16_units(value) <= TEXT_UNITS


_FIELDS: tuple[tuple[str, Callable[[Any], bool], Any], ...] = (
    ("action", _is_int, 0),
    ("magic", _is_int, 0),
    ("order", _is_int, 0),
    ("symbol", _is_text, ""),
    ("volume", _is_float, 0.0),
    ("price", _is_float, 0.0),
    ("stoplimit", _is_float, 0.0),
    ("sl", _is_float, 0.0),
    ("tp", _is_float, 0.0),
    ("deviation", _is_int, 0),
    ("type", _is_int, 0),
    ("type_filling", _is_int, 0),
    ("type_time", _is_int, 0),
    ("expiration", _is_int, 0),
    ("comment", _is_text, ""),
    ("position", _is_int, 0),
    ("position_by", _is_int, 0),
)
"""Fields of a request in the order in which they are checked."""


def parse_request(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> TradeRequest:
    """The request of ``order_send``/``order_check``: one positional dict, or keywords alone."""
    if args and kwargs:
        raise ArgumentFault(UNNAMED)
    if not args:
        return build_request(kwargs)
    if len(args) != 1 or not isinstance(args[0], dict):
        raise ArgumentFault(INVALID)
    return build_request(args[0])


def build_request(fields: Mapping[str, Any]) -> TradeRequest:
    """TradeRequest of a mapping: missing fields are zero, unknown ones are ignored."""
    values = []
    for name, fits, absent in _FIELDS:
        value = fields.get(name, absent)
        if not fits(value):
            raise ArgumentFault(f'Invalid "{name}" argument')
        values.append(float(value) if isinstance(value, float) else value)  # a numpy.float64 is a float
    return TradeRequest(values)


def epoch_seconds(value: Any) -> int:
    """Server epoch seconds of an int, float or datetime (a naive one is in the process's zone)."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, (int, float)):
        return int(value)
    raise ArgumentFault(INVALID)


def only_names(args: tuple[Any, ...]) -> None:
    """Refuse positional arguments."""
    if args:
        raise ArgumentFault(UNNAMED)


def text_argument(value: Any, name: str) -> str:
    """A symbol or group given as text."""
    if not isinstance(value, str):
        raise ArgumentFault(f'Invalid "{name}" argument')
    return value


def matches_group(name: str, group: str) -> bool:
    """Group filter: comma list with ``*`` masks, ``!`` excludes, applied in sequence."""
    from fnmatch import fnmatchcase

    chosen = False
    for part in (item.strip() for item in group.split(",")):
        if part.startswith("!"):
            chosen = chosen and not fnmatchcase(name, part[1:])
        elif part:
            chosen = chosen or fnmatchcase(name, part)
    return chosen
