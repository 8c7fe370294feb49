"""The pinned versions are complete, unambiguous and hold no addresses."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections import defaultdict

import pytest
from packaging.requirements import Requirement

from zanzibar_assets_tests.house.repository import ROOT

PLATFORMS = [
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "x86_64", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"},
]
ENVIRONMENTS = [
    {"python_version": version, "python_full_version": f"{version}.9", "extra": "", **platform}
    for version, platform in itertools.product(("3.11", "3.12", "3.13"), PLATFORMS)
]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = itertools.chain.from_iterable(project["optional-dependencies"].values())
    return [Requirement(text) for text in (*project["dependencies"], *extras)]


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda e: "-".join(list(e.values())[:5]))
def test_each_declared_dependency_has_exactly_one_pin_that_fits(environment):
    versions = defaultdict(list)
    for pin in pins():
        if applies(pin, environment):
            (specifier,) = pin.specifier
            assert specifier.operator == "==", pin
            versions[canonical(pin.name)].append(specifier.version)
    assert not {name: v for name, v in versions.items() if len(v) > 1}
    for requirement in declared():
        if not applies(requirement, environment):
            continue
        (version,) = versions.get(canonical(requirement.name), [None])
        assert version is not None, f"{requirement} is not pinned"
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


def test_pins_hold_no_hashes_and_no_addresses():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"--hash|sha256|://|@ |index-url|find-links", text)


def test_metatrader5_is_a_dependency_on_windows_only():
    (declaration,) = [r for r in declared() if r.name == "MetaTrader5"]
    assert [applies(declaration, e) for e in ENVIRONMENTS] == [
        e["sys_platform"] == "win32" for e in ENVIRONMENTS
    ]


def test_declared_dependencies_have_lower_bounds():
    loose = [str(r) for r in declared() if not any(s.operator == ">=" for s in r.specifier)]
    assert not loose
