import pytest

from zanzibar_assets_tests.narrative.scoring import figures


def level(low, role, *alternatives):
    return {"low": low, "high": low, "role": role, "alt_roles": list(alternatives)}


def test_figures_counted_on_fingers():
    gold = {
        "bias": "long",
        "conditional": True,
        "levels": [level(1, "support", "poi"), level(2, "target"), level(3, "target"), level(4, "reference")],
    }
    read = {
        "bias": "short",
        "conditional": True,
        "levels": [level(1, "poi"), level(2, "support"), level(5, "target"), level(6, "reference")],
    }
    found = figures([gold], [read])
    # found 1 and 2, missed 3, invented 5; 4 and 6 are nothing but references
    assert found.level == pytest.approx(4 / 6)
    # right role for 1 only; 2 counts as missed and as invented
    assert found.joint == pytest.approx(2 / 6)
    assert found.flips == 1
    assert found.conditional == 1.0


def test_levels_with_equal_ends_count_once():
    gold = {"bias": "long", "conditional": False, "levels": [level(1, "support"), level(1, "target")]}
    read = {"bias": "long", "conditional": False, "levels": [level(1, "target")]}
    assert figures([gold], [read]).level == figures([gold], [read]).joint == 1.0
