"""The feature catalogue in words: ``docs/features.md`` is this module's output, held by a test.

Write it anew after a change:  python -m zanzibar_assets.ml.feature_document docs/features.md
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from zanzibar_assets.ml.catalogue import FEATURES, Feature
from zanzibar_assets.ml.left_out import LEFT_OUT

HEAD = """# Features

Made from `zanzibar_assets/ml/catalogue_rows.py` and `zanzibar_assets/ml/left_out.py` by
`python -m zanzibar_assets.ml.feature_document`. A test holds it to the code; another gives each input other
values and sees that only the features which declare it move.

`feature_matrix` holds one row a bar, known at the bar's close. A feature known at *the bar's close* comes
from the row that its source has for this bar, or is null; one known as of it is the newest row known by then.
No feature is a price level: each survives a roll and a doubling of all prices.
"""


def features_markdown() -> str:
    """The document: a section a source table, its features, then what is left out and why."""
    parts = [HEAD]
    for source, members in groupby(FEATURES, key=lambda feature: feature.source):
        parts.append(_section(source, list(members)))
    return "\n".join(parts)


def _section(source: str, features: list[Feature]) -> str:
    lines = [f"## {source}\n", f"Owner {features[0].owner}; known at {features[0].known_at_rule}.\n"]
    lines += ["| feature | inputs | unit | window | what it is |", "|---|---|---|---|---|"]
    lines += [_row(feature) for feature in features]
    lines += ["", "Left out:\n" if LEFT_OUT[source] else "Nothing is left out."]
    by_reason: dict[str, list[str]] = {}
    for column, reason in LEFT_OUT[source].items():
        by_reason.setdefault(reason, []).append(f"`{column}`")
    lines += [f"* {', '.join(columns)}: {reason}" for reason, columns in by_reason.items()]
    return "\n".join([*lines, ""])


def _row(feature: Feature) -> str:
    own = f"{feature.source}."
    inputs = ", ".join(f"`{name.removeprefix(own)}`" for name in feature.inputs) or "times alone"
    text = feature.description.replace("|", "\\|")
    return f"| `{feature.name}` | {inputs} | {feature.unit} | {feature.window} | {text} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(features_markdown(), encoding="utf-8")
