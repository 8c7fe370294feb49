"""Exchange time: how much open time lies between instants of a session, breaks left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.calendars import SessionWindow

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ExchangeClock:
    """Open stretches of one session: start and end instants and the open time before each (us)."""

    starts_us: Ints
    ends_us: Ints
    before_us: Ints

    @classmethod
    def of(cls, window: SessionWindow) -> ExchangeClock:
        """Clock of a session: from its open to its close without its breaks."""
        starts, ends, at = [], [], window.open_us
        for start, stop in sorted(window.breaks):
            if start > at:
                starts.append(at)
                ends.append(start)
            at = max(at, stop)
        if at < window.close_us:
            starts.append(at)
            ends.append(window.close_us)
        first, last = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)
        return cls(first, last, np.concatenate(([0], np.cumsum(last - first)[:-1])).astype(np.int64))

    @property
    def total_us(self) -> int:
        """Open time of the whole session."""
        return int((self.ends_us - self.starts_us).sum())

    def elapsed(self, stamps_us: Ints) -> Ints:
        """Open time from the session's open to each instant."""
        part = np.searchsorted(self.starts_us, stamps_us, side="right") - 1
        inside = np.minimum(stamps_us, self.ends_us[part]) - self.starts_us[part]
        return np.where(part >= 0, self.before_us[part] + inside, 0)

    def instant(self, elapsed_us: Ints) -> Ints:
        """Earliest instant at which so much open time has passed; at most the end of trading."""
        wanted = np.clip(elapsed_us, 0, self.total_us)
        part = np.maximum(np.searchsorted(self.before_us, wanted, side="left") - 1, 0)
        return self.starts_us[part] + wanted - self.before_us[part]
