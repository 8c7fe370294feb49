import pytest

from zanzibar_assets.errors import UsageError
from zanzibar_assets.simulator.options import SHAPES, SimulatorOptions, shape_of


@pytest.mark.parametrize(
    "wrong",
    [
        {"trades_per_session": 10},
        {"depth_per_trade": 1.0},
        {"signal_strength": 1.5},
        {"narrative_skill": -0.1},
        {"neutral_share": 2.0},
        {"news_probability": -1.0},
    ],
)
def test_impossible_options_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        SimulatorOptions(**wrong)


def test_every_shape_is_an_instrument_labelled_simulated(known):
    assert all(known[name].simulated for name in SHAPES)


def test_a_real_instrument_cannot_be_simulated(known):
    with pytest.raises(UsageError, match="ES cannot be simulated"):
        shape_of("ES", known["ES"].simulated)
