"""Parameters of an events run by their short names, checked: each unknown or mistyped one is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal

from zanzibar_assets.errors import UsageError

Kind = Literal["whole", "number", "choice", "seconds"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: what it may be, its smallest value, its default (None: decided by the bars)."""

    type: Kind
    default: Any
    least: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> Any:
        """The value, if it is one of this parameter's."""
        if self._fits(value):
            return [int(item) for item in value] if self.type == "seconds" else value
        raise UsageError(f"parameter {name} cannot be {value!r}", expected=self.describe())

    def _fits(self, value: Any) -> bool:
        if value is None:
            return self.default is None
        if self.type == "choice":
            return value in self.choices
        if self.type == "seconds":
            return isinstance(value, list) and all(_whole(item) and item > 0 for item in value)
        number = _whole(value) if self.type == "whole" else isinstance(value, int | float)
        if isinstance(value, bool) or not number or not isfinite(value):
            return False
        return self.least is None or value >= self.least

    def describe(self) -> str:
        """What the parameter may be."""
        if self.type == "choice":
            return " or ".join(self.choices)
        if self.type == "seconds":
            return "a list of whole seconds"
        bound = "" if self.least is None else f" of {self.least:g} or more"
        return ("a whole number" if self.type == "whole" else "a number") + bound


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


BARS: Final = {"tick": Parameter("number", None), "bar_seconds": Parameter("number", None, 1e-6)}
SWING: Final = {"Lw": Parameter("whole", 3, 1), "Rw": Parameter("whole", 3, 1)}
PARAMETERS: Final[dict[str, dict[str, Parameter]]] = {
    "smc": {
        **SWING,
        "mode": Parameter("choice", "close", choices=("close", "wick")),
        "body_atr": Parameter("number", 1.0, 0),
        "min_ticks": Parameter("whole", 0, 0),
        "min_atr": Parameter("number", 0.0, 0),
        "e": Parameter("number", 0.0, 0),
        "tol": Parameter("number", None, 0),
        "tol_atr": Parameter("number", None, 0),
        "timeframes": Parameter("seconds", []),
        **BARS,
    },
    "sweeps": {
        **SWING,
        "tol": Parameter("number", None, 0),
        "tol_atr": Parameter("number", 0.0, 0),
        "min_pen": Parameter("whole", 1, 1),
        "K": Parameter("whole", 5, 1),
        "level": Parameter("number", None),
        "side": Parameter("whole", None, -1),
        "known_idx": Parameter("whole", -1, -1),
        **BARS,
    },
    "wyckoff": {
        "n": Parameter("whole", 5, 1),
        "trend_n": Parameter("whole", 5, 1),
        "trend_k": Parameter("number", 2.0, 0),
        "ps_rv": Parameter("number", 1.5, 0),
        "sc_rv": Parameter("number", 2.0, 0),
        "sc_rs": Parameter("number", 1.5, 0),
        "ar_min": Parameter("number", 1.5, 0),
        "K": Parameter("whole", 3, 1),
        "spring_max": Parameter("number", 1.0, 0),
        "sos_rv": Parameter("number", 1.5, 0),
        "w": Parameter("whole", 1, 1),
        "abandon_atr": Parameter("number", None, 0),
        **BARS,
    },
}


def checked(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a kind: the given ones, defaults for the rest.

    Raises UsageError naming unknown parameters with those that are known, or the value that cannot be.
    """
    known = PARAMETERS[kind]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UsageError(
            f"events of {kind} know no parameter {', '.join(unknown)}",
            expected=f"some of {', '.join(known)}",
            action="take it out or correct its name",
        )
    values = {name: parameter.default for name, parameter in known.items()}
    values |= {name: known[name].check(name, value) for name, value in given.items()}
    if kind == "sweeps":
        _check_level(values)
    return values


def _check_level(values: Mapping[str, Any]) -> None:
    if values["level"] is None and values["side"] is None:
        return
    if values["level"] is None or values["side"] not in (1, -1):
        raise UsageError(
            "a level to sweep needs level and side",
            expected="side 1 for a level above the market, -1 for one below",
            got=f"level {values['level']}, side {values['side']}",
        )
