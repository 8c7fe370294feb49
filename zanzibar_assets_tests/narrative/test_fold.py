import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from zanzibar_assets.narrative.fold import fold, strip_diacritics

LAWS = settings(deadline=None, max_examples=60, derandomize=True)


def test_polish_letters_dashes_and_spaces():
    assert fold("Żółć – 4 512,25 „ŁĄKA”").text == 'zolc - 4 512,25 "laka"'


def test_spans_lead_back_past_combining_marks():
    raw = unicodedata.normalize("NFD", "opór 1,0850 źle")
    folded = fold(raw)
    assert folded.text == "opor 1,0850 zle"
    start, end = folded.raw_span(0, 4)
    assert unicodedata.normalize("NFC", raw[start:end]) == "opór"
    start, end = folded.raw_span(5, 11)
    assert raw[start:end] == "1,0850"


@LAWS
@given(st.text(max_size=60))
def test_each_folded_letter_has_its_place(raw):
    folded = fold(raw)
    assert len(folded.offsets) == len(folded.text) + 1
    assert list(folded.offsets) == sorted(folded.offsets)
    for position in range(len(folded.text)):
        start, end = folded.raw_span(position, position + 1)
        assert 0 <= start < end <= len(raw)


@LAWS
@given(st.text(alphabet="ąćęłńóśźżĄĆĘŁŃÓŚŹŻ abcXYZ 0123456789,.-–", max_size=60))
def test_folding_does_not_see_diacritics(raw):
    assert fold(strip_diacritics(raw)).text == fold(raw).text
    assert len(strip_diacritics(raw)) == len(raw)
