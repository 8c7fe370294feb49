"""Progress of a run in this process. Belongs here: the hook that commands listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One partition of one table was handled."""

    table: str
    key: str
    status: str
    rows: int
    seconds: float
    reasons: tuple[str, ...] = ()


_listeners: list[Callable[[Progress], None]] = []


@contextmanager
def listening(listener: Callable[[Progress], None]) -> Iterator[None]:
    """Send progress of this process's builds to a listener."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def report(progress: Progress) -> None:
    """Tell every listener."""
    for listener in list(_listeners):
        listener(progress)
