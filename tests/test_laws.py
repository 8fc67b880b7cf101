"""The laws of the house: which way imports go, what is public and documented, how long a function or a module may be."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from helpers import ROOT

from reader.shell.main import COMMANDS, parser_of

# A package may import those in its own row and in all later rows, never one in an earlier row.
ORDER = [
    {"app", "reader.__main__"},
    {"reader.app", "reader.shell"},
    {"reader.evaluation", "reader.training", "reader.batching"},
    {"reader.strategies"},
    {"reader.answering", "reader.corpora"},
    {"reader.reading"},
    {"reader.models"},
    {"reader.condensing"},
    {"reader.beacon", "reader.documents", "storage"},
    {"reader.compiled", "reader.errors", "reader.huge_pages", "reader.settings", "reader.wording"},
]
RANK = {name: number for number, names in enumerate(ORDER) for name in names}
# Within `reader.answering`: what an earlier folder holds knows nothing of the later ones.
ANSWERING = ["text", "checks", "extractive"]
# These never import each other.
APART = [{"reader.beacon", "reader.documents", "storage"}, {"reader.app", "reader.shell"}]


def package_of(module: str) -> str:
    """`reader.beacon.layout` belongs to `reader.beacon`."""
    parts = module.split(".")
    return parts[0] if parts[0] != "reader" else ".".join(parts[:2])


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> list[tuple[str, str | None]]:
    """(module, name) of every import of ours in a file; the name is None where a whole module is imported."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = list(file.relative_to(ROOT).with_suffix("").parts[: -node.level]) if node.level else []
            found += [(".".join([*parent, *filter(None, [node.module])]), alias.name) for alias in node.names]
    return [(module, name) for module, name in found if module.split(".")[0] in ("reader", "storage", "app")]


def product_files() -> list[Path]:
    return [*sorted((ROOT / "reader").rglob("*.py")), *sorted((ROOT / "storage").rglob("*.py")), ROOT / "app.py"]


def packages() -> list[str]:
    folders = [file.parent for file in (ROOT / "reader").glob("*/__init__.py")]
    return ["reader", "storage", *sorted(module_of(folder / "__init__.py") for folder in folders)]


@pytest.mark.parametrize("file", product_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    me = package_of(module_of(file))
    if me == "reader":
        pytest.skip("the public names come from everywhere")
    assert me in RANK, f"{me} has no place in the order of imports"
    for module, _ in imports(file):
        other = package_of(module)
        if other in (me, "reader"):
            continue
        assert RANK[other] >= RANK[me], f"{me} imports {other}"
        assert not any({me, other} <= apart for apart in APART), f"{me} and {other} must not know each other"
        assert not (me == "storage" and other.startswith("reader")), "storage knows nothing of reader"


@pytest.mark.parametrize("file", product_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_other_packages_are_imported_by_their_public_names(file: Path) -> None:
    me = package_of(module_of(file))
    for module, name in imports(file):
        other = package_of(module)
        if other in (me, "reader") or me in ("app", "reader.__main__"):
            continue
        assert module == other, f"{file} imports {module}, which is inside {other}"
        if name is not None and (ROOT / other.replace(".", "/")).is_dir():
            assert name in import_module(other).__all__, f"{file} imports {name}, which {other} does not make public"


@pytest.mark.parametrize("folder", ANSWERING)
def test_folders_of_answering_import_one_way(folder: str) -> None:
    files = list((ROOT / "reader/answering" / folder).glob("*.py"))
    assert files
    later = tuple(f"reader.answering.{name}." for name in ANSWERING[ANSWERING.index(folder) + 1 :])
    for file in files:
        assert not [module for module, _ in imports(file) if module.startswith(later)], file


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Not even for type checkers, which read a package's stub in place of its lazy `__init__`."""
    files = [file for file in product_files() if module_of(file) != "reader"]
    known = {module_of(file): stub if (stub := file.with_suffix(".pyi")).is_file() else file for file in files}
    arrows = {
        module: {target for target in imported_modules(file) if target in known and target != module}
        for module, file in known.items()
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in sorted(arrows[module]):
                visit(target, (*path, module))
            done.add(module)

    for module in known:
        visit(module, ())


def imported_modules(file: Path) -> set[str]:
    """What a module imports, but for imports inside functions; a submodule in place of the package it is imported from."""
    found: set[str] = set()
    package = list(file.relative_to(ROOT).parts[:-1])
    nodes: list[ast.AST] = list(ast.parse(file.read_text()).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*parent, *filter(None, [node.module])])
            for alias in node.names:
                inside = ROOT / module.replace(".", "/") / f"{alias.name}.py"
                found.add(f"{module}.{alias.name}" if inside.is_file() else module)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += ast.iter_child_nodes(node)
    return found


def test_storage_knows_no_torch() -> None:
    for file in (ROOT / "storage").glob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert "torch" not in names, file


@pytest.mark.parametrize("package", packages())
def test_what_is_public_is_listed_and_what_is_listed_is_there(package: str) -> None:
    module = import_module(package)
    listed = list(module.__all__)
    assert len(listed) == len(set(listed)), "a name is listed twice"
    for name in listed:
        assert getattr(module, name) is not None
    source = Path(str(module.__file__))
    stub = source.with_suffix(".pyi")
    tree = ast.parse((stub if stub.is_file() else source).read_text())
    imported = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    public = {name for name in imported - used - {"annotations"} | defined if not name.startswith("_")}
    assert public <= set(listed), "names that look public and are not listed"


MOST_LINES_OF_A_FUNCTION = 120
MOST_LINES_OF_A_MODULE = 500


@pytest.mark.parametrize("file", product_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_functions_and_modules_are_short_enough_to_be_read(file: Path) -> None:
    text = file.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines"
    assert len(text.splitlines()) <= MOST_LINES_OF_A_MODULE


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def documentation() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in DOCUMENTS)


def commands(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A command and its actions, each with the parser of its flags."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner, parser_of_inner in action.choices.items():
                yield from commands(f"{name} {inner}", parser_of_inner)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_flag_is_documented(command: str, documentation: str) -> None:
    for name, parser in commands(command, parser_of(command)):
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", documentation), f"{name} is not documented"
        for flag in {flag for action in parser._actions for flag in action.option_strings} - {"-h", "--help"}:
            assert re.search(rf"(?<![\w-]){flag}(?![\w-])", documentation), f"{flag} of {name} is not documented"


def test_every_environment_variable_is_documented_and_read_in_the_settings_alone() -> None:
    documentation = "\n".join(file.read_text(encoding="utf-8") for file in DOCUMENTS)
    read = set()
    for file in product_files():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and re.fullmatch("READER_[A-Z_]+", str(node.value)):
                assert file.name == "settings.py", f"{file} reads {node.value}"
                read.add(str(node.value))
    assert read >= {"READER_LIBRARY", "READER_CACHE", "READER_MODEL", "READER_AUTH", "READER_DEBUG"}
    for name in read:
        assert name in documentation, f"{name} is not documented"
