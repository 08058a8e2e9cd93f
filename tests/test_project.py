"""The house itself: names, imports, sizes, documents."""

import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dsl.dialects import DIALECTS, named
from flows.cli import cli

ROOT = Path(__file__).parent.parent
OURS = {"dsl", "connectors", "tools", "flows", "trainer"}
HEAVY = {"torch", "datasets", "transformers", "trl", "flask", "fastmcp", "dash", "numpy", "xllamacpp", "markitdown"}


def test_no_other_distribution_ships_one_of_our_package_names() -> None:
    found = importlib.metadata.packages_distributions()
    others = {name: set(found.get(name, [])) - {"flowstill"} for name in OURS}
    assert others == {name: set() for name in OURS}


def test_the_guard_on_names_sees_what_is_installed() -> None:
    assert "requests" in importlib.metadata.packages_distributions()


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import sys, flows.cli; print('\\n'.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not loaded & HEAVY
    assert not loaded & {"rich", "httpx", "jinja2"}  # help must come at once


def verbs(group: click.Group, prefix: str = "flowstill") -> list[str]:
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += verbs(command, f"{prefix} {name}")
        else:
            found.append(f"{prefix} {name}")
    return found


@pytest.mark.parametrize("verb", verbs(cli))
def test_every_verb_is_in_the_readme(verb: str) -> None:
    assert verb in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_option_of_a_platform_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in DIALECTS:
        for option in list(inspect.signature(named(name).build).parameters)[1:]:
            assert f"`{option}=" in text, f"{name}: {option}"


@pytest.mark.parametrize("verb", verbs(cli))
def test_every_verb_has_help(verb: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "flows", *verb.split()[1:], "--help"], text=True, capture_output=True, check=True
    )
    assert len(shown.stdout.splitlines()) > 3


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= targets


def test_no_machine_path_is_in_the_tree() -> None:
    files = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split()
    for name in files:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".yml", ".toml", ".json", ".jsonl", ".csv"} and path.is_file():
            assert str(Path.home()) + "/" not in path.read_text(encoding="utf-8", errors="replace"), name


def test_what_the_image_copies_is_there() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "docker/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources > OURS
    assert all((ROOT / source).exists() for source in sources)
