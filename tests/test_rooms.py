"""The packages of cribsheet import downwards only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "cribsheet"
ROOMS = (
    "",  # the modules at the top
    "signature",
    "dataset",
    "layout",
    "models",
    "budget",
    "corrections",
    "frozen",
    "evaluation",
    "search",
    "compiler",
    "report",
    "export",
    "serve",
    "cli",
)
"""From the bottom up: a room imports from itself and from those before it."""

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """Return the room of a module given without the leading `cribsheet.`."""
    first = module.split(".")[0]
    return first if (PACKAGE / first).is_dir() else ""


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of cribsheet that a file imports, without the leading `cribsheet.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cribsheet."):
            module = node.module.removeprefix("cribsheet.")
            names = [f"{module}.{alias.name}" for alias in node.names]
            submodules = [name for name in names if (PACKAGE / f"{name.replace('.', '/')}.py").is_file()]
            yield from submodules
            if len(submodules) < len(names):  # the others are the module's own
                yield module


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_room_imports_only_from_itself_and_from_the_rooms_below(path):
    own = room_of(".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    if path.parent == PACKAGE and path.name in ("__init__.py", "__main__.py"):  # the facade and the entry point
        return
    upward = [module for module in imported(path) if ROOMS.index(room_of(module)) > ROOMS.index(own)]
    assert upward == []


def test_no_two_modules_import_each_other_in_a_circle():
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in FILES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    needs = {name: [module for module in imported(path) if module in names] for name, path in names.items()}
    needs.pop("__init__")
    done: set[str] = set()

    def visit(name: str, behind: tuple[str, ...]) -> None:
        assert name not in behind, f"circle: {' -> '.join((*behind, name))}"
        if name not in done:
            for module in needs.get(name, ()):
                visit(module, (*behind, name))
            done.add(name)

    for name in needs:
        visit(name, ())


def test_the_top_has_at_most_a_dozen_modules():
    assert len([path for path in PACKAGE.glob("*.py") if not path.name.startswith("__")]) <= 12
