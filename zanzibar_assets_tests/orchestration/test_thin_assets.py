"""Asset modules name inputs, call one pure function and report; they compute nothing themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from zanzibar_assets.orchestration.table_asset import SPECS
from zanzibar_assets.store import specs
from zanzibar_assets.vocabulary import Stage
from zanzibar_assets_tests.house.repository import PACKAGE, source_files

ASSETS = PACKAGE / "orchestration" / "assets"
MODULES = [path for path in source_files(ASSETS) if path.stem != "__init__"]
LONGEST, MOST_PATHS, MOST_FRAME_METHODS = 30, 5, 1
LIGHT = {"__future__", "collections", "typing", "dagster", "zanzibar_assets"}
FRAME_METHODS = {
    "with_columns", "select", "group_by", "group_by_dynamic", "rolling", "join", "join_asof", "sort",
    "agg", "over", "shift", "cum_sum", "map_elements", "map_batches", "pivot", "unpivot", "explode",
    "vstack", "hstack", "with_row_index", "filter",
}  # fmt: skip
"""Methods that transform a frame. One `filter` to count rows for a check is reporting, not computing."""
BRANCHES = (ast.If, ast.For, ast.While, ast.IfExp, ast.ExceptHandler, ast.Assert, ast.match_case)


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def body_lines(function: ast.FunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def paths(function: ast.FunctionDef) -> int:
    """Cyclomatic complexity: one, and one for each place where the way divides."""
    found = 1
    for node in ast.walk(function):
        found += isinstance(node, BRANCHES)
        if isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            found += 1 + len(node.ifs)
    return found


def nodes_of(function: ast.FunctionDef) -> list[ast.AST]:
    """Every node of a body but those of its annotations."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        found.append(node)
        skipped = node.annotation if isinstance(node, ast.AnnAssign) else None
        waiting += [child for child in ast.iter_child_nodes(node) if child is not skipped]
    return found


def is_arithmetic(node: ast.AST) -> bool:
    """Multiplication, division or power; a folder and a name joined by a slash are none."""
    if not isinstance(node, ast.BinOp):
        return False
    if isinstance(node.op, ast.Div):
        return not ast.unparse(node.left).endswith("_dir")
    return isinstance(node.op, (ast.Mult, ast.Pow, ast.FloorDiv))


def computing(function: ast.FunctionDef) -> list[str]:
    """What of a body is computation on frames: polars or numpy by name, arithmetic, frame methods."""
    found, methods = [], []
    for node in nodes_of(function):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("pl", "np", "polars", "numpy"):
            found.append(ast.unparse(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            methods += [node.func.attr] if node.func.attr in FRAME_METHODS else []
        found += ["arithmetic"] if is_arithmetic(node) else []
        found += ["while"] if isinstance(node, ast.While) else []
    return found + (methods if len(methods) > MOST_FRAME_METHODS or set(methods) - {"filter"} else [])


def fat(source: str) -> list[str]:
    """Everything that makes a module of assets fat, in words."""
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else ["the module says nothing of itself"]
    for node in tree.body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"imports {name} at its top" for name in names if name.split(".")[0] not in LIGHT]
        found += [f"imports {name} at its top" for name in names if is_stage(name)]
    for function in functions(tree):
        if body_lines(function) > LONGEST:
            found.append(f"{function.name}: {body_lines(function)} lines")
        if paths(function) > MOST_PATHS:
            found.append(f"{function.name}: complexity {paths(function)}")
        found += [f"{function.name}: {what}" for what in computing(function)]
    return found


def is_stage(name: str) -> bool:
    stages = ("ingestion", "analysis", "narrative", "ml", "risk", "signals", "execution", "reporting")
    return name.startswith(tuple(f"zanzibar_assets.{stage}" for stage in stages))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_asset_modules_are_thin(path: Path):
    assert fat(path.read_text(encoding="utf-8")) == []


HEAD = '"""A module."""\n'


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("def f():\n    pass", "says nothing"),
        (HEAD + "import polars as pl", "imports polars"),
        (HEAD + "from zanzibar_assets.ml.training import train", "imports zanzibar_assets.ml"),
        (HEAD + "def f(i):\n    return i.read('bars').with_columns(x=1)", "with_columns"),
        (HEAD + "def f(i):\n    import polars as pl\n    return pl.col('a')", "pl.col"),
        (HEAD + "def f(x):\n    return x.filter(a).filter(b)", "filter"),
        (HEAD + "def f(x):\n    return x['high'] * 2", "arithmetic"),
        (HEAD + "def f(x):\n" + "    x = x\n" * 31, "31 lines"),
        (HEAD + "def f(x):\n" + "    if x:\n        x = 1\n" * 5, "complexity 6"),
        (HEAD + "def f(x):\n    return [a for a in x if a and a > 1 or a < 2 if a]", "complexity 6"),
    ],
)
def test_what_is_fat_is_seen(source, word):
    assert any(word in line for line in fat(source)), fat(source)


def test_what_is_thin_passes():
    thin = HEAD + (
        "def bars(inputs) -> 'pl.DataFrame':\n    '''Doc.'''\n    frame: pl.DataFrame = build(inputs)\n"
        "    inputs.check('few', frame.filter(frame['x'] == 1).height == 0, 'none')\n    return frame\n"
    )
    assert fat(thin) == []


def test_there_is_one_module_a_stage():
    assert {path.stem for path in MODULES} == {stage.value for stage in Stage}


def test_the_code_that_an_asset_declares_exists():
    for table, spec in SPECS.items():
        for module in spec.modules:
            path = PACKAGE.joinpath(*module.split("."))
            assert path.with_suffix(".py").is_file() or path.is_dir(), f"{table} declares {module}"


def test_the_code_that_an_asset_calls_is_part_of_its_version():
    """Each function-level import of a stage in an asset's body lies within the declared modules."""
    undeclared = []
    for path in MODULES:
        for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
            spec = SPECS.get(function.name)
            if spec is None:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and is_stage(node.module or ""):
                    module = (node.module or "").removeprefix("zanzibar_assets.")
                    if not any(covers(declared, module) for declared in spec.modules):
                        undeclared.append(f"{function.name}: {module}")
    assert undeclared == []


def covers(declared: str, module: str) -> bool:
    return module in specs._closure((declared,))  # what the code version is made of
