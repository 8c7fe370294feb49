"""The number grammar: which digits of a narrative are price levels and which prices they mean.

Polish traders write one price in many ways (``4 512,25``, ``45 12``, ``18.250,5``, ``24,800``,
``2.9k``, ``17 tys.``) and zones in more (``1920-30+``, ``72-77 tys.``, ``12.250/220``). A written
number gives candidate values; what the named market can cost, or its last price, chooses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zanzibar_assets.narrative.grammar import load_grammar
from zanzibar_assets.narrative.lexicon import Market

_PLUS = re.compile(r"\+")
_MAX_ZONE_RATIO = 1.3
_PLAUSIBLE_RATIO = 1.35


def _grammar(name: str) -> re.Pattern[str]:
    return load_grammar().numbers[name]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One level or zone as written: half-open offsets into folded text and its prices."""

    start: int
    end: int
    low: float
    high: float
    approximate: bool = False
    market: str | None = None
    plausible: bool = True


@dataclass(frozen=True, slots=True)
class _Written:
    start: int
    end: int
    digits: str
    thousands: bool


MarketsAt = Callable[[int], Sequence[Market]]


def find_quantities(masked: str, markets_at: MarketsAt, last_prices: Mapping[str, float]) -> list[Quantity]:
    """Levels and zones of masked folded text in reading order.

    ``markets_at`` says which markets a position may speak of, likeliest first; ``last_prices`` what
    a market last cost, by its id.
    """
    written = [
        _Written(m.start(), m.end(), m["digits"], m["suffix"] is not None)
        for m in _grammar("number").finditer(masked)
    ]
    found: list[Quantity] = []
    position = 0
    while position < len(written):
        run = _run(masked, written, position)
        found.extend(_first_reading(masked, run, markets_at(run[0].start), last_prices))
        position += len(run)
    return found


def _first_reading(
    masked: str, run: list[_Written], markets: Sequence[Market], last_prices: Mapping[str, float]
) -> list[Quantity]:
    """Reading in the first market that admits the numbers; a market further off needs a clear price."""
    if not markets:
        return list(_read(masked, run, Scale(None, None)))
    for rank, market in enumerate(markets):
        if rank and not any(len(re.sub(r"\D", "", written.digits)) > 2 for written in run):
            continue
        scale = Scale(market, last_prices.get(market.id))
        found = list(_read(masked, run, scale))
        if found:
            return [
                replace(q, market=market.id, plausible=scale.plausible((q.low + q.high) / 2)) for q in found
            ]
    return []


def _run(masked: str, written: list[_Written], first: int) -> list[_Written]:
    """Numbers that one notation may join into a zone."""
    run = [written[first]]
    for following in written[first + 1 :]:
        gap = masked[run[-1].end : following.start]
        if not (
            _grammar("gap").fullmatch(gap)
            or _PLUS.fullmatch(gap)
            or gap in (" a ", " i ", " do ", " oraz ", " pkt a ")
        ):
            break
        if gap.strip() in ("a", "i", "do", "oraz", "pkt a"):
            before = masked[: run[0].start]
            if len(run) > 1 or not _joins(gap.strip(), before[-60:]):
                break
        run.append(following)
    return run


def _joins(word: str, before: str) -> bool:
    if word == "do":
        return _grammar("zone_from").search(before) is not None
    return _grammar("between").search(before) is not None


@dataclass(frozen=True, slots=True)
class Scale:
    """What prices of a market can be: its range, or the neighbourhood of its last price."""

    market: Market | None
    last: float | None

    def admits(self, value: float) -> bool:
        """True when the market can cost that much."""
        if self.last is not None:
            return 0.5 <= value / self.last <= 2.0
        if self.market is None:
            return value > 0
        return self.market.lowest <= value <= self.market.highest

    def plausible(self, value: float) -> bool:
        """True when a level there makes sense beside the last price."""
        if self.last is None:
            return True
        return 1 / _PLAUSIBLE_RATIO <= value / self.last <= _PLAUSIBLE_RATIO

    def choose(self, candidates: list[float]) -> float | None:
        """The candidate that fits best, None when none can be meant."""
        fitting = [value for value in candidates if self.admits(value)]
        if self.last is not None:
            last = self.last
            fitting.sort(key=lambda value: abs(math.log(value / last)))
        return fitting[0] if fitting else None


