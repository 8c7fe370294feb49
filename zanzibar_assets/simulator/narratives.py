"""Simulated Polish commentary with a known relation to the market that follows.

The text knows only what had happened when it was published (last price, extremes so far and of the
session before, the release calendar); its bias alone is drawn with the outcome in view: with
probability ``narrative_skill`` it has the sign of the move from publication to the session's last
trade. The truth goes to a side file that the inbox does not hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from zanzibar_assets.instruments import Instrument
from zanzibar_assets.simulator import narrative_texts as texts
from zanzibar_assets.simulator.options import SimulatorOptions, shape_of
from zanzibar_assets.simulator.path import FairPath
from zanzibar_assets.simulator.streams import stream
from zanzibar_assets.vocabulary import US_PER_SECOND, from_us

WARSAW: Final = ZoneInfo("Europe/Warsaw")
EARLIEST_BEFORE_MAIN_US: Final = 8 * 3_600 * US_PER_SECOND
LATEST_BEFORE_MAIN_US: Final = 5 * 3_600 * US_PER_SECOND
STYLES: Final = ("plain", "plain", "space", "dot")
BIG_STYLES: Final = ("plain", "space", "dot", "k", "tys")
WITHOUT_MARKS_SHARE: Final = 0.3
_SLOT = re.compile(r"\{(\w+)\}")

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Narrative:
    """One narrative: ``line`` goes to the inbox, ``truth`` to the side file."""

    session: str
    received_us: int
    line: dict[str, Any]
    truth: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MarketSoFar:
    """What a trader sees at publication, and (for the truth alone) where the session ends."""

    price: float
    low: float
    high: float
    day_move: float
    last_price: float


def write_narratives(
    instrument: Instrument, path: FairPath, trades: Ints, seed: int, options: SimulatorOptions
) -> list[Narrative]:
    """One narrative an author on the session, published before its main hours."""
    found = []
    for author in options.authors:
        rng = stream(seed, "narrative", instrument.id, path.session, author)
        ahead = int(rng.integers(LATEST_BEFORE_MAIN_US, EARLIEST_BEFORE_MAIN_US))
        published = (path.clock.main_us[0] - ahead) // US_PER_SECOND * US_PER_SECOND
        market = _market_so_far(instrument, path, trades, published)
        if market is not None:
            found.append(_narrative(instrument, path, author, published, market, rng, options))
    return found


def _market_so_far(
    instrument: Instrument, path: FairPath, trades: Ints, published_us: int
) -> MarketSoFar | None:
    """The market at publication; None when nothing has traded by then."""
    until = int(np.searchsorted(trades[:, 0], published_us, side="right"))
    if until == 0:
        return None
    seen = trades[:until, 2] * instrument.tick_size
    last = float(trades[-1, 2] * instrument.tick_size)
    move = float(seen[-1]) * path.day_sigma
    return MarketSoFar(float(seen[-1]), float(seen.min()), float(seen.max()), move, last)


def _narrative(
    instrument: Instrument,
    path: FairPath,
    author: str,
    published_us: int,
    market: MarketSoFar,
    rng: np.random.Generator,
    options: SimulatorOptions,
) -> Narrative:
    outcome = "long" if market.last_price >= market.price else "short"
    other = "short" if outcome == "long" else "long"
    skilled = rng.random() < options.narrative_skill
    bias = "neutral" if rng.random() < options.neutral_share else (outcome if skilled else other)
    text, levels = _compose(instrument, path, bias, market, rng)
    key = f"sim-{path.session}-{instrument.id}-{author}"
    published = from_us(published_us)
    received = published + timedelta(seconds=int(rng.integers(3, 90)))
    line = {
        "id": key,
        "author": author,
        "text": text,
        "published_at": _iso(published),
        "received_at": _iso(received),
        "simulated": True,
    }
    flat = market.last_price == market.price
    truth = {
        "id": key,
        "session": path.session,
        "instrument": instrument.id,
        "author": author,
        "bias": bias,
        "correct": None if bias == "neutral" or flat else bias == outcome,
        "price_at_publication": market.price,
        "session_last_price": market.last_price,
        "return_bps": round((market.last_price / market.price - 1.0) * 10_000.0, 4),
        "levels": levels,
        "simulated": True,
    }
    received_us = published_us + int((received - published).total_seconds()) * US_PER_SECOND
    return Narrative(path.session, received_us, line, truth)


def _iso(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _compose(
    instrument: Instrument, path: FairPath, bias: str, market: MarketSoFar, rng: np.random.Generator
) -> tuple[str, list[dict[str, Any]]]:
    """Text and its levels with character offsets."""
    pool = {"long": texts.LONG, "short": texts.SHORT, "neutral": texts.NEUTRAL}[bias]
    template = pool[int(rng.integers(len(pool)))].replace("{news}", _news(path, rng))
    name, on = texts.NAMES[instrument.narrative_id][int(rng.integers(3))]
    styles = BIG_STYLES if market.price >= 30_000 else STYLES
    style = styles[int(rng.integers(len(styles)))]
    values = _values(instrument, bias, market)
    words = {"name": name, "on": on}
    text, levels, done = "", [], 0
    for slot in _SLOT.finditer(template):
        text += template[done : slot.start()]
        done = slot.end()
        if slot[1] in words:
            text += words[slot[1]]
            continue
        low, high = values[slot[1]]
        surface = _write_zone(low, high, style)
        role = texts.ROLES[bias][slot[1]]
        start, end = len(text), len(text) + len(surface)
        levels.append(
            {"low": low, "high": high, "role": role, "surface": surface, "start": start, "end": end}
        )
        text += surface
    text += template[done:]
    if rng.random() < WITHOUT_MARKS_SHARE:
        text = text.translate(texts.PLAIN)
    return text, levels


def _write_zone(low: float, high: float, style: str) -> str:
    """A level, or a zone as ``low-high`` (the thousand's suffix once, at its end)."""
    if low == high:
        return texts.write_price(low, style)
    first = texts.write_price(low, style).removesuffix("k").removesuffix(" tys.")
    return f"{first}-{texts.write_price(high, style)}"


def _news(path: FairPath, rng: np.random.Generator) -> str:
    """A sentence on the session's release in Warsaw's time, or nothing when there is none."""
    which = int(rng.integers(len(texts.NEWS)))
    news = path.clock.news
    if news is None:
        return ""
    time = from_us(news.at_us).astimezone(WARSAW)
    return texts.NEWS[which].format(time=f"{time:%H:%M}", event=news.name)


def _values(instrument: Instrument, bias: str, market: MarketSoFar) -> dict[str, tuple[float, float]]:
    """Price of each slot, on the grid in which people speak of that market; extremes finer."""
    spoken = shape_of(instrument.id, instrument.simulated).round_number
    step, fine = spoken / 5.0, max(instrument.tick_size, spoken / 100.0)
    move, price = market.day_move, market.price
    way = -1.0 if bias == "short" else 1.0
    if bias == "neutral":
        high = _rounded(max(market.high, price + 0.2 * move), step)
        low = _rounded(min(market.low, price - 0.2 * move), step)
        up, down = _rounded(high + 0.5 * move, step), _rounded(low - 0.5 * move, step)
        points = {"high": high, "low": low, "up": up, "down": down}
        return {name: (value, value) for name, value in points.items()} | {"range": (low, high)}
    near = _rounded(price - way * 0.15 * move, step)
    far = near - way * step
    points = {
        "trig": _rounded(price - way * 0.3 * move, step),
        "t1": _rounded(price + way * 0.5 * move, step),
        "t2": _rounded(price + way * 0.9 * move, step),
        "inv": _rounded(price - way * 0.55 * move, step),
        "high": _rounded(market.high, fine),
        "low": _rounded(market.low, fine),
    }
    zone = {"poi": (min(near, far), max(near, far))}
    return {name: (value, value) for name, value in points.items()} | zone


def _rounded(price: float, step: float) -> float:
    return round(price / step) * step
