"""Intake: narratives from the inbox folder, as they came in.

Two kinds of file: ``*.jsonl`` with one narrative a line ({id, author, text, published_at, and
where given received_at, simulated}; instants in ISO form with a zone), and ``*.txt``/``*.md`` named
``YYYY-MM-DDTHHMMZ_author``, the whole file being the text. What cannot be read is reported beside
the frame, never dropped in silence.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from zanzibar_assets.contracts.registry import conform, empty
from zanzibar_assets.errors import SourceError
from zanzibar_assets.vocabulary import to_us

_TEXT_NAME = re.compile(r"(?P<stamp>\d{4}-\d{2}-\d{2}T\d{4})Z_(?P<author>[^/\\]+)")


@dataclass(frozen=True, slots=True)
class InboxProblem:
    """One line or file that is no narrative: where it stands (line 0: the file) and why."""

    path: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class InboxRead:
    """What an inbox holds: a RawNarratives frame of the range, and what could not be read."""

    frame: pl.DataFrame
    problems: tuple[InboxProblem, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Item:
    narrative_id: str
    author: str
    text: str
    published_us: int
    received_us: int
    simulated: bool
    path: str

    @property
    def known_us(self) -> int:
        return max(self.published_us, self.received_us)


def read_inbox(inbox_dir: Path, from_us: int, to_us: int) -> InboxRead:
    """Narratives published in ``[from_us, to_us)``, ordered by when they were received.

    The order of files and lines has no influence. A missing folder is an empty inbox. Raises
    SourceError when one id stands for two different narratives.
    """
    items: dict[str, _Item] = {}
    problems: list[InboxProblem] = []
    for path in _files(inbox_dir):
        for found in _read_file(path, inbox_dir):
            if isinstance(found, InboxProblem):
                problems.append(found)
            else:
                _add(items, found)
    chosen = [item for item in items.values() if from_us <= item.published_us < to_us]
    chosen.sort(key=lambda item: (item.known_us, item.published_us, item.narrative_id))
    return InboxRead(_frame(chosen), tuple(sorted(problems, key=lambda p: (p.path, p.line))))


def _files(inbox_dir: Path) -> list[Path]:
    if not inbox_dir.exists():
        return []
    return sorted(
        path for path in inbox_dir.rglob("*") if path.suffix in {".jsonl", ".txt", ".md"} and path.is_file()
    )


def _read_file(path: Path, root: Path) -> Iterator[_Item | InboxProblem]:
    name = path.relative_to(root).as_posix()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield InboxProblem(name, 0, f"not UTF-8: {error.reason} at byte {error.start}")
        return
    if path.suffix != ".jsonl":
        yield _text_file(path, name, text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _json_line(line, name, number)


def _text_file(path: Path, name: str, text: str) -> _Item | InboxProblem:
    match = _TEXT_NAME.fullmatch(path.stem)
    if match is None:
        return InboxProblem(name, 0, "file name is not YYYY-MM-DDTHHMMZ_author")
    if not text.strip():
        return InboxProblem(name, 0, "the file is empty")
    try:
        published = to_us(datetime.strptime(match["stamp"], "%Y-%m-%dT%H%M").replace(tzinfo=UTC))
    except ValueError as error:
        return InboxProblem(name, 0, f"file name holds no instant: {error}")
    return _Item(path.stem, match["author"], text, published, published, False, name)


def _json_line(line: str, name: str, number: int) -> _Item | InboxProblem:
    try:
        return _item(json.loads(line), name)
    except (ValueError, KeyError, TypeError) as error:
        return InboxProblem(name, number, _why(error))


def _item(values: Any, name: str) -> _Item:
    if not isinstance(values, dict):
        raise TypeError("a line must hold a JSON object")
    for key in ("id", "author", "text"):
        if not isinstance(values[key], str) or not values[key].strip():
            raise TypeError(f"{key} must be a text that is not empty")
        values[key].encode("utf-8")
    simulated = values.get("simulated", False)
    if not isinstance(simulated, bool):
        raise TypeError("simulated must be true or false")
    published = _instant(values["published_at"], "published_at")
    received = _instant(values["received_at"], "received_at") if values.get("received_at") else published
    return _Item(values["id"], values["author"], values["text"], published, received, simulated, name)


def _instant(value: Any, key: str) -> int:
    if not isinstance(value, str):
        raise TypeError(f"{key} must be an ISO instant with a zone")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{key} {value!r} has no time zone")
    return to_us(moment)


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"lacks {error.args[0]!r}"
    return str(error)


def _add(items: dict[str, _Item], item: _Item) -> None:
    known = items.get(item.narrative_id)
    if known is None:
        items[item.narrative_id] = item
        return
    if _content(known) != _content(item):
        raise SourceError(
            f"narrative id {item.narrative_id!r} stands for two different narratives",
            got=f"{known.path} and {item.path}",
            action="give one of them another id",
        )
    if (item.known_us, item.path) < (known.known_us, known.path):
        items[item.narrative_id] = item


def _content(item: _Item) -> tuple[str, str, int, bool]:
    return item.text, item.author, item.published_us, item.simulated


def _frame(items: list[_Item]) -> pl.DataFrame:
    if not items:
        return empty("raw_narratives")
    stamps = {
        "event_ts": [item.published_us for item in items],
        "known_at": [item.known_us for item in items],
    }
    columns: dict[str, list[Any]] = {
        "narrative_id": [item.narrative_id for item in items],
        "author": [item.author for item in items],
        "text": [item.text for item in items],
        "sha256": [hashlib.sha256(item.text.encode("utf-8")).hexdigest() for item in items],
        "source_path": [item.path for item in items],
        "simulated": [item.simulated for item in items],
    }
    frame = pl.DataFrame(
        {
            **{k: pl.Series(v, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")) for k, v in stamps.items()},
            **columns,
        }
    )
    return conform("raw_narratives", frame)
