"""The one configuration object and the one place for paths.

Read from ``zanzibar.yaml`` in the home folder when it is there; every field has a default that
invents no data. The home folder is ``ZANZIBAR_HOME`` or ``./data``. Secrets never live here: they
come from the environment at the place of use.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zanzibar_assets.errors import ConfigError

HOME_VARIABLE = "ZANZIBAR_HOME"


class Section(BaseModel):
    """Base of configuration sections: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IngestionConfig(Section):
    """Reading of source files."""

    chunk_records: int = 2_000_000


class CleaningConfig(Section):
    """Limits of the cleaning rules; the rules themselves are named in ``ingestion/rules.py``."""

    late_limit_seconds: int = Field(default=60, gt=0)
    outlier_window: int = Field(default=101, ge=50)
    outlier_mads: float = Field(default=20.0, gt=0)
    outlier_min_ticks: int = Field(default=20, gt=0)
    outlier_min_pct: float = Field(default=0.5, ge=0)
    outlier_confirm: int = Field(default=5, ge=2, le=50)
    outlier_stale_seconds: int = Field(default=600, gt=0)


class QualityConfig(Section):
    """When a session's completeness is worth a warning; only lost volume ever blocks."""

    gap_seconds: int = Field(default=300, gt=0)
    max_gap_seconds: int = Field(default=900, gt=0)
    min_coverage_pct: float = Field(default=90.0, ge=0, le=100)
    max_unexplained_pct: float = Field(default=5.0, ge=0, le=100)
    feature_reference_sessions: int = Field(default=10, gt=0)
    max_feature_null_pct: float = Field(default=20.0, ge=0, le=100)
    max_feature_psi: float = Field(default=0.5, gt=0)
    max_drifted_features_pct: float = Field(default=50.0, ge=0, le=100)


class AnalysisConfig(Section):
    """Windows of the analysis stages, in bars unless the name says otherwise."""

    history_sessions: int = 5
    sampled_bars_wanted: int = Field(default=250, gt=0)
    swing_left: int = 3
    swing_right: int = 3
    structure_minutes: tuple[int, ...] = (5, 15, 60)
    atr_bars: int = 14
    value_area_pct: float = 70.0
    value_area_rows: Literal[1, 2] = 2
    book_model_sessions: int = 20
    vpin_bucket_trades: int = 50
    vpin_window: int = 20
    sweep_min_penetration_ticks: int = 1
    sweep_reclaim_bars: int = 5
    regime_min_bars: int = 300
    regime_history_sessions: int = 20
    correlation_halflife_bars: int = 60
    correlation_history_sessions: int = 10
    hit_rate_minutes: tuple[int, ...] = (5, 15, 30, 60)


class ModelConfig(Section):
    """Labels, training and validation.

    ``search_trials`` are proposed in each training, ``full_search_trials`` in the weekly one;
    ``walk_forward_steps`` is the most fits that the walk through time makes (0: none).
    """

    seed: int = 7
    threads: int = 2
    horizon_bars: int = 30
    barrier_sigma: float = 1.5
    return_horizons: tuple[int, ...] = (5, 15, 30, 60)
    min_sessions: int = 4
    min_rows: int = 1_000
    cv_groups: int = 6
    cv_test_groups: int = 2
    embargo_bars: int = 30
    trade_threshold: float = 0.55
    calibration: Literal["none", "platt", "isotonic"] = "platt"
    inner_folds: int = Field(default=3, ge=2)
    search_trials: int = Field(default=8, ge=0)
    full_search_trials: int = Field(default=40, ge=0)
    walk_forward_steps: int = Field(default=10, ge=0)
    retrain_feature_share: float = Field(default=0.3, gt=0, le=1)
    retrain_prediction_psi: float = Field(default=0.25, gt=0)


class GateConfig(Section):
    """What a model must show before it may trade; docs/validation.md says what each gate costs.

    ``costs_stress`` is the multiple of spread and commission at which money must still be made;
    capacity is in contracts a trade, turnover in sides a session, ``horizons`` in bars. The
    walk-forward thresholds (Sharpe ratio a year, t of the rank IC) vote only when they are set.
    """

    min_ic_t: float = 2.0
    min_icir: float = 0.0
    min_ic_part_t: float = -3.0
    min_psr: float = Field(default=0.95, gt=0, lt=1)
    min_dsr: float = Field(default=0.95, gt=0, lt=1)
    min_bayes_prob: float = Field(default=0.95, gt=0, lt=1)
    max_pbo: float = Field(default=0.5, ge=0, le=1)
    pbo_blocks: int = Field(default=16, ge=4, multiple_of=2)
    pbo_min_trials: int = Field(default=10, ge=2)
    min_sharpe_low: float = 0.0
    bootstrap_draws: int = Field(default=1_000, ge=100)
    costs_stress: float = Field(default=1.5, ge=1)
    max_turnover: float = Field(default=200.0, gt=0)
    min_capacity: float = Field(default=1.0, ge=0)
    min_walk_forward_sharpe: float | None = None
    min_walk_forward_ic_t: float | None = None
    participation: float = Field(default=0.1, gt=0, le=1)
    horizons: tuple[int, ...] = (1, 5, 15, 30, 60)


