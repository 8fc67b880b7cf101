"""The package as it is installed: its requirements, its command, and the files that come with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest
from helpers import ROOT
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name: str) -> dict[str, Requirement]:
    lines = (line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("-r", "#")))
    return {requirement.name.lower(): requirement for requirement in map(Requirement, lines)}


def wanted(listed: list[str]) -> dict[str, Requirement]:
    found = {requirement.name.lower(): requirement for requirement in map(Requirement, listed)}
    found.pop(PROJECT["name"], None)
    return found


def test_the_lock_pins_what_the_package_requires() -> None:
    extras = PROJECT["optional-dependencies"]
    for file, listed in (
        ("requirements.txt", PROJECT["dependencies"]),
        *((f"requirements-{'test' if extra == 'dev' else extra}.txt", extras[extra]) for extra in extras),
    ):
        locked, needed = pins(file), wanted(listed)
        assert locked.keys() == needed.keys(), file
        for name, requirement in locked.items():
            assert requirement.extras == needed[name].extras
            for specifier in requirement.specifier:
                assert specifier.operator == "=="
                assert needed[name].specifier.contains(Version(specifier.version)), f"{file}: {requirement}"


def test_the_version_is_the_changelogs() -> None:
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert headings[0].removeprefix("## ").split()[0] == Version(PROJECT["version"]).base_version


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="argparse words its help a little differently in each Python"
)
def test_the_help_in_the_docs_is_what_the_commands_print() -> None:
    command = [sys.executable, "-m", "cogapp", "--check", "docs/shell.md", "docs/architecture.md"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}Run `make docs`."
