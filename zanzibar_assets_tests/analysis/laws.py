"""Laws that every per-bar table obeys, as functions that tests call."""

from __future__ import annotations

import polars as pl
from polars.testing import assert_frame_equal

from zanzibar_assets.contracts.registry import breaches
from zanzibar_assets_tests.builders.market import known_by


def assert_conforms(table: str, frame: pl.DataFrame) -> None:
    """The frame holds its contract and no NaN hides among its numbers."""
    assert breaches(table, frame) == []
    for name, kind in frame.schema.items():
        if kind.is_float():
            assert not frame[name].is_nan().any(), name


def assert_prefix(whole: pl.DataFrame, build, cuts) -> None:
    """``build(cut)`` on what was known by a cut equals, bit for bit, the whole's rows known by it."""
    for cut in cuts:
        expected = known_by(whole, cut)
        assert_frame_equal(known_by(build(cut), cut), expected, check_exact=True)
