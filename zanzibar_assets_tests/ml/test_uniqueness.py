import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.errors import ModelError
from zanzibar_assets.ml.uniqueness import average_uniqueness, draw_probabilities
from zanzibar_assets_tests.reference.triple_barrier import uniqueness


def arrays(spans):
    return np.array([s for s, _ in spans], dtype=np.int64), np.array([e for _, e in spans], dtype=np.int64)


def test_textbook_example():
    # Lopez de Prado 2018, section 4.5.3: labels on bars 0-2, 2-3 and 4-5
    weights = average_uniqueness(*arrays([(0, 2), (2, 3), (4, 5)]))
    np.testing.assert_allclose(weights, [5 / 6, 3 / 4, 1.0], atol=1e-12)


def test_textbook_draws_of_the_sequential_bootstrap():
    # Lopez de Prado 2018, section 4.5.3: after the second label was drawn
    spans = arrays([(0, 2), (2, 3), (4, 5)])
    chances = draw_probabilities(*spans, np.array([1]))
    np.testing.assert_allclose(chances, [5 / 14, 3 / 14, 6 / 14], atol=1e-12)
    np.testing.assert_allclose(draw_probabilities(*spans, np.array([], dtype=np.int64)), [1 / 3] * 3)


def test_identical_labels_share_their_weight():
    np.testing.assert_allclose(average_uniqueness(*arrays([(3, 9)] * 4)), [0.25] * 4, atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=40))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_equals_the_count_by_hand(drawn):
    starts, ends = arrays([(start, start + length) for start, length in drawn])
    np.testing.assert_allclose(average_uniqueness(starts, ends), uniqueness(starts, ends), atol=1e-12)


def test_no_labels_no_weights():
    assert average_uniqueness(*arrays([])).shape == (0,)


def test_backward_span_is_refused():
    with pytest.raises(ModelError, match="run forward"):
        average_uniqueness(*arrays([(4, 2)]))
