"""Import laws: the contracts of pyproject.toml hold, they bite, and loading stays light."""

from __future__ import annotations

import shutil

import pytest

from zanzibar_assets_tests.house.repository import PACKAGE, ROOT, run_python

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
HEAVY = (
    "pandas", "exchange_calendars", "sklearn", "lightgbm", "shap", "spacy", "arch", "numba",
    "matplotlib", "pandera", "talib", "hmmlearn", "morfeusz2", "statsmodels", "MetaTrader5",
    "sqlalchemy", "alembic", "psycopg2",
)  # fmt: skip
OFFENCES = {
    "layers": ("analysis/__init__.py", "import zanzibar_assets.ml"),
    "dagster-in-one-place": ("risk/__init__.py", "import dagster"),
    "execution-without-ml": ("signals/__init__.py", "import zanzibar_assets.ml"),
    "mt5-in-one-file": ("reporting/__init__.py", "def late():\n    import MetaTrader5"),
    "simulator-stands-alone": ("simulator/__init__.py", "import zanzibar_assets.ingestion.sources"),
    "stages-without-simulator": ("store/__init__.py", "import zanzibar_assets.simulator"),
}
"""Contract -> an import that must break it."""


def test_import_contracts_hold():
    done = run_python("-c", LINT, "--no-cache", "--no-logo")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("contract", OFFENCES)
def test_each_import_contract_bites(contract, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "zanzibar_assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, offence = OFFENCES[contract]
    target = tmp_path / "zanzibar_assets" / file
    target.write_text(target.read_text(encoding="utf-8") + f"\n{offence}\n", encoding="utf-8")
    if contract == "execution-without-ml":
        through = tmp_path / "zanzibar_assets/execution/__init__.py"
        through.write_text("import zanzibar_assets.signals\n", encoding="utf-8")
    done = run_python(
        "-c", LINT, "--contract", contract, "--no-cache", "--no-logo", cwd=tmp_path, PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_code_location_loads_without_heavy_libraries():
    script = (
        "import sys, zanzibar_assets.definitions as d\n"
        "assert d.defs is not None\n"
        f"found = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "print('heavy:', ','.join(found))\n"
    )
    done = run_python("-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "heavy:", f"imported at load: {done.stdout}"


def test_command_line_loads_without_dagster_and_polars():
    script = (
        "import sys, zanzibar_assets.cli\n"
        f"found = sorted(set({(*HEAVY, 'dagster', 'polars')!r}) & set(sys.modules))\n"
        "print('heavy:', ','.join(found))\n"
    )
    done = run_python("-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "heavy:"
