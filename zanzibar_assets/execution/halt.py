"""The kill switch: trading is halted while ``HALT.json`` exists.

A file that cannot be read halts too: the switch fails safe.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from zanzibar_assets.errors import UsageError
from zanzibar_assets.vocabulary import from_us


@dataclass(frozen=True, slots=True)
class Halt:
    """Why, since when (ISO UTC) and by whom trading is halted."""

    reason: str
    since: str
    by: str


def write_json(path: Path, payload: dict[str, object]) -> None:
    """Write a small JSON file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + f".{os.getpid()}.tmp")
    scratch.write_text(json.dumps(payload, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    scratch.replace(path)


def read_halt(path: Path) -> Halt | None:
    """The halt in force, or None when trading is free."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        return Halt(f"the halt file cannot be read ({error.strerror}): halted to be safe", "", "unknown")
    try:
        body = json.loads(text)
        return Halt(str(body["reason"]), str(body["since"]), str(body["by"]))
    except (ValueError, KeyError, TypeError):
        return Halt("the halt file is damaged: halted to be safe", "", "unknown")


def pull(path: Path, reason: str, by: str, now_us: int) -> Halt:
    """Halt trading. A halt already in force keeps its time and takes the new reason."""
    if not reason.strip():
        raise UsageError("a halt needs a reason", action='zanzibar halt "news in ten minutes"')
    held = read_halt(path)
    since = held.since if held is not None and held.since else from_us(now_us).isoformat()
    halt = Halt(reason.strip(), since, by)
    write_json(path, {"reason": halt.reason, "since": halt.since, "by": halt.by})
    return halt


def release(path: Path) -> Halt | None:
    """Free trading again; the halt that was in force, or None."""
    held = read_halt(path)
    path.unlink(missing_ok=True)
    return held
