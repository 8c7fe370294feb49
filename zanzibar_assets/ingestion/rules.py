"""The cleaning rules by name: what each means, what is done and why. One table, also the document's.

Write ``docs/cleaning.md`` anew after a change:  python -m zanzibar_assets.ingestion.rules docs/cleaning.md
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Action(StrEnum):
    """What a rule does with a row: put it beside, keep it marked, or keep it and count it."""

    QUARANTINE = "quarantine"
    FLAG = "flag"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``of`` is what it looks at (``ticks``, ``depth`` or ``both``)."""

    name: str
    of: str
    action: Action
    means: str
    why: str


OUT_OF_ORDER = "out_of_order"
CLOCK_SET_BACK = "clock_set_back"
OUTLIER = "outlier"
JUMP_CONFIRMED = "jump_confirmed"

_Q, _F, _C = Action.QUARANTINE, Action.FLAG, Action.COUNT
RULES: tuple[Rule, ...] = (
    Rule(
        "impossible_stamp", "both", _Q, "the stamp lies before 1970 or after 2100", "it has no place in time"
    ),
    Rule(
        "count_over_int_max", "both", _Q, "a count or volume above 2,147,483,647", "Sierra calls it garbage"
    ),
    Rule(
        "nan_price",
        "both",
        _Q,
        "the price is no finite number (a quote beside a trade that is none counts as absent)",
        "there is no price",
    ),
    Rule("nonpositive_price", "both", _Q, "the price is zero or below", "no listed instrument trades there"),
    Rule(
        "bar_range",
        "ticks",
        _Q,
        "a bar record whose low..high misses its open or close",
        "it contradicts itself",
    ),
    Rule(
        "unknown_command", "depth", _Q, "a command that the format does not have", "its meaning is not known"
    ),
    Rule(
        "off_grid",
        "both",
        _Q,
        "the price is no multiple of the tick",
        "a wrong multiplier or a damaged record",
    ),
    Rule("quote_without_price", "ticks", _Q, "a bid/ask update that carries no price", "it is no print"),
    Rule("outside_session", "both", _Q, "the stamp lies outside the session", "the session is another one"),
    Rule(
        OUTLIER,
        "ticks",
        _Q,
        "a single trade outside the band of the last accepted ones, which the next ones did not confirm",
        "the band is max(outlier_mads MAD, outlier_min_pct % of the median, outlier_min_ticks) "
        "around the median of the last outlier_window accepted trades, all known at that time",
    ),
    Rule(
        JUMP_CONFIRMED,
        "ticks",
        _F,
        "a trade outside the band that outlier_confirm consecutive trades confirmed as the new level",
        "a true jump must not be put aside for ever; it is dated at the confirming trade, since nothing "
        "told it from an error before (late_us holds the difference)",
    ),
    Rule(
        OUT_OF_ORDER,
        "ticks",
        _F,
        "the stamp goes back behind one that was written before",
        "kept and dated at the latest stamp before it, since it was not known earlier; late_us holds the "
        "difference, so event_ts - late_us is the recorded stamp",
    ),
    Rule(
        CLOCK_SET_BACK,
        "ticks",
        _F,
        "three rows in a row lie more than late_limit_seconds behind: the stamp ahead was false",
        "their own stamps are believed; the row that ran ahead keeps its stamp and stands there",
    ),
    Rule("zero_size", "ticks", _C, "a print of size zero", "real files hold them; they carry no volume"),
    Rule(
        "repeats", "ticks", _C, "millisecond, price and size of the row before", "a fifth of real trades do"
    ),
    Rule(
        "outside_quote",
        "ticks",
        _C,
        "a price outside the quote recorded beside it",
        "sweeps keep the old quote",
    ),
    Rule(
        "off_grid_quote",
        "ticks",
        _C,
        "a bid or ask beside a trade off the grid",
        "the quote goes, the trade stays",
    ),
    Rule(
        "quote.<state>.<session state>",
        "ticks",
        _C,
        "the quote beside a row is locked, crossed or one-sided, by session state",
        "crossing before the open is normal, and inside the session it is a fact worth a number",
    ),
    Rule("book.<state>", "depth", _C, "the book is locked, crossed, one-sided or empty", "kept and marked"),
    Rule(
        "unknown_deletes",
        "depth",
        _C,
        "a delete of a level that is not there",
        "the stream began in the middle",
    ),
    Rule(
        "before_snapshot", "depth", _C, "a batch before the first full snapshot", "the book is not known yet"
    ),
    Rule(
        "unfinished_records",
        "depth",
        _C,
        "records of a last batch that never ended",
        "the batch is not whole",
    ),
)

HEAD = """# Cleaning rules

Made from `zanzibar_assets/ingestion/rules.py` by `python -m zanzibar_assets.ingestion.rules`; a test
holds it to the code. Records in = clean rows + quarantined rows, always: `quarantine` puts a row into
the table beside (`quarantine_ticks`, `quarantine_dom`) with the byte offset in its file, `flag` keeps
it with the rule's name in `flag`, `count` keeps it as it is. Every rule's count, with up to three rows
of each, stands in the materialization's metadata. Limits are the section `cleaning` of `zanzibar.yaml`.
Nothing is removed for being a duplicate.

| rule | looks at | done | when | why |
|---|---|---|---|---|
"""


def rules_markdown() -> str:
    """The document: one line a rule, in the order in which they are asked."""
    rows = [f"| `{r.name}` | {r.of} | {r.action.value} | {r.means} | {r.why} |" for r in RULES]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(rules_markdown(), encoding="utf-8", newline="\n")