def candidates(digits: str, thousands: bool) -> list[float]:
    """Prices that a written number can mean, likeliest first; ``thousands``: ``k`` or ``tys.``."""
    factor = 1000.0 if thousands else 1.0
    compact = digits.replace(" ", "")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+", compact):
        return [float(compact.replace(".", "").replace(",", "."))]
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+\.\d+", compact):
        return [float(compact.replace(",", ""))]
    decimal = round(float(compact.replace(",", ".")) * factor, 6)
    if re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", compact) and not thousands:
        grouped = float(re.sub(r"[.,]", "", compact))
        return (
            [decimal, grouped]
            if re.fullmatch(r"\d[.,]\d{3}", compact) and "," in compact
            else [grouped, decimal]
        )
    return [decimal]


def _read(masked: str, run: list[_Written], scale: Scale) -> Iterator[Quantity]:
    zone = _zone(masked, run, scale) if len(run) > 1 else None
    if zone is not None:
        yield _marked(masked, zone)
        return
    for written in run:
        single = _single(masked, written, scale)
        if single is not None:
            yield _marked(masked, single)


def _single(masked: str, written: _Written, scale: Scale) -> Quantity | None:
    value = scale.choose(candidates(written.digits, written.thousands))
    if value is None or not _stands_as_level(masked, written, scale):
        return None
    return Quantity(written.start, written.end, value, value)


def _stands_as_level(masked: str, written: _Written, scale: Scale) -> bool:
    """Short bare integers are levels only where a level is announced."""
    if written.thousands or not written.digits.isdigit():
        return (
            scale.market is not None
            or "," in written.digits
            or "." in written.digits
            or written.thousands
            or len(written.digits) > 4
        )
    enough = 4 if scale.market is None else 3
    if len(written.digits) >= enough:
        return True
    return (
        len(written.digits) > 1
        and scale.market is not None
        and _grammar("announced").search(masked[: written.start]) is not None
    )


def _zone(masked: str, run: list[_Written], scale: Scale) -> Quantity | None:
    first, rest = run[0], run[1:]
    for left, right in zip(run, rest, strict=False):
        gap = masked[left.end : right.start]
        if gap == " / " or ("/" in gap and _grammar("listing").search(masked[: first.start])):
            return None
    thousands = any(written.thousands for written in run)
    if thousands and not first.thousands and float(first.digits.replace(" ", "").replace(",", ".")) < 1000:
        first = replace(first, thousands=True)
    low = scale.choose(candidates(first.digits, first.thousands))
    if low is None:
        return None
    values = [low]
    for written in rest:
        value = _completed(first, written, values[0], scale)
        if value is None:
            return None
        values.append(value)
    if max(values) / min(values) > _MAX_ZONE_RATIO:
        return None
    return Quantity(run[0].start, run[-1].end, min(values), max(values))


def _completed(first: _Written, written: _Written, base: float, scale: Scale) -> float | None:
    """Upper end of a zone; a shortened one (``2150-60``, ``1,0850-70``) takes the lower one's head."""
    full = [v for v in candidates(written.digits, written.thousands or first.thousands) if _near(v, base)]
    if full:
        return min(full, key=lambda value: abs(math.log(value / base)))
    if not written.digits.isdigit():
        return None
    head = re.sub(r"[ ]", "", first.digits)
    bare = re.sub(r"\D", "", head)
    if len(written.digits) >= len(bare):
        return None
    joined = bare[: len(bare) - len(written.digits)] + written.digits
    scaled = base * int(joined) / int(bare)
    value = round(scaled, 6)
    return value if scale.admits(value) else None


def _near(value: float, base: float) -> bool:
    return value > 0 and 1 / _MAX_ZONE_RATIO <= value / base <= _MAX_ZONE_RATIO


def _marked(masked: str, quantity: Quantity) -> Quantity:
    plus = (
        masked[quantity.end : quantity.end + 1] == "+"
        and not masked[quantity.end + 1 : quantity.end + 2].isdigit()
    )
    near = _grammar("near").search(masked[max(0, quantity.start - 30) : quantity.start]) is not None
    return replace(quantity, end=quantity.end + plus, approximate=plus or near)
