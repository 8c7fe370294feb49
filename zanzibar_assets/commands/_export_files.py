"""Where ``export`` writes: whole files or none, and nothing that is no file of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zanzibar_assets.commands._out_files import part_of, refuse_irregular
from zanzibar_assets.errors import UsageError

SOURCE_SUFFIXES = (".scid", ".depth", ".dly")


def write_file(path: Path, text: str) -> list[Path]:
    """Write one file; raises UsageError when the path cannot safely be written."""
    if path.suffix.lower() in SOURCE_SUFFIXES:
        raise UsageError(f"--out {path} has the name of a source file", action="name a .csv file")
    return _write_all(path.parent, {path.name: text})


def write_folder(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write files by name into a folder that exists."""
    if not folder.is_dir():
        raise UsageError(
            f"--out {folder} is no folder", expected="a folder that exists", action="make it or name another"
        )
    return _write_all(folder, texts)


def _write_all(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"--out: {folder} is no folder", expected="a file in a folder that exists")
    places = {folder / name: text for name, text in texts.items()}
    for place in places:
        refuse_irregular(place)
    try:
        for place, text in places.items():
            part_of(place).write_text(text, encoding="ascii", newline="\n")
        for place in places:
            part_of(place).replace(place)
    finally:
        for place in places:
            part_of(place).unlink(missing_ok=True)
    return list(places)
