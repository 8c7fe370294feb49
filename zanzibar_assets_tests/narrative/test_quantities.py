import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.narrative.lexicon import load_lexicon
from zanzibar_assets.narrative.page import read_page
from zanzibar_assets.narrative.quantities import candidates, find_quantities


def read(text, last_prices=None):
    page = read_page(text, load_lexicon())
    return [(q.low, q.high) for q in find_quantities(page.masked, page.markets_at, last_prices or {})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ES opór 4 512,25", [(4512.25, 4512.25)]),
        ("eska opór 45 12", [(4512, 4512)]),
        ("nasdaq opór 18.250,5", [(18250.5, 18250.5)]),
        ("DAX opór 24,800 punktów", [(24800, 24800)]),
        ("DAX opór 10.400", [(10400, 10400)]),
        ("WIG20 wraca do 2.9k", [(2900, 2900)]),
        ("BTC broni 45k", [(45000, 45000)]),
        ("BTC broni 17 tys.", [(17000, 17000)]),
        ("BTC w strefie 72-77 tys.", [(72000, 77000)]),
        ("ropa w strefie 91-81", [(81, 91)]),
        ("WIG20 wsparcie 1920-30+", [(1920, 1930)]),
        ("WIG20 opór 2164-67+74", [(2164, 2174)]),
        ("DAX strefa 12.250/220", [(12220, 12250)]),
        ("WIG20 wsparcie 2148-51/52", [(2148, 2152)]),
        ("nasdaq między 14770 a 14560", [(14560, 14770)]),
        ("DAX strefa 11 190 pkt -11 280", [(11190, 11280)]),
        ("EURUSD strefa 1,0850/1,0872", [(1.085, 1.0872)]),
        ("EURUSD strefa 1,0850-70", [(1.085, 1.087)]),
        ("DAX TP1=15900", [(15900, 15900)]),
        ("DAX cel 1: 15 900", [(15900, 15900)]),
        ("ES okolice 4500", [(4500, 4500)]),
        ("ropa cele 83,90 / 84,70", [(83.9, 83.9), (84.7, 84.7)]),
        ("ES strefa od 4500 do 4520", [(4500, 4520)]),
        ("ES spadek z 4550 do 4500", [(4550, 4550), (4500, 4500)]),
        ("WTI pod 82 źle to wygląda", [(82, 82)]),
        ("EUR/USD opór 1.0850", [(1.085, 1.085)]),
        ("ES SL 4 980,25", [(4980.25, 4980.25)]),
        ("DAX DE40 i luka 23\u00a0780\u201323\u00a0840", [(23780, 23840)]),
    ],
)
def test_numbers_as_traders_write_them(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "S&P 500 i US100 dziś spokojnie",
        "ES nad EMA200, RSI 62",
        "ES przy zniesieniu 61,8 %",
        "ES może zejść 20 pkt niżej",
        "ES: NFP 350-450 tys. w prognozach",
        "ES o 14:30 i o godz. 16",
        "ES: sesja z 27.01.2025 i 15 sierpnia",
        "ES w 2024 roku, wrzesień 2023",
        "DAX spadł o 120 punktów",
        "ES na H4 i M15, zasięg 1:3, ryzyko 2R",
        "WIG20 wolumen przekracza 13 000, obrót 17,9 tys. sztuk",
        "DAX i 200-sesyjna średnia",
        "FW20 stracił 1,5 proc. i 31 punktów",
    ],
)
def test_digits_that_are_no_levels(text):
    assert read(text) == []


def test_the_last_price_decides_what_can_be_read_in_two_ways():
    assert read("opór 1,146 na EURUSD") == [(1.146, 1.146)]
    assert read("ES 4.512", {"ES": 4500.0}) == [(4512.0, 4512.0)]
    assert read("złoto 2,650", {"XAUUSD": 2640.0}) == [(2650.0, 2650.0)]


def test_a_last_price_refuses_what_is_far_away():
    assert read("ES cel 4520 albo 12000", {"ES": 4500.0}) == [(4520.0, 4520.0)]


def test_numbers_go_to_the_market_that_is_spoken_of():
    page = read_page("ES: wsparcie 4480. DAX: opór 15 900.", load_lexicon())
    found = find_quantities(page.masked, page.markets_at, {})
    assert [(q.market, q.low) for q in found] == [("ES", 4480.0), ("DAX", 15900.0)]


def test_a_market_named_for_comparison_takes_no_levels():
    page = read_page("Eter wygląda gorzej niż BTC. Wsparcie 2 980.", load_lexicon())
    found = find_quantities(page.masked, page.markets_at, {})
    assert [(q.market, q.low) for q in found] == [("ETHUSD", 2980.0)]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(4_000_00, 6_500_00).map(lambda cents: cents / 100), st.sampled_from(["", " ", "."]))
def test_every_way_of_writing_gives_the_price_back(price, group):
    whole, cents = f"{price:.2f}".split(".")
    written = f"{whole[0]}{group}{whole[1:]},{cents}"
    assert read(f"ES: opór {written}, uwaga") == [(price, price)]


def test_candidates_of_one_number():
    assert candidates("4 512,25", False) == [4512.25]
    assert candidates("24,800", False) == [24800.0, 24.8]
    assert candidates("1,085", False) == [1.085, 1085.0]
    assert candidates("2.9", True) == [2900.0]
