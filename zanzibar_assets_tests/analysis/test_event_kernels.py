"""Order of the rows of one bar against sorted(), whatever runs they stand in."""

import numpy as np
import pytest

from zanzibar_assets.analysis.kinds import DIR, EVENT, HI, KIND, KNOWN, LEVEL, LO, NO, WIDTH

SHAPES = ("random", "ties", "rising", "falling", "four_falling", "saw")


def values_of(shape, rows, dice):
    """Lower edges of rows in the shape asked for."""
    plain = np.arange(rows)
    return {
        "random": dice.permutation(rows),
        "ties": dice.integers(0, 3, rows),
        "rising": plain,
        "falling": plain[::-1],
        "four_falling": -(plain % max(1, rows // 4)),
        "saw": plain ^ 1,
    }[shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_a_bar_come_into_their_order_and_ties_stay(shape):
    from zanzibar_assets.analysis._event_kernels import settle

    dice = np.random.default_rng(3)
    for rows in (1, 2, 16, 17, 18, 19, 33, 100, 257):
        out = np.zeros((WIDTH, rows + 2), np.int64)
        out[KNOWN], out[NO] = 5, np.arange(rows + 2)
        out[LO, 1:-1] = values_of(shape, rows, dice)
        out[KIND, 1:-1] = np.arange(rows) // max(1, rows // 4) if shape == "four_falling" else 0
        out[DIR, 1:-1] = dice.choice([-1, 1], rows) if shape == "random" else 1
        table = [tuple(out[:, k].tolist()) for k in range(rows + 2)]
        settle(out, 1, rows + 1)
        ordered = sorted(table[1:-1], key=lambda row: [row[f] for f in (EVENT, KIND, DIR, LEVEL, LO, HI)])
        assert [tuple(out[:, k].tolist()) for k in range(rows + 2)] == [table[0], *ordered, table[-1]]
