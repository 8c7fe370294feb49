"""A small simulated home: Sierra files, narratives, and the graph run over them through Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zanzibar_assets.instruments import load_instruments
from zanzibar_assets.orchestration.instance import open_instance
from zanzibar_assets.orchestration.progress import Progress, listening
from zanzibar_assets.orchestration.resources import ZanzibarResource
from zanzibar_assets.orchestration.run_graph import GraphPlan, WaveResult, discover, run_plan
from zanzibar_assets.simulator.build import simulate
from zanzibar_assets.simulator.options import SimulatorOptions

FIRST_SESSION = "2025-01-08"
SEED = 5
QUICK = {"min_sessions": 2, "min_rows": 200, "threads": 1, "search_trials": 0, "calibration": "none"}
"""Model settings under which a few small sessions are enough history."""


def make_market(folder: Path, names: tuple[str, ...], sessions: int, trades: int = 1_500) -> Path:
    """Simulated Sierra files; returns the inbox."""
    known = load_instruments()
    options = SimulatorOptions(trades_per_session=trades)
    result = simulate(folder, [known[n] for n in names], sessions, SEED, options, first_session=FIRST_SESSION)
    return result.narratives_path.parent


def resource(home: Path, folder: Path, inbox: Path, names: tuple[str, ...], **execution) -> ZanzibarResource:
    """The resource of a home over simulated files."""
    return ZanzibarResource(
        home=str(home),
        overrides={
            "sierra_dir": str(folder),
            "inbox_dir": str(inbox),
            "instruments": list(names),
            "model": QUICK,
            "execution": {"account": "TEST-1", "paper_unapproved": True, **execution},
        },
    )


@dataclass
class RunHome:
    """A home after a run: results of the waves and what each build did."""

    zanzibar: ZanzibarResource
    plan: GraphPlan
    results: list[WaveResult]
    seen: list[Progress]

    @property
    def workspace(self):
        return self.zanzibar.workspace()


def run(zanzibar: ZanzibarResource, plan: GraphPlan | None = None) -> RunHome:
    """Run a plan (by default everything, trading the last session) on the home's own instance."""
    workspace = zanzibar.workspace()
    plan = plan or full_plan(workspace)
    seen: list[Progress] = []
    with open_instance(workspace.config) as instance, listening(seen.append):
        results = list(run_plan(plan, instance, zanzibar))
    workspace.database.close()
    return RunHome(zanzibar, plan, results, seen)


def full_plan(workspace) -> GraphPlan:
    """Every session; models through the last but one; the last session is traded."""
    sessions = discover(workspace)
    union = sorted({s for keys in sessions.values() for s in keys})
    through = dict.fromkeys(sessions, union[-2])
    return GraphPlan(sessions, through, (union[-1],))
