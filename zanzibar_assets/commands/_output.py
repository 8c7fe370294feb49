"""What several commands share: the JSON switch, progress on standard error, the resource."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zanzibar_assets.config import Config, load_config
from zanzibar_assets.errors import UsageError

if TYPE_CHECKING:
    from zanzibar_assets.instruments import Instrument
    from zanzibar_assets.orchestration.progress import Progress
    from zanzibar_assets.orchestration.resources import ZanzibarResource

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document alone on standard output."
)


class ProgressPrinter:
    """Keeps every progress report and shows a line a table (or a live counter on a terminal)."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.seen: list[Progress] = []
        self._quiet = quiet
        self._table = ""
        self._count = 0
        self._seconds = 0.0
        self._bad = 0

    def __call__(self, progress: Progress) -> None:
        """Take one report."""
        self.seen.append(progress)
        if progress.table != self._table:
            self.close()
            self._table = progress.table
        self._count += 1
        self._seconds += progress.seconds
        self._bad += progress.status in ("blocked", "failed")
        if not self._quiet and sys.stderr.isatty():
            click.echo(f"\r  {self._line()}", nl=False, err=True)

    def close(self) -> None:
        """Finish the current line."""
        if self._table and not self._quiet:
            click.echo(("\r  " if sys.stderr.isatty() else "  ") + self._line(), err=True)
        self._table, self._count, self._seconds, self._bad = "", 0, 0.0, 0

    def problems(self) -> list[str]:
        """What was held back and why, each cause once."""
        held = [p for p in self.seen if p.status in ("blocked", "failed")]
        causes = [p for p in held if not any(" is blocked" in r or " is failed" in r for r in p.reasons)]
        shown = causes or held
        found = [f"{p.table} {p.key} {p.status}: {'; '.join(p.reasons)}" for p in shown]
        left = len(held) - len(shown)
        also = [f"{left} partitions that depend on these were held back with them"] if left else []
        return list(dict.fromkeys(found)) + also

    def _line(self) -> str:
        held = f", {self._bad} held back" if self._bad else ""
        return f"{self._table:<22} {self._count:>4} partitions {self._seconds:6.1f} s{held}"


def active_with(
    names: Sequence[str], sierra_data: str | None, **overrides: Any
) -> tuple[ZanzibarResource, list[Instrument]]:
    """Resource whose active instruments include the named ones, and the named ones.

    What was configured before stays active: backfilling one instrument does not hide the others.
    """
    from zanzibar_assets.instruments import load_instruments
    from zanzibar_assets.orchestration.resources import ZanzibarResource

    config = load_config()
    known = load_instruments(config.instruments_file)
    chosen = [known.resolve(name) for name in names]
    values: dict[str, Any] = {
        "instruments": sorted({*config.instruments, *(i.id for i in chosen)}),
        **overrides,
    }
    if sierra_data is not None:
        values["sierra_dir"] = str(Path(sierra_data).resolve())
    elif config.sierra_dir is None:
        raise UsageError("no Sierra folder is known", action="give --sierra-data DIR")
    return ZanzibarResource(home=str(config.home), overrides=values), chosen


def remember(config: Config, values: dict[str, Any]) -> None:
    """Write settings into the home's zanzibar.yaml, keeping what else stands there.

    So that `zanzibar up` serves what the last `demo` or `run` built.
    """
    import yaml

    path = config.home / "zanzibar.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    current: dict[str, Any] = {}
    if path.exists():
        current = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for key, value in values.items():
        if isinstance(value, dict):
            current[key] = {**current.get(key, {}), **value}
        else:
            current[key] = value
    temporary = path.with_suffix(".partial")
    temporary.write_text(yaml.safe_dump(current, sort_keys=True), encoding="utf-8")
    temporary.replace(path)