class RiskConfig(Section):
    """Sizing and limits; fractions of equity in per cent where the name says so."""

    kelly_cap_fraction: float = 0.25
    max_risk_per_trade_pct: float = 0.5
    rules_risk_per_trade_pct: float = 0.1
    max_daily_loss_pct: float = 3.0
    var_level: float = 0.95
    ewma_lambda: float = 0.94
    min_returns: int = 250


class SignalConfig(Section):
    """Signal generation and aggregation; the limit a session holds for each instrument and source."""

    poi_min_score: float = 0.55
    reward_to_risk: float = 2.0
    expiry_seconds: int = 900
    cooldown_seconds: int = 1_800
    max_signals_per_session: int = 6


class ExecutionConfig(Section):
    """The execution op and its gates."""

    backend: str = "simulated"
    account: str = "SIM-1"
    initial_balance: float = 100_000.0
    leverage: int = 100
    latency_ms: int = 150
    max_tick_age_seconds: int = 120
    max_spread_multiple: float = 3.0
    max_positions: int = 4
    max_lots: float = 50.0
    max_notional_multiple: float = 10.0
    deviation_points: int = 50
    flatten_at_close: bool = True
    flatten_seconds_before_close: int = 60
    unknown_grace_seconds: int = 300
    magic: int = 7_001
    expected_login: int = 0
    expected_server: str = ""
    paper_unapproved: bool = False


class ReportingConfig(Section):
    """Where people reach the pages: ``zanzibar up`` serves the reports folder there, on loopback."""

    base_url: str = Field(
        default="http://127.0.0.1:3001", pattern=r"^http://(127\.0\.0\.1|localhost):[1-9][0-9]{0,4}$"
    )

    @property
    def port(self) -> int:
        """Port of ``base_url``."""
        return int(self.base_url.rsplit(":", 1)[1])


class Config(Section):
    """Whole configuration of one code location."""

    home: Path
    sierra_dir: Path | None = None
    depth_dir: Path | None = None
    inbox_dir: Path | None = None
    instruments_file: Path | None = None
    instruments: tuple[str, ...] = ()
    ingestion: IngestionConfig = IngestionConfig()
    cleaning: CleaningConfig = CleaningConfig()
    quality: QualityConfig = QualityConfig()
    analysis: AnalysisConfig = AnalysisConfig()
    model: ModelConfig = ModelConfig()
    gate: GateConfig = GateConfig()
    risk: RiskConfig = RiskConfig()
    signals: SignalConfig = SignalConfig()
    execution: ExecutionConfig = ExecutionConfig()
    reporting: ReportingConfig = ReportingConfig()

    @property
    def lake_dir(self) -> Path:
        """Root of the Parquet lake."""
        return self.home / "lake"

    @property
    def database(self) -> Path:
        """SQLite metadata database: manifest, journal, registries."""
        return self.home / "zanzibar.sqlite"

    @property
    def depth_archive_dir(self) -> Path:
        """Archived depth files, one folder a symbol."""
        return self.home / "archive" / "depth"

    @property
    def restored_depth_dir(self) -> Path:
        """Depth files brought back from the archive; read where Sierra's folders lack them."""
        return self.home / "archive" / "restored"

    @property
    def dagster_dir(self) -> Path:
        """Dagster's instance folder."""
        return self.home / "dagster"

    @property
    def reports_dir(self) -> Path:
        """Reports for people, one folder a session."""
        return self.home / "reports"

    @property
    def inbox(self) -> Path:
        """Narrative inbox."""
        return self.inbox_dir or self.home / "inbox"

    @property
    def terminal_file(self) -> Path:
        """State of the simulated terminal."""
        return self.home / "terminal" / f"{self.execution.account}.sqlite"

    @property
    def halt_file(self) -> Path:
        """The kill switch: trading is halted while this file exists."""
        return self.home / "HALT.json"

    @property
    def arming_file(self) -> Path:
        """Arming of the live backend for one session."""
        return self.home / "ARMED.json"

    def section_hash(self, *sections: str) -> str:
        """Hash of the named sections: part of every partition's identity."""
        payload = {name: getattr(self, name).model_dump(mode="json") for name in sorted(sections)}
        return stable_hash(payload)


def stable_hash(payload: Any, size: int = 8) -> str:
    """blake2b hex digest of a JSON-able payload with sorted keys."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def default_home() -> Path:
    """Home folder of this process: ``ZANZIBAR_HOME`` or ``./data``."""
    return Path(os.environ.get(HOME_VARIABLE) or "data").expanduser().resolve()


def load_config(home: Path | None = None, **overrides: Any) -> Config:
    """Configuration from ``<home>/zanzibar.yaml`` with keyword overrides on top.

    Raises ConfigError when the file is no YAML mapping or holds unknown or mistyped keys.
    """
    base = (home or default_home()).resolve()
    path = base / "zanzibar.yaml"
    values: dict[str, Any] = {}
    if path.exists():
        try:
            loaded = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is no valid YAML", got=str(error), action="mend the file") from error
        if not isinstance(loaded, dict):
            raise ConfigError(f"{path} must hold a mapping", got=type(loaded).__name__)
        values.update(loaded)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            values[key] = {**values[key], **value}
        else:
            values[key] = value
    try:
        return Config(home=base, **values)
    except ValidationError as error:
        raise ConfigError(
            f"configuration in {path} cannot be used",
            got="; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()),
            action="mend the named keys",
        ) from error
