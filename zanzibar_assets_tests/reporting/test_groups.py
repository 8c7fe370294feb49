"""Equal reasons are said once and lose no partition."""

from __future__ import annotations

from zanzibar_assets.reporting.groups import grouped


def test_reasons_alike_but_for_partition_and_numbers_are_one_line():
    days = [f"2025-01-{day:02d}" for day in (6, 7, 8)]
    found = grouped(
        [("bars", f"SIM_ES|{d}", f"clean_ticks SIM_ES|{d} is blocked at 14:3{i}") for i, d in enumerate(days)]
    )
    assert found == [
        (
            "bars SIM_ES|2025-01-06, SIM_ES|2025-01-07, SIM_ES|2025-01-08",
            "clean_ticks SIM_ES|2025-01-06 is blocked at 14:30 (so of the first, alike of the others)",
        )
    ]


def test_equal_reasons_are_said_as_they_are_and_many_partitions_are_counted():
    found = grouped([("bars", f"SIM_ES|2025-01-{day:02d}", "no file") for day in range(1, 10)])
    ((where, why),) = found
    assert where.endswith("SIM_ES|2025-01-04 and 5 more")
    assert why == "no file"


def test_other_reasons_and_other_tables_stay_apart_in_their_order():
    reasons = [("bars", "A", "no file"), ("vwap", "A", "no file"), ("bars", "B", "a bad file")]
    assert grouped(reasons) == [("bars A", "no file"), ("vwap A", "no file"), ("bars B", "a bad file")]
