"""Microprice after Stoikov (2018): the mid that the book's present state leads to.

The state is (imbalance bucket, spread). With Q the chances of a transition that leaves the mid, R
those of one that moves it and r the mean move, ``G1 = (1 - Q)^-1 r`` is the expected first move and
``B = (1 - Q)^-1 R`` where it leads; the microprice is the mid plus ``G* = sum_i B^i G1``. Counts are
symmetrised (a book and its mirror image are one observation each), so a balanced book has G* = 0
and the sum converges.
"""

from __future__ import annotations

import numpy as np

from zanzibar_assets.analysis._records import Floats
from zanzibar_assets.analysis.book_features import BookAtClose
from zanzibar_assets.analysis.book_statistics import BUCKETS, SPREADS, STATES

MIN_MOVES = 500
"""Moves of the mid that a fit needs."""
_STEPS = 1_000
_SMALL = 1e-10


def fit_edges(stay: Floats, move: Floats, jump: Floats) -> Floats:
    """G* in ticks by state; NaN for states never left.

    ``stay``/``move`` (states, states) count transitions without and with a mid move, ``jump`` (states,)
    sums the moves in ticks.
    """
    mirror = np.arange(STATES).reshape(SPREADS, BUCKETS)[:, ::-1].ravel()
    stay = stay + stay[np.ix_(mirror, mirror)]
    move = move + move[np.ix_(mirror, mirror)]
    jump = jump - jump[mirror]
    left = stay.sum(axis=1) + move.sum(axis=1)
    share = 1.0 / np.maximum(left, 1.0)
    # a state that is entered but never seen left ends the path: its row is 0 and it adds nothing
    waits = np.eye(STATES) - stay * share[:, None] * (1.0 - 1e-12)
    edge = np.linalg.solve(waits, jump * share)
    onward = np.linalg.solve(waits, move * share[:, None])
    total, step = edge.copy(), edge
    for _ in range(_STEPS):
        step = onward @ step
        total += step
        if np.abs(step).max() < _SMALL:
            break
    total = (total - total[mirror]) / 2.0
    return np.where(left > 0, total, np.nan)


def states_of(at: BookAtClose) -> Floats:
    """State number of each book (as float); NaN without a book or for a spread below a tick."""
    from zanzibar_assets.analysis._book_kernels import state_of

    usable = np.isfinite(at.bid) & (at.ask > at.bid) & (at.bid_size + at.ask_size > 0)
    found = np.full(len(at.bid), np.nan)
    for row in np.flatnonzero(usable):
        quote = int(at.bid[row]), at.bid_size[row], int(at.ask[row]), at.ask_size[row]
        found[row] = state_of(*quote, BUCKETS, SPREADS)
    return found


def microprice_features(at: BookAtClose, edges: Floats | None, tick_size: float) -> dict[str, Floats]:
    """``microprice`` (price) and ``microprice_edge_ticks`` (microprice - mid) at each close.

    NaN without a fit, without a book, and in states that the fit never saw.
    """
    state = states_of(at)
    edge = np.full(len(state), np.nan)
    known = np.isfinite(state)
    if edges is not None:
        edge[known] = edges[state[known].astype(np.int64)]
    return {
        "microprice": ((at.bid + at.ask) / 2.0 + edge) * tick_size,
        "microprice_edge_ticks": edge,
    }
