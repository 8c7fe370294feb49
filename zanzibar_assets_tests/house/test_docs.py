"""Documents say what the code does: commands, options, links, contracts, gates."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from zanzibar_assets.cli import COMMANDS, root
from zanzibar_assets_tests.house.repository import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
MENTION = re.compile(r"`zanzibar ([a-z0-9_-]+)([^`]*)`|^zanzibar ([a-z0-9_-]+)(.*)$", re.MULTILINE)


def command_of(name: str) -> click.Command:
    found = root.get_command(click.Context(root), name)
    assert found is not None, f"no command {name}"
    return found


def mentions():
    for path in DOCUMENTS:
        for match in MENTION.finditer(path.read_text(encoding="utf-8")):
            yield path.name, match[1] or match[3], match[2] or match[4] or ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    command = command_of(name)
    assert command.help, f"{name} has no help"
    assert command.epilog, f"{name} has no example"
    assert re.search(rf"Example:\s+zanzibar {name}\b", command.epilog)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_in_help_use_options_that_exist(name):
    command = command_of(name)
    example = (command.epilog or "").split("Example:", 1)[1].split("   (", 1)[0]
    words = shlex.split(example.replace("\n", " "))[2:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"up"}))
def test_every_command_speaks_json(name):
    assert any("--json" in parameter.opts for parameter in command_of(name).params)


def test_readme_mentions_every_command_and_only_commands_that_exist():
    named = {name for document, name, _ in mentions() if document == "README.md"}
    assert named == set(COMMANDS)


def test_commands_in_the_documents_exist_with_their_options():
    for document, name, rest in mentions():
        assert name in COMMANDS, f"{document} names `zanzibar {name}`"
        known = {option for parameter in command_of(name).params for option in parameter.opts} | {"--help"}
        unknown = set(re.findall(r"--[a-z][a-z-]*", rest)) - known
        assert not unknown, f"{document}: zanzibar {name} has no {unknown}"


def test_readme_holds_the_two_commands_and_the_note_on_shells():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\npip install -c constraints.txt -e . && zanzibar demo\n" in text
    assert '\npip install -c constraints.txt -e ".[test]" && pytest\n' in text
    assert "one after the other" in text
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert '-c constraints.txt -e ".[test]" && pytest' in ci


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_paths_of_the_package_that_are_named_exist(path):
    text = path.read_text(encoding="utf-8")
    packages = {p.name for p in (ROOT / "zanzibar_assets").iterdir() if p.is_dir()}
    for name in re.findall(r"`((?:zanzibar_assets/)?[a-z0-9_]+(?:/[a-z0-9_]+)*/?(?:\.py|\.yaml)?)`", text):
        if name.split("/")[0] == "zanzibar_assets":
            assert (ROOT / name).exists(), name
        elif "/" in name.strip("/") and name.split("/")[0] in packages:
            assert (ROOT / "zanzibar_assets" / name).exists(), name


def test_contracts_document_is_what_the_contracts_say():
    from zanzibar_assets.contracts.documentation import contracts_markdown

    stored = (ROOT / "docs" / "data-contracts.md").read_text(encoding="utf-8")
    assert stored == contracts_markdown(), (
        "run: python -m zanzibar_assets.contracts.documentation docs/data-contracts.md"
    )


def test_contracts_document_describes_each_table_and_column():
    from zanzibar_assets.contracts.documentation import contracts_markdown
    from zanzibar_assets.contracts.registry import TABLES, polars_schema

    sections = dict(part.split("\n", 1) for part in contracts_markdown().split("\n### ")[1:])
    assert set(sections) == set(TABLES)
    for table, text in sections.items():
        assert re.findall(r"^\| (\w+) \|", text, re.MULTILINE)[1:] == list(polars_schema(table))


def test_number_of_gates_in_the_readme():
    from zanzibar_assets.execution.gates import GATES

    words = {12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen"}
    assert f"{words[len(GATES)]} gates" in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_components_of_the_first_design_are_placed_where_they_stand():
    """Folders and files that docs/architecture.md names in its tables exist in the package."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE)
    packages = {p.name for p in (ROOT / "zanzibar_assets").iterdir() if (p / "__init__.py").exists()}
    assert set(named) == packages
