"""The look-ahead prover: is a table computed on what was known at a cut the stored one up to it.

It looks for a difference and can only fail to find one: ``least_share`` says how rare a leak may be to
slip through. The law: rows of the whole table with ``known_at <= cut`` equal, bit for bit and row
for row, those of the same builder on ``PrefixInputs`` of that cut. Tables that sum up a session as of
their last event (``SUMMARIES``) have one state only, the last: their rows must be there once they are
known, and what a prefix has to say before that is no row of theirs.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from polars.exceptions import PolarsError

from zanzibar_assets.contracts.registry import conform
from zanzibar_assets.errors import ZanzibarError
from zanzibar_assets.store.cuts import choose_cuts, least_share_seen
from zanzibar_assets.store.differences import Difference, first_difference
from zanzibar_assets.store.evolution import load
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.prefix import Loaded, PrefixInputs, Variant, known_until
from zanzibar_assets.vocabulary import KNOWN_AT

if TYPE_CHECKING:
    import polars as pl

    from zanzibar_assets.store.records import InputRecord, PartitionRecord
    from zanzibar_assets.store.specs import TableSpec
    from zanzibar_assets.store.workspace import Workspace

SUMMARIES = frozenset(
    {"volume_profile", "session_completeness", "session_counts", "book_statistics", "narrative_scores"}
    | {"feature_quality"}
)
"""Tables whose rows are a session's sums as of its last known event."""
REFUSALS = (
    ZanzibarError, PolarsError, ArithmeticError, ValueError, LookupError, TypeError, AssertionError
)  # fmt: skip
"""What a builder may answer to a prefix or to nonsense instead of a frame; a cut like that proves nothing."""


class Verdict(StrEnum):
    """What a proof found."""

    NONE_SEEN = "none seen"
    LEAKS = "leaks"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Cut:
    """One instant and what becomes of the rows that were not known then."""

    at_us: int
    variant: Variant


@dataclass(frozen=True, slots=True)
class Proof:
    """Cuts that were compared, with how many rows; those refused and why; the first difference.

    ``at_rows`` of the ``instants`` at which rows become known were cut at and compared.
    """

    table: str
    key: PartitionKey
    code_version: str
    compared: tuple[Cut, ...] = ()
    rows: int = 0
    refused: tuple[tuple[Cut, str], ...] = ()
    difference: Difference | None = None
    at_rows: int = 0
    instants: int = 0

    @property
    def verdict(self) -> Verdict:
        """Leaks with a difference; none seen when rows were compared and none was other; else nothing."""
        if self.difference is not None:
            return Verdict.LEAKS
        return Verdict.NONE_SEEN if self.rows else Verdict.NOTHING

    @property
    def least_share(self) -> float:
        """Share of the table's instants that must leak to be met with 95 %; 0 when all were cut at."""
        return 0.0 if self.instants and self.at_rows == self.instants else least_share_seen(self.at_rows)

    def words(self) -> str:
        """What was seen, and what could have been."""
        if not self.instants or self.at_rows == self.instants:
            return f"no look-ahead seen at {self.at_rows} cuts, one at every instant of its rows"
        share = f"{100 * self.least_share:.2g} %"
        return f"no look-ahead seen at {self.at_rows} cuts (19 times in 20 it is from {share} of the rows on)"


def seed_of(table: str, key: PartitionKey, code_version: str) -> int:
    """Seed of a partition's cuts: the same for the same session and code, other ones in each session."""
    text = f"{table}|{key}|{code_version}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big")


def prove(
    workspace: Workspace,
    spec: TableSpec,
    key: PartitionKey,
    frames: Mapping[str, pl.DataFrame],
    reads: Iterable[InputRecord],
    count: int | None,
    watch: Callable[[int, int], None] | None = None,
) -> Proof:
    """Compare the frames of a build (main and side tables) with those of ``count`` cuts of each variant.

    ``count`` None cuts wherever a row becomes known (``choose_cuts`` says where else).

    ``reads`` are what the build read: a table made from its session's bars is cut where they close,
    one made from trades not before the first. Stops at the first difference. ``watch`` is told how
    many cuts are done and of how many. A builder that refuses a cut (``REFUSALS``) leaves it
    uncompared, with its words.
    """
    seed = seed_of(spec.table, key, spec.code_version)
    whole = {t: conform(t, f) for t, f in frames.items()}
    instants = choose_cuts(whole[spec.table], count, seed, last_known(workspace, spec.table, key))
    trial = _Trial(workspace, spec, key, seed, _stops(workspace, key, reads))
    compared: list[Cut] = []
    refused: list[tuple[Cut, str]] = []
    rows = 0
    known = set(whole[spec.table][KNOWN_AT].dt.epoch("us")) if instants else set()
    result = partial(_proof, spec, key, known, count, compared, refused)
    for done, asked in enumerate(_both(instants)):
        if watch is not None:
            watch(done, 2 * len(instants))
        try:
            cut, part = trial.run(asked)
        except REFUSALS as error:
            refused.append((asked, f"{type(error).__name__}: {error}"))
            continue
        compared.append(cut)
        found = _compare(whole, part, cut)
        if found is not None:
            return result(rows, found)
        rows += sum(known_until(f, cut.at_us).height for f in whole.values() if KNOWN_AT in f.columns)
    return result(rows, None)


