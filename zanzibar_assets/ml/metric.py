"""One line of a validation report, and the constants that its chapters share."""

from __future__ import annotations

from dataclasses import dataclass

SESSIONS_A_YEAR = 252
MIN_PERIODS = 10


@dataclass(frozen=True, slots=True)
class Metric:
    """``passed`` is None for figures that no gate reads, or that could not be judged."""

    name: str
    value: float | None
    threshold: float | None
    passed: bool | None
    detail: str


def shown(name: str, value: float | None, detail: str) -> Metric:
    """A figure that no gate reads."""
    return Metric(name, value, None, None, detail)
