"""Kinds of structure events and the fields of their rows, as the compiled loops number them."""

from __future__ import annotations

from typing import Final, cast

import numpy as np


def whole(value: int) -> int:
    """A number that the compiled loops take as a value of a type, not as a literal.

    A literal argument would have the function that takes it compiled once for each value.
    """
    return cast(int, np.int64(value))


KINDS: Final = (
    "ar", "bc", "bos", "breaker", "bu", "choch", "discount", "equilibrium", "fail", "fvg", "fvg_ce",
    "fvg_extend", "fvg_fill", "fvg_invert", "fvg_touch", "level", "level_accept", "level_sweep", "lps",
    "lpsy", "markdown", "markup", "ob", "ob_mitigated", "ote", "pool", "pool_taken", "premium", "ps", "psy",
    "sc", "sos", "sow", "spring", "st", "st_b", "swing", "swing_supersede", "test", "test_utad", "ua", "ut",
    "utad",
)  # fmt: skip
"""All kinds by alphabet; a kind's code is its place here."""

CODES: Final = {name: code for code, name in enumerate(KINDS)}

KIND, DIR, EVENT, KNOWN, LEVEL, LO, HI, REF, REF_EVENT, EXTRA, NO = range(11)
WIDTH: Final = 11
"""Fields of a row. ``REF`` is the ``NO`` of the row it updates, ``REF_EVENT`` that row's event index;
``EXTRA`` holds flags, or the one number that the kind adds."""

NONE: Final = whole(-(2**63))
"""No value in a field."""

INITIAL, AMBIGUOUS, DISPLACEMENT, MSS, FALLBACK, GAP_IN_LEG, ACROSS = (1 << bit for bit in range(7))
FLAG_NAMES: Final = {
    INITIAL: "initial",
    AMBIGUOUS: "ambiguous_order",
    DISPLACEMENT: "displacement",
    MSS: "mss",
    FALLBACK: "fallback",
    GAP_IN_LEG: "gap_in_leg",
    ACROSS: "gap_across_session",
}
"""Bits of ``EXTRA`` in rows of structure and gaps."""

(STRUCTURE_ROWS, GAP_ROWS, POOL_ROWS, SWEEP_ROWS, LEVEL_ROWS, RANGE_ROWS, ACCUMULATION_ROWS,
 DISTRIBUTION_ROWS) = range(8)  # fmt: skip
SERIES_OF_ROWS: Final = 8
"""``NO`` is a running number times this, plus the engine that made the row."""