def _proof(
    spec: TableSpec,
    key: PartitionKey,
    known: set[int],
    count: int | None,
    compared: Sequence[Cut],
    refused: Sequence[tuple[Cut, str]],
    rows: int,
    found: Difference | None,
) -> Proof:
    met = len(known & {cut.at_us for cut in compared})
    # cuts at a row of each kind are no fair sample of all rows: the stated power rests on the others
    at_rows = met if count is None or met == len(known) else min(met, count)
    return Proof(
        spec.table, key, spec.code_version, tuple(compared), rows, tuple(refused), found,
        at_rows=at_rows, instants=len(known),
    )  # fmt: skip


@dataclass(slots=True)
class _Trial:
    """One builder at the cuts of one partition; what it reads is fetched once."""

    workspace: Workspace
    spec: TableSpec
    key: PartitionKey
    seed: int
    stops: Sequence[int]
    loaded: Loaded = field(default_factory=Loaded)

    def run(self, asked: Cut) -> tuple[Cut, dict[str, pl.DataFrame]]:
        """The cut that was made and the frames; raises what the builder raises.

        Truncated cuts lie where a bar closes: a stretch without a trade is known to be one when the
        clock passes it, and a prefix has no clock but its last bar. A builder that refuses
        nonsense in the middle of a bar is asked again at that bar's close.
        """
        at_close = Cut(self._next_close(asked.at_us), asked.variant)
        if asked.variant is Variant.TRUNCATED or at_close == asked:
            return at_close, self._computed(at_close)
        try:
            return asked, self._computed(asked)
        except REFUSALS:
            return at_close, self._computed(at_close)

    def _next_close(self, at_us: int) -> int:
        place = bisect_left(self.stops, at_us)
        return self.stops[place] if place < len(self.stops) else at_us

    def _computed(self, cut: Cut) -> dict[str, pl.DataFrame]:
        inputs = PrefixInputs(
            self.workspace,
            self.key,
            cut_us=cut.at_us,
            variant=cut.variant,
            seed=self.seed ^ cut.at_us,
            loaded=self.loaded,
        )
        result: Any = self.spec.compute(inputs)
        frames = dict(result) if isinstance(result, Mapping) else {self.spec.table: result}
        return {table: conform(table, frame) for table, frame in frames.items()}


def _stops(workspace: Workspace, key: PartitionKey, reads: Iterable[InputRecord]) -> list[int]:
    """Instants at which truncated cuts lie: closes of bars; without bars the first trade ends the silence."""
    own = {i.table for i in reads if i.key.endswith(str(key.session)) and "|<=" not in i.key}
    if "bars" in own:
        return bar_closes(workspace, key)
    ticks = workspace.manifest.get("clean_ticks", key) if "clean_ticks" in own else None
    return [ticks.first_us] if ticks is not None and ticks.first_us is not None else []


def bar_closes(workspace: Workspace, key: PartitionKey) -> list[int]:
    """Instants at which a bar of the partition's session closes, of any instrument for a session's table."""
    found: set[int] = set()
    for record in _bars_of(workspace, key):
        found.update(load(workspace.lake, record)[KNOWN_AT].dt.epoch("us").to_list())
    return sorted(found)


def last_known(workspace: Workspace, table: str, key: PartitionKey) -> int | None:
    """Close of the session's last bar, so that rows known early are compared at later cuts too."""
    known = [r.last_us for r in _bars_of(workspace, key) if table != "bars" and r.last_us is not None]
    return max(known, default=None)


def _bars_of(workspace: Workspace, key: PartitionKey) -> list[PartitionRecord]:
    names = [key.instrument] if key.instrument is not None else list(workspace.config.instruments)
    records = [workspace.manifest.get("bars", PartitionKey(name, key.session)) for name in names]
    return [r for r in records if r is not None and r.state == r.fingerprint and r.rows]


def _both(instants: Sequence[int]) -> list[Cut]:
    return [Cut(at, variant) for at in instants for variant in Variant]


def _compare(
    whole: Mapping[str, pl.DataFrame], part: Mapping[str, pl.DataFrame], cut: Cut
) -> Difference | None:
    for table, frame in whole.items():
        if KNOWN_AT not in frame.columns:
            continue
        mine, theirs = known_until(frame, cut.at_us), known_until(part[table], cut.at_us)
        if table in SUMMARIES and mine.height < theirs.height:
            theirs = theirs.join(mine, on=mine.columns, how="semi", nulls_equal=True, maintain_order="left")
        found = first_difference(mine, theirs)
        if found is not None:
            return found.of(table, cut.at_us, cut.variant.value)
    return None
