"""Checks of `zanzibar doctor` on the machine: Python, packages, folders, instruments, calendars, clock."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

import zanzibar_assets
from zanzibar_assets.calendars import LAST_YEAR, session_at, session_window
from zanzibar_assets.config import Config
from zanzibar_assets.errors import ZanzibarError
from zanzibar_assets.instruments import Instrument, Instruments
from zanzibar_assets.vocabulary import US_PER_SECOND, from_us

OK, WARN, FAIL = "ok", "warn", "fail"
BUILD_FIRST = "run `zanzibar demo` or `zanzibar run`"
OLDEST, NEWEST = (3, 11), (3, 13)
DISTRIBUTION = "zanzibar-assets"
LEAST_FREE_BYTES, COMFORTABLE_FREE_BYTES = 1 << 30, 5 << 30
DAYS_AHEAD = 30
CLOCK_SLACK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the doctor's answer."""

    name: str
    status: str
    detail: str
    action: str = ""


def python_item(version: tuple[int, int] | None = None) -> Item:
    """Python is one of the tested versions."""
    found = version or sys.version_info[:2]
    detail = f"Python {'.'.join(map(str, found))} on {platform.system()} {platform.machine()}"
    if found < OLDEST:
        return Item("python", FAIL, detail, "install Python 3.11 or newer")
    if found > NEWEST:
        return Item("python", WARN, detail, "tested up to 3.13: some packages have no ready build beyond")
    return Item("python", OK, detail)


def required_items(requirements: list[str] | None = None) -> Item:
    """Every declared dependency is installed and recent enough."""
    texts = metadata.requires(DISTRIBUTION) or [] if requirements is None else requirements
    missing = []
    for requirement in map(Requirement, texts):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        installed = installed_version(requirement.name)
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            missing.append(f"{requirement} (installed: {installed or 'no'})")
    if missing:
        action = "pip install -c constraints.txt -e ."
        return Item("packages", FAIL, "; ".join(missing), action)
    return Item("packages", OK, f"{len(texts)} declared dependencies are satisfied")


def pins_item(constraints: Path) -> Item:
    """Installed versions are the pinned ones, where the pins are at hand."""
    if not constraints.exists():
        return Item("pins", WARN, "no constraints.txt beside the package", "compare with the repository's")
    other, pinned = [], 0
    for line in constraints.read_text(encoding="utf-8").splitlines():
        try:
            pin = Requirement(line)
        except InvalidRequirement:
            continue  # a comment or an empty line
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        installed = installed_version(pin.name)
        pinned += installed is not None
        if installed is not None and not pin.specifier.contains(installed, prereleases=True):
            other.append(f"{pin.name} {installed} instead of {str(pin.specifier)[2:]}")
    if other:
        return Item("pins", WARN, "; ".join(other), "pip install -c constraints.txt -e .")
    return Item("pins", OK, f"{pinned} installed packages are at their pinned versions")


def installed_version(name: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def constraints_file() -> Path:
    """constraints.txt of the checkout that this package runs from."""
    return Path(zanzibar_assets.__file__).resolve().parent.parent / "constraints.txt"


def home_items(home: Path, free_bytes: int | None = None) -> Iterator[Item]:
    """The home folder can be written to and has room."""
    standing = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=standing):
            pass
    except OSError as error:
        action = "choose another folder with ZANZIBAR_HOME or mend its permissions"
        yield Item("home", FAIL, f"{home} cannot be written to: {error.strerror}", action)
        return
    new = "" if home.exists() else " (made on first use)"
    yield Item("home", OK, f"{home} can be written to{new}")
    free = shutil.disk_usage(standing).free if free_bytes is None else free_bytes
    detail = f"{free / (1 << 30):.1f} GiB free at {standing}"
    if free < LEAST_FREE_BYTES:
        yield Item("disk", FAIL, detail, "free some space: writes would fail")
    elif free < COMFORTABLE_FREE_BYTES:
        yield Item("disk", WARN, detail, "free some space before a long backfill")
    else:
        yield Item("disk", OK, detail)


def instruments_item(config: Config, known: Instruments) -> Item:
    """instruments.yaml can be read and holds the configured instruments."""
    unknown = sorted(set(config.instruments) - set(known.instruments))
    if unknown:
        return Item(
            "instruments", FAIL, f"unknown: {', '.join(unknown)}", "mend `instruments` in zanzibar.yaml"
        )
    chosen = ", ".join(config.instruments) or "none configured yet"
    return Item(
        "instruments", OK, f"version {known.version}, {len(known.instruments)} known; in use: {chosen}"
    )


def calendars_item(instruments: list[Instrument], now_us: int) -> Item:
    """Every calendar knows the running session and the month ahead."""
    ahead = now_us + DAYS_AHEAD * 86_400 * US_PER_SECOND
    for instrument in instruments:
        try:
            session_at(instrument, now_us)
            session_window(instrument, session_at(instrument, ahead))
        except ZanzibarError as error:
            action = f"set the clock right, or raise LAST_YEAR ({LAST_YEAR})"
            return Item("calendars", FAIL, f"{instrument.id}: {error}", action)
    names = ", ".join(sorted({i.calendar for i in instruments}))
    return Item("calendars", OK, f"{names} cover today and the next {DAYS_AHEAD} days")


def clock_item(now_us: int, newest_write_us: int | None, file_clock_us: int) -> Item:
    """The clock does not lie before what was already written, and agrees with the file system's."""
    detail = f"{from_us(now_us).isoformat(timespec='seconds')} (UTC)"
    if newest_write_us is not None and now_us < newest_write_us:
        written = from_us(newest_write_us).isoformat(timespec="seconds")
        return Item("clock", FAIL, f"{detail} lies before the last write at {written}", "set the clock right")
    apart = abs(now_us - file_clock_us) / US_PER_SECOND
    if apart > CLOCK_SLACK_SECONDS:
        text = f"{detail}; the file system's clock is {apart:.0f} s away"
        return Item("clock", WARN, text, "turn on time synchronisation")
    return Item("clock", OK, f"{detail}; agrees with the file system's clock")


def file_clock_us(folder: Path) -> int:
    """The file system's idea of now: modification time of a fresh file (UTC microseconds)."""
    usable = folder.is_dir() and os.access(folder, os.W_OK)  # else the home's own check says so
    with tempfile.NamedTemporaryFile(dir=folder if usable else None) as file:
        file.write(b"x")
        file.flush()
        return os.fstat(file.fileno()).st_mtime_ns // 1_000
