"""The trial registry on both kinds of metadata store."""

from __future__ import annotations

import pytest

from zanzibar_assets.errors import ModelError
from zanzibar_assets.store.trials import TrialRows


def test_trials_keep_their_order_their_first_record_and_their_outcome(database):
    rows = TrialRows(database, lambda: 5)  # one clock tick for all: the order is still that of registration
    for name in ("z", "m", "a"):
        rows.add(name, "ES", {"name": name})
    rows.add("m", "ES", {"name": "another"})
    rows.add("other", "NQ", {})
    rows.set_outcome("a", {"sharpe": 0.5})
    assert rows.of_instrument("ES") == [
        ("z", {"name": "z"}, {}),
        ("m", {"name": "m"}, {}),
        ("a", {"name": "a"}, {"sharpe": 0.5}),
    ]
    assert [row[0] for row in rows.of_instrument("NQ")] == ["other"]


def test_an_outcome_without_a_registration_is_refused(database):
    with pytest.raises(ModelError, match="never registered"):
        TrialRows(database, lambda: 5).set_outcome("ghost", {})
