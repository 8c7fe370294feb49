from __future__ import annotations

import pytest

from zanzibar_assets.errors import UsageError
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.vocabulary import Grain


@pytest.mark.parametrize(
    ("key", "text", "grain"),
    [
        (PartitionKey("ES", "2025-01-06"), "ES|2025-01-06", Grain.MARKET),
        (PartitionKey(session="2025-01-06"), "2025-01-06", Grain.SESSION),
        (PartitionKey("ES"), "ES", Grain.INSTRUMENT),
    ],
)
def test_text_form_and_back(key, text, grain):
    assert str(key) == text
    assert PartitionKey.parse(text) == key
    assert key.grain is grain


OUTSIDE = ("../etc", "es", "ES|yesterday", "ES|2025-1-6", "", "|2025-01-06", "ES;DROP")


@pytest.mark.parametrize("text", OUTSIDE)
def test_names_from_outside_cannot_become_paths(text):
    with pytest.raises(UsageError):
        PartitionKey.parse(text)


def test_coarser_partitions():
    key = PartitionKey("ES", "2025-01-06")
    assert key.at_grain(Grain.SESSION) == PartitionKey(session="2025-01-06")
    assert key.at_grain(Grain.INSTRUMENT) == PartitionKey("ES")
    with pytest.raises(UsageError):
        PartitionKey("ES").at_grain(Grain.MARKET)
