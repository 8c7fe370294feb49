from zanzibar_assets.narrative.parser import parse_narrative


def parse(text):
    return parse_narrative("n", text)


def test_events_have_local_time_and_zone():
    events = parse("ES: o 14:30 CPI, wieczorem o 20:00 FOMC, jutro EBC.")["events"]
    assert [(e["type"], e["time"], e["zone"]) for e in events] == [
        ("CPI", "14:30", "Europe/Warsaw"),
        ("FOMC", "20:00", "Europe/Warsaw"),
        ("ECB", None, None),
    ]


def test_negations_have_cue_and_scope():
    (negation,) = parse("Dziś nie szukam longów, wolę poczekać.")["negations"]
    assert negation["text"] == "nie szukam longów"
    assert negation["cue"]["text"] == "nie"


def test_a_scope_ends_after_six_tokens():
    (negation,) = parse("nie pierwsze drugie trzecie czwarte piąte szóste siódme")["negations"]
    assert negation["text"] == "nie pierwsze drugie trzecie czwarte piąte"


def test_horizon_and_session():
    document = parse("NQ przed otwarciem USA, plan do końca tygodnia.")
    assert document["horizon"] == "week"
    assert document["session"] == "US"
    assert parse("NQ spokojnie")["horizon"] == "intraday"
