"""DCC of a session's instruments: fitted before its first bar, filtered on through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from zanzibar_assets.analysis._records import Floats, Ints, micros
from zanzibar_assets.analysis.dcc import MIN_COMMON, DccFilter, Standardiser, eligible, fit_dcc
from zanzibar_assets.analysis.grid_returns import GRID_US, Closes, grid_of
from zanzibar_assets.analysis.history import SESSION
from zanzibar_assets.config import Config
from zanzibar_assets.vocabulary import EVENT_TS, KNOWN_AT

Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class SessionDcc:
    """Correlation matrices of the fitted instruments from grid time ``first_us`` on, and the fit's times.

    ``through`` and ``known_us`` are the fit's last session and the time its last bar was known; without
    a fit there are no instruments.
    """

    first_us: int
    instruments: tuple[str, ...]
    matrices: Floats
    through: str | None = None
    known_us: int | None = None

    def pair(self, key_a: str, key_b: str, at_us: Ints) -> tuple[Floats, str | None]:
        """Correlation of two instruments at grid times, or NaN and why there is none."""
        lacking = [key for key in (key_a, key_b) if key not in self.instruments]
        if lacking:
            reason = (
                f"{' and '.join(lacking)}: fewer than {MIN_COMMON} five-minute returns in common with "
                "other instruments before the session"
            )
            return np.full(len(at_us), np.nan), reason
        i, j = self.instruments.index(key_a), self.instruments.index(key_b)
        found: Floats = self.matrices[(at_us - self.first_us) // GRID_US, i, j]
        return np.clip(found, -1.0, 1.0), None


def session_dcc(bars: Frames, history: Frames, config: Config) -> SessionDcc:
    """DCC over the instruments' histories and the session, five-minute returns.

    The fit takes bars known by the open of the first bar of any instrument's session: sessions of
    different calendars overlap, and what one of them traded later than that was not known.
    """
    opens = [micros(frame, EVENT_TS)[0] for frame in bars.values() if frame.height]
    keys = sorted(key for key, frame in history.items() if frame.height)
    nothing = SessionDcc(0, (), np.empty((0, 0, 0)))
    if not opens or len(keys) < 2:
        return nothing
    start = int(min(opens))
    closes = [Closes.of(history[key], *([bars[key]] if key in bars else [])) for key in keys]
    # Instruments without a history have no part in the matrix, but their bars tell the time as well.
    grid = grid_of([*closes, *(Closes.of(frame) for frame in bars.values())])
    returns = np.column_stack([series.returns(grid) for series in closes])
    e = Standardiser(len(keys), config.analysis.correlation_halflife_bars).feed(returns)
    past = grid <= start
    chosen = eligible(e[past])
    if len(chosen) < 2:
        return nothing
    e = np.ascontiguousarray(e[:, chosen])
    names = tuple(keys[i] for i in chosen)
    model = fit_dcc(e[past])
    stamp = pl.lit(start).cast(pl.Datetime("us", "UTC"))
    used = [history[name].filter(pl.col(KNOWN_AT) <= stamp) for name in names]
    return SessionDcc(
        int(grid[0]),
        names,
        DccFilter(model).feed(e),
        max(str(frame[SESSION][-1]) for frame in used),
        max(int(micros(frame, KNOWN_AT)[-1]) for frame in used),
    )
