"""Volume-weighted mean and deviation over the last bars, from each bar's own moments.

A window's deviation is put together from the bars' deviations around their own means and the distances
of those means from the window's: no squares of prices are summed and nothing is subtracted that
leaves the window, so neither high prices nor long sessions cost digits. Each window is summed in one
order, so what a series is cut into leaves no trace in the bits.
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats


class RollingMoments:
    """Mean and population deviation over the last ``window`` bars (fewer at the start)."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.held = np.zeros((3, window - 1))

    def feed(self, weight: Floats, mean: Floats, squares: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation as of each bar, NaN while no bar of the window has weight.

        The bars' weights, means and weighted sums of squared deviations; an empty bar has weight 0.
        """
        rows = np.concatenate((self.held, np.stack((weight, mean, squares))), axis=1)
        self.held = rows[:, rows.shape[1] - (self.window - 1) :].copy()
        count = len(weight)
        lags = [rows[:, lag : lag + count] for lag in range(self.window)]
        total = np.zeros(count)
        for w, _, _ in lags:
            total += w
        usable = np.where(total > 0.0, total, np.nan)
        centre = np.zeros(count)
        for _ in range(2):  # the second pass takes what the first one rounded away
            moment = np.zeros(count)
            for w, m, _ in lags:
                moment += w * (m - centre)
            centre = centre + moment / usable
        spread = np.zeros(count)
        for w, m, s in lags:
            spread += np.where(w > 0.0, s + w * (m - centre) ** 2, 0.0)
        return centre, np.sqrt(spread / usable)

    def snapshot(self) -> list[list[float]]:
        """State for JSON."""
        return [list(row) for row in self.held.tolist()]

    def restore(self, saved: list[list[float]]) -> None:
        """Take the state of a snapshot."""
        self.held = np.array(saved, np.float64)
