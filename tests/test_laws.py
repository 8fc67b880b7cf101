"""The laws of the house: which way imports go, what is public, and how long a function or a module may be."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest
from helpers import ROOT

# A package may import those in its own row and in all later rows, never one in an earlier row.
ORDER = [
    {"app", "reader.__main__"},
    {"reader.app", "reader.shell"},
    {"reader.evaluation", "reader.training", "reader.batching"},
    {"reader.strategies"},
    {"reader.answering", "reader.corpora"},
    {"reader.reading"},
    {"reader.models"},
    {"reader.beacon", "reader.documents", "storage"},
    {"reader.errors", "reader.settings", "reader.wording"},
]
RANK = {name: number for number, names in enumerate(ORDER) for name in names}
# These never import each other.
APART = [{"reader.beacon", "reader.documents", "storage"}, {"reader.app", "reader.shell"}]


def package_of(module: str) -> str:
    """`reader.beacon.layout` belongs to `reader.beacon`."""
    parts = module.split(".")
    return parts[0] if parts[0] != "reader" else ".".join(parts[:2])


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


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


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    known = {module_of(file): file for file in product_files()}
    arrows = {
        module: {target for target, _ in imports_when_loaded(file) if target in known and target != module}
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


def imports_when_loaded(file: Path) -> list[tuple[str, str | None]]:
    """As `imports`, without those inside functions and for type checkers, and with a submodule in place of its package."""
    found: list[tuple[str, str | None]] = []
    nodes: list[ast.AST] = list(ast.parse(file.read_text()).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inside = ROOT / node.module.replace(".", "/") / f"{alias.name}.py"
                found.append((f"{node.module}.{alias.name}" if inside.is_file() else node.module, alias.name))
        elif not isinstance(node, ast.FunctionDef) and not is_typing_only(node):
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
def test_what_is_listed_as_public_is_there(package: str) -> None:
    names = getattr(import_module(package), "__all__", [])
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(import_module(package), name) is not None
