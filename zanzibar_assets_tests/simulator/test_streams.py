import numpy as np

from zanzibar_assets.simulator._levels_kernel import uniform
from zanzibar_assets.simulator.streams import stream, stream_key
from zanzibar_assets_tests.reference.simulated_walk import splitmix64


def test_a_stream_depends_on_its_key_alone():
    first = stream(1, "path", "SIM_ES", "2025-01-06").random(5)
    stream(1, "book", "SIM_ES", "2025-01-06").random(100)
    assert np.array_equal(first, stream(1, "path", "SIM_ES", "2025-01-06").random(5))


def test_parts_do_not_run_into_each_other():
    assert stream_key(1, "ab", "c") != stream_key(1, "a", "bc")
    assert stream_key(1, 2) != stream_key(12)


def test_the_compiled_generator_is_splitmix64():
    state = np.array([2**64 - 3], dtype=np.uint64)
    plain = 2**64 - 3
    for _ in range(1_000):
        plain, output = splitmix64(plain)
        assert uniform(state) == ((output >> 11) + 0.5) / 2**53


def test_the_plain_generator_gives_the_published_first_values():
    # First outputs for state 1234567 as listed with the public-domain C source of splitmix64.
    state, outputs = 1234567, []
    for _ in range(3):
        state, output = splitmix64(state)
        outputs.append(output)
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]
