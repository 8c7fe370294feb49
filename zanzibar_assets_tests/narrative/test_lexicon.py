import pytest

from zanzibar_assets.errors import ConfigError
from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.narrative.fold import fold
from zanzibar_assets.narrative.grammar import load_grammar
from zanzibar_assets.narrative.lexicon import LEXICON_FILE, load_lexicon


def test_every_instrument_can_be_named_by_a_narrative():
    known = set(load_lexicon().markets)
    assert {item.narrative_id for item in load_instruments().instruments.values()} <= known


def test_patterns_hold_no_diacritics():
    text = LEXICON_FILE.read_text(encoding="utf-8")
    patterns = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert patterns.lower() == fold(patterns).text


def test_versions_follow_the_content(tmp_path):
    changed = tmp_path / "lexicon.yaml"
    changed.write_text(
        LEXICON_FILE.read_text(encoding="utf-8").replace("'retest", "'retesty', 'retest"), encoding="utf-8"
    )
    assert load_lexicon(changed).version != load_lexicon().version


@pytest.mark.parametrize("content", ["", "version: 1", "version: 1\ninstruments: {ES: {names: ['(']}}"])
@pytest.mark.parametrize("load", [load_lexicon, load_grammar])
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, load):
    path = tmp_path / "broken.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load(path)
