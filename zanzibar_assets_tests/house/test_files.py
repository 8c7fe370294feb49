"""Files stay small, hold no dangerous calls, and name nothing of one machine."""

from __future__ import annotations

import ast
import re
import statistics

import pytest

from zanzibar_assets_tests.house.repository import ROOT, TESTS, source_files, tracked_files

LONGEST, MEDIAN = 500, 150
BANNED_MODULES = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
BANNED_CALLS = {"eval", "exec", "compile"}
MACHINE_PATHS = re.compile(
    r"(?<![\w.])/(?:work|home/\w+|Users/\w+|root|tmp/\w+|opt/\w+)/|[A-Z]:\\Users\\|"
    r"https?://[^\s\"'<>)]*(?:pypi|simple)/|--(?:extra-)?index-url"
)
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".html", ".css", ".js", ""}


def line_count(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_long_and_the_median_is_small():
    counts = {path: line_count(path) for path in source_files()}
    long = {str(path.relative_to(ROOT)): n for path, n in counts.items() if n > LONGEST}
    assert not long, f"over {LONGEST} lines: {long}"
    assert statistics.median(counts.values()) < MEDIAN
    tests = {str(p.relative_to(ROOT)): line_count(p) for p in source_files(TESTS) if line_count(p) > LONGEST}
    assert not tests, f"test files over {LONGEST} lines: {tests}"


def only_raises(tree: ast.Module, name: str) -> bool:
    """True when the only thing used of a module is its error: code that refuses to be pickled."""
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }
    return bool(used) and used <= {"PicklingError"}


def dangers(source: str) -> list[str]:
    """Imports of serialisers that run code, and calls of eval, exec or compile."""
    found = []
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names if a.name.split(".")[0] in BANNED_MODULES]
            found += [name for name in names if not only_raises(tree, name)]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] if node.module.split(".")[0] in BANNED_MODULES else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
            found.append(f"{node.func.id}()")
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", ["pickle"]),
        ("from joblib import load", ["joblib"]),
        ("import pickle\nraise pickle.PicklingError", []),
        ("import pickle\npickle.loads(b'') or pickle.PicklingError", ["pickle"]),
        ("x = eval('1')", ["eval()"]),
        ("re.compile('a')", []),
        ("def f():\n    import marshal", ["marshal"]),
    ],
)
def test_dangers_are_recognised(source, expected):
    assert dangers(source) == expected


def test_no_pickle_eval_or_exec():
    found = {str(p.relative_to(ROOT)): dangers(p.read_text(encoding="utf-8")) for p in source_files()}
    assert not {path: what for path, what in found.items() if what}


def test_nothing_tracked_names_a_path_of_one_machine():
    found = []
    for path in tracked_files():
        if path.suffix not in TEXT_SUFFIXES or path.name == "test_files.py":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATHS.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


def test_every_module_says_what_it_is():
    silent = [
        str(p.relative_to(ROOT))
        for p in source_files()
        if not ast.get_docstring(ast.parse(p.read_text("utf-8")))
    ]
    assert not silent
