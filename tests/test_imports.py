"""Imports go one way, and what is public is listed once, sorted."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from conftest import ROOT

# A module may import those in its own row's and all later rows, never an earlier one's.
ORDER = [
    {"app"},
    {"page"},
    {
        "reader.workspace",
        "reader.cli",
        "reader.cli_batch",
        "reader.cli_evaluate",
        "reader.cli_library",
        "reader.cli_train",
        "reader.__main__",
    },
    {
        "reader.evaluation",
        "reader.training",
        "reader.batching",
        "reader.conversations",
        "reader.jobs",
        "reader.questions",
        "reader.service",
    },
    {"reader.estimate", "reader.answering", "reader.evidence"},
    {"reader.reading"},
    {"reader.memory_files"},
    {"reader.planning"},
    {"reader.strategies"},
    {"reader.checkpoints", "reader.passages"},
    {"reader.beacon", "reader.documents", "reader.models", "storage"},
    {"reader.errors"},
]
APART = {"reader.beacon", "reader.documents", "storage"}


def subject(module: str) -> str:
    """`reader.beacon.layout` belongs to `reader.beacon`."""
    parts = module.split(".")
    return parts[0] if parts[0] != "reader" else ".".join(parts[:2])


def imports(file: Path) -> set[str]:
    package = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            parent = package.split(".")[: -node.level]
            found.add(".".join([*parent, node.module or ""]).rstrip("."))
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if name.split(".")[0] in ("reader", "storage", "page", "app")}


def files() -> list[Path]:
    folders = [sorted((ROOT / name).rglob("*.py")) for name in ("reader", "storage", "page")]
    return [*(file for folder in folders for file in folder), ROOT / "app.py"]


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    if file == ROOT / "reader" / "__init__.py":
        pytest.skip("the public names come from everywhere")
    me = subject(".".join(file.relative_to(ROOT).with_suffix("").parts))
    rank = {name: number for number, names in enumerate(ORDER) for name in names}
    assert me in rank, f"{me} has no place in the order of imports"
    for name in imports(file):
        other = subject(name)
        if other in (me, "reader"):
            continue
        assert rank[other] >= rank[me], f"{me} imports {other}"
        assert not (me in APART and other in APART), f"{me} and {other} must not know each other"
        assert not (me == "storage" and other.startswith("reader")), "storage knows nothing of reader"


def test_storage_knows_no_torch() -> None:
    for file in (ROOT / "storage").glob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert "torch" not in names, file


def test_public_names_are_sorted_and_there() -> None:
    import reader
    import storage

    for package in (reader, storage):
        assert list(package.__all__) == sorted(package.__all__)
        for name in package.__all__:
            assert getattr(package, name) is not None
