"""The declared feature catalogue: what each column of ``feature_matrix`` is and when it is known.

Order here is the order of the columns. Every feature is dimensionless or relative (per price, per
ATR, per sigma): a price level would not survive a contract roll or a back-adjustment. What a source
table holds beyond a feature's inputs is left out on purpose, with its reason in ``LEFT_OUT``.
"""

from __future__ import annotations

from dataclasses import dataclass

from zanzibar_assets.ml.catalogue_rows import SOURCES

BAR_CLOSE = "the bar's close"
AS_OF = "latest row known at the bar's close"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: column name, source table, unit, when it is known, window and owner.

    ``inputs`` are the columns that decide it, as ``table.column``.
    """

    name: str
    source: str
    inputs: tuple[str, ...]
    unit: str
    known_at_rule: str
    window: str
    owner: str
    description: str


def _inputs(source: str, words: str) -> tuple[str, ...]:
    return tuple(word if "." in word else f"{source}.{word}" for word in words.split())


FEATURES: tuple[Feature, ...] = tuple(
    Feature(name, source, _inputs(source, inputs), unit, BAR_CLOSE if per_bar else AS_OF, window, owner, text)
    for source, owner, per_bar, rows in SOURCES
    for name, inputs, unit, window, text in rows
)

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
