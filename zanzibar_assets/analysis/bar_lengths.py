"""How long the bars of a table last, told from the steps between their stamps."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from zanzibar_assets.analysis._records import Ints
from zanzibar_assets.errors import ContractError
from zanzibar_assets.vocabulary import US_PER_SECOND

RUN = 20
"""So many equal steps in a row are bars of that length, not bars that are missing."""


def bar_length(stamps: Ints, given: float | None) -> tuple[float, list[str]]:
    """Bar length in seconds of ascending stamps (UTC microseconds), and what was assumed about it.

    Without ``given`` it is the commonest step (of equally common ones the shortest). Raises
    ContractError where ``RUN`` or more equal steps in a row are of another length: the table holds
    bars of two lengths, and a bar would be called closed before it is. With ``given`` only runs of
    longer steps are refused, for shorter bars are merely known late.
    """
    steps = np.diff(stamps)
    if given is not None:
        _check_runs(stamps, steps, round(given * US_PER_SECOND), given=True)
        return given, []
    if not len(steps):
        if not len(stamps):
            return 0.0, []
        raise ContractError(
            "one bar does not tell how long it lasts",
            expected="bar_seconds, or two bars",
            action='give {"bar_seconds": N}',
        )
    lengths, counts = np.unique(steps, return_counts=True)
    common = int(lengths[np.argmax(counts)])
    _check_runs(stamps, steps, common, given=False)
    seconds = common / US_PER_SECOND
    return seconds, [] if len(lengths) == 1 else [
        f"bar length {seconds:g} s, the commonest of {len(lengths)} steps"
    ]


def _check_runs(stamps: Ints, steps: Ints, length: int, *, given: bool) -> None:
    """Raise ContractError for a run of equal steps that bars of ``length`` (microseconds) do not make."""
    starts = np.flatnonzero(np.concatenate(([True], steps[1:] != steps[:-1]))) if len(steps) else steps
    runs = np.diff(np.append(starts, len(steps)))
    found = steps[starts]
    wrong = (runs >= RUN) & ((found > length) if given else (found != length))
    if not wrong.any():
        return
    first = int(starts[np.argmax(wrong)])
    other = int(steps[first])
    counted = [_counted(stamps, steps, size) for size in (length, other)]
    short = (
        f"bars are longer than bar_seconds {length / US_PER_SECOND:g} and would be known before they close"
    )
    raise ContractError(
        short if given else "the table holds bars of two lengths",
        expected="bars of one length",
        got=" and ".join(text for text in counted if text),
        action="split the file by bar length, or give bar_seconds as long as the longest bar",
    )


def _counted(stamps: Ints, steps: Ints, size: int) -> str:
    """How many steps are of a length, and from when; empty where none is."""
    held = np.flatnonzero(steps == size)
    if not len(held):
        return ""
    since = datetime.fromtimestamp(int(stamps[held[0]]) / US_PER_SECOND, tz=UTC)
    return f"{len(held)} steps of {size / US_PER_SECOND:g} s from {since:%Y-%m-%d %H:%M:%S} UTC"
