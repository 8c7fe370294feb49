"""Resources. Belongs here: the workspace that assets, sensors and ops open; nothing that computes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import dagster as dg

from zanzibar_assets.config import Config, default_home, load_config
from zanzibar_assets.store.workspace import Workspace


def clock_us() -> int:
    """Wall clock in UTC microseconds: the only place where it is read for records."""
    return time.time_ns() // 1_000


class ZanzibarResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens a home folder: empty means ``ZANZIBAR_HOME`` or ``./data``.

    ``overrides`` are configuration values on top of the home's ``zanzibar.yaml``, never secrets.
    """

    home: str = ""
    overrides: dict[str, Any] = {}  # noqa: RUF012 - a pydantic field, copied per instance

    def config(self) -> Config:
        """Configuration as it is on disk now."""
        return load_config(Path(self.home) if self.home else default_home(), **self.overrides)

    def workspace(self, run_id: str = "") -> Workspace:
        """A workspace for one step or tick."""
        return Workspace(self.config(), clock_us, run_id)
