"""Parameters of the Wyckoff machine, and the names of its kinds on the other side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zanzibar_assets.analysis.events import Definition

MIRRORED: Final = {
    "ps": "psy",
    "sc": "bc",
    "ua": "ut",
    "spring": "utad",
    "test": "test_utad",
    "sos": "sow",
    "sow": "sos",
    "lps": "lpsy",
    "markup": "markdown",
}
SHARED_KINDS: Final = ("ar", "st", "st_b", "bu", "fail")
KINDS: Final = (*SHARED_KINDS, *MIRRORED, *(name for name in MIRRORED.values() if name not in MIRRORED))
PHASES: Final = (None, "A", "B", "C", "D", "E")


@dataclass(frozen=True, slots=True)
class WyckoffParams:
    """Windows in bars, volume and range multiples of the prior median, distances in mean true ranges.

    ``abandon_atr`` None is definition 1, a number definition 2 (see the machine).
    """

    n: int = 5
    trend_n: int = 5
    trend_k: float = 2.0
    ps_rv: float = 1.5
    sc_rv: float = 2.0
    sc_rs: float = 1.5
    ar_min: float = 1.5
    reclaim_bars: int = 3
    spring_max: float = 1.0
    sos_rv: float = 1.5
    w: int = 1
    abandon_atr: float | None = None

    def __post_init__(self) -> None:
        if min(self.n, self.trend_n, self.reclaim_bars, self.w) < 1:
            raise ValueError(f"n, trend_n, reclaim_bars and w are at least 1, got {self}")

    @property
    def def_version(self) -> int:
        """1: the table to the letter; 2: with the ways out of phases A and E."""
        return 1 if self.abandon_atr is None else 2


def wyckoff_definitions(params: WyckoffParams) -> dict[str, Definition]:
    """Definition of each kind of row."""
    return dict.fromkeys(KINDS, Definition.of("wyckoff", params, params.def_version))
