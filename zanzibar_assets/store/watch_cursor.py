"""What the watch over the source files remembers from one look to the next, as one text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zanzibar_assets.errors import SourceError
from zanzibar_assets.ingestion.tail import TailCursor

VERSION = 2


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file at the last look: size, modification time and inode, and where its reader stands.

    ``settled`` entries need no look while size, time and inode stay; the others may have changed
    within the clock's grain, or end in a record that can be rewritten. ``problem`` says why the
    file could not be read, and was told already.
    """

    stat: tuple[int, int, int]
    settled: bool
    tail: TailCursor | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A build that was asked for and is not seen yet: why, how often, by which runs, when last."""

    marks: tuple[str, ...]
    attempt: int
    run_keys: tuple[str, ...]
    asked_us: int


@dataclass(frozen=True, slots=True)
class WatchCursor:
    """Files by name, open requests by partition key, and the last partition that was audited."""

    files: Mapping[str, FileEntry] = field(default_factory=dict)
    asked: Mapping[str, Asked] = field(default_factory=dict)
    audited: str = ""

    def to_text(self) -> str:
        """JSON of the cursor."""
        files = {
            name: {
                "stat": entry.stat,
                "settled": entry.settled,
                "tail": entry.tail.to_json() if entry.tail else None,
                "problem": entry.problem,
            }
            for name, entry in self.files.items()
        }
        asked = {
            key: [item.marks, item.attempt, item.run_keys, item.asked_us] for key, item in self.asked.items()
        }
        document = {"version": VERSION, "files": files, "asked": asked, "audited": self.audited}
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str | None) -> WatchCursor:
        """Cursor of its JSON; an absent one is empty. SourceError when it cannot be read."""
        if not text:
            return cls()
        try:
            document = json.loads(text)
            if document["version"] != VERSION:
                raise SourceError("the cursor is of another version", got=str(document["version"]))
            files = {str(name): _entry(found) for name, found in document["files"].items()}
            asked = {
                str(key): Asked(tuple(map(str, marks)), int(attempt), tuple(map(str, names)), int(asked_us))
                for key, (marks, attempt, names, asked_us) in document["asked"].items()
            }
            return cls(files, asked, str(document["audited"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(
                "the cursor is no cursor of the watch", got=f"{error!r}: {text[:80]}"
            ) from error


def _entry(found: Any) -> FileEntry:
    size, modified_ns, inode = (int(value) for value in found["stat"])
    tail = None if found["tail"] is None else TailCursor.from_json(found["tail"])
    return FileEntry((size, modified_ns, inode), bool(found["settled"]), tail, str(found["problem"]))
