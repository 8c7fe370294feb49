import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
from click.testing import CliRunner

from zanzibar_assets.analysis._book_kernels import flow_and_sums
from zanzibar_assets.benchmarks.orderflow import PEER_SCRIPT, QUOTE, numpy_flow, polars_flow, why_not
from zanzibar_assets.commands.bench import command


def test_orderflow_reports_rates_limits_and_every_table():
    done = CliRunner().invoke(command, ["orderflow", "--records", "3000", "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert (report["name"], report["simulated"]) == ("orderflow", True)
    named = {figure["what"]: figure for figure in report["figures"]}
    assert named["ofi_rate"]["value"] > 0
    assert named["ofi_per_million_updates"]["peer_value"] is None
    assert "--peer-python" in named["ofi_per_million_updates"]["note"]
    assert named["trades_in_all_cpu"]["wanted"] == named["session_second_round"]["wanted"] == 1.0
    tables = {what.removeprefix("session: ") for what in named if what.startswith("session: ")}
    assert {"liquidity_features", "orderflow_events", "anchored_vwap", "smc_events"} < tables


def test_an_interpreter_without_the_peer_gives_one_plain_sentence(tmp_path):
    hidden = tmp_path / "orderflow_metrics.py"
    hidden.write_text("raise ModuleNotFoundError(\"No module named 'orderflow_metrics'\")\n")
    quotes = tmp_path / "quotes.npz"
    np.savez(quotes, **{name: np.ones(3) for name in QUOTE})
    done = subprocess.run(
        [sys.executable, str(PEER_SCRIPT), str(quotes), "1"],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode
    assert "Traceback" in done.stderr
    assert why_not(done.stderr, Path("other/python")) == (
        "other/python has no orderflow-metrics: install it there, or name another with --peer-python"
    )
    assert why_not("Traceback:\n  line 3\nValueError: odd\n", Path("p")) == "the peer failed: ValueError: odd"


def test_the_kernel_and_the_formulas_beside_it_agree_on_thousands_of_series():
    for seed in range(2_000):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(2, 60))
        quotes = {name: rng.integers(1, 9, count, dtype=np.int32) for name in QUOTE}
        edges = np.unique(rng.integers(0, count, 5))
        starts, ends = edges, np.append(edges[1:], count)
        expected, totals = numpy_flow(quotes, starts)
        for kind in (np.int32, np.int64, np.float64):
            columns = [quotes[name].astype(kind) for name in QUOTE]
            flow, sums = (
                np.empty(count, kind),
                np.empty(len(starts), np.int64 if kind != np.float64 else kind),
            )
            flow_and_sums(*columns, starts, ends, flow, sums)
            assert flow.tolist() == expected.tolist()
            assert sums.tolist() == totals.tolist()
        if seed % 50 == 0:
            window = np.searchsorted(starts, np.arange(count), side="right")
            found = polars_flow(pl.DataFrame({**quotes, "window": window})).filter(pl.col("window") > 0)
            assert found["flow"].to_list() == totals.tolist()
