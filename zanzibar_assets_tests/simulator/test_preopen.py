from zanzibar_assets.simulator.options import SimulatorOptions
from zanzibar_assets.simulator.path import chain
from zanzibar_assets.simulator.preopen import quote_before_open
from zanzibar_assets_tests.reference.plain_book import PlainBook


def test_a_week_opens_with_quotes_that_cross_for_four_minutes(known):
    path = next(iter(chain(known["SIM_ES"], ["2025-01-06"], 3, SimulatorOptions())))
    rows = quote_before_open(known["SIM_ES"], path, 3)
    opens = path.clock.window.open_us
    assert rows[0, 1] == 1
    assert rows[-1, 2] == 1
    assert (rows[:, 0] < opens).all()
    assert (rows[:, 0] >= path.clock.window.starts_us).all()
    book, crossed = PlainBook(), []
    for stamp, command, flags, _, price, size in rows.tolist():
        book.apply(command, price, size)
        if flags and book.crossed:
            crossed.append(opens - stamp)
    assert max(crossed) == 300_000_000
    assert min(crossed) > 60_000_000
    assert not book.crossed


def test_no_pause_no_quotes(known):
    for name, session in (("SIM_ES", "2025-01-07"), ("SIM_BTC", "2025-01-06")):
        path = next(iter(chain(known[name], [session], 3, SimulatorOptions())))
        assert len(quote_before_open(known[name], path, 3)) == 0
