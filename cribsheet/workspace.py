"""Find the files of a workspace by name."""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from cribsheet.errors import CribsheetError, DataError, WorkspaceError, told
from cribsheet.places import user_cache
from cribsheet.task import Task

_BY_PATH = "run by its path"
"""Marks a module that was loaded from its path, not imported by its name."""

FOLDERS = ("signatures", "programs", "optimizers", "trainsets", "cache")


@dataclass(frozen=True)
class Workspace:
    """A folder with `programs/`, `signatures/` and so on; names it lacks are looked up in the built-in workspace."""

    root: Path

    @property
    def cache(self) -> Path:
        """The folder of the completion cache: `cache/`, or the user's cache folder if this is the installed wheel's."""
        if self.root.name == "_workspace":
            return user_cache() / "completions"
        return self.root / "cache"

    def tasks(self) -> dict[str, Path]:
        """Return the path of each task's module, by name: the workspace's own first, then the built-in ones."""
        return self._modules("programs")

    def optimizers(self) -> dict[str, Path]:
        """Return the path of each optimizer's module, by name."""
        return self._modules("optimizers")

    def task(self, name: str) -> tuple[str, Task]:
        """Return a task's short name and the task; `name` is a name in `programs/`, a path, or a dotted module.

        Raises:
            WorkspaceError: if there is no such task, or its module raises or defines no `task`.
        """
        module = self._import_task(name)
        task = getattr(module, "task", None)
        if not isinstance(task, Task):
            it_has = f"its module has task = {task!r}" if hasattr(module, "task") else "its module has no `task`"
            others = [own for own, value in vars(module).items() if isinstance(value, Task)]
            mend = f"Rename {others[0]} to task." if others else "End it with `task = Task(YourProgram, metric=…, …)`."
            raise WorkspaceError(f"{name} defines no task: {it_has}. {mend}")
        short = Path(name).stem if name.endswith(".py") else name.rsplit(".", 1)[-1]
        return short, task

    def optimizer(self, name: str) -> ModuleType:
        """Return the module of an optimizer; WorkspaceError if there is none of that name."""
        known = self.optimizers()
        if name not in known:
            raise WorkspaceError(
                f"There is no optimizer {name!r}.{_alike(name, known)} Known optimizers: {', '.join(known)}."
            )
        return self._run(known[name], f"optimizers.{name}")

    def trainset(self, name: str | os.PathLike[str]) -> Path:
        """Return the path of a trainset; what is not in the current folder is looked up in `trainsets/`.

        The last part of a path in a folder may be a split, which is no file of its own.
        """
        path = Path(name)
        places = (path, *(workspace.root / "trainsets" / path for workspace in (self, builtin())))
        is_bare = path.parent == Path()
        with suppress(OSError, ValueError):  # the name is too long, or has a NUL character
            for place in places:
                if place.exists() or (not is_bare and place.parent.is_dir()):
                    return place
        if not is_bare:
            return path
        raise DataError(
            f"There is no trainset {str(name)!r} in {self.root / 'trainsets'}. Give its path, or put the file there."
        )

    def _modules(self, folder: str) -> dict[str, Path]:
        own = _python_files(self.root / folder)
        return own | {name: path for name, path in _python_files(builtin().root / folder).items() if name not in own}

    def _import_task(self, name: str) -> ModuleType:
        known = self.tasks()
        if name in known:
            return self._run(known[name], f"programs.{name}")
        if name.endswith(".py"):
            if not Path(name).is_file():
                raise WorkspaceError(f"There is no file {name}. Give the path of a module that defines a `task`.")
            return self._run(Path(name), f"_task_{Path(name).stem}")
        if "." in name and all(part.isidentifier() for part in name.split(".")):
            return self._import(name)
        raise WorkspaceError(
            f"There is no task {name!r}.{_alike(name, known)} Known tasks: {', '.join(known)}. You can also give the "
            "path of a module, or package.module."
        )

    def _import(self, name: str) -> ModuleType:
        self._put_on_path()
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is not None and spec.loader_state == _BY_PATH:  # it may be another workspace's module
            del sys.modules[name]
        with _users_code(f"{name} cannot be imported", mend="Check the name, or give a path.", root=self.root):
            return importlib.import_module(name)

    def _run(self, path: Path, module_name: str) -> ModuleType:
        """Run a module by its path, so that two workspaces can use the same module name."""
        self._put_on_path()
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise WorkspaceError(f"{path} is not a Python module. Give a file that ends in .py.")
        module = importlib.util.module_from_spec(spec)
        spec.loader_state = _BY_PATH
        sys.modules[module_name] = module  # string annotations look up their names here
        try:
            with _users_code(f"{path} does not run", mend="Correct that file.", root=self.root, path=path):
                spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module

    def _put_on_path(self) -> None:
        """Let the modules of a workspace import each other; its own modules come before the built-in ones."""
        for root in (str(builtin().root), str(self.root)):
            if root in sys.path:
                sys.path.remove(root)
            sys.path.insert(0, root)


def builtin() -> Workspace:
    """Return the workspace that ships with Cribsheet: inside the wheel, or the repository root in a checkout."""
    package = Path(__file__).parent
    shipped = package / "_workspace"
    return Workspace(shipped if shipped.is_dir() else package.parent)


def find_workspace(start: str | os.PathLike[str]) -> Workspace:
    """Return the nearest workspace at or above a folder, else the built-in one."""
    nearest = Path(start).resolve()
    for folder in (nearest, *nearest.parents):
        if (folder / "programs").is_dir() and any(
            (folder / other).is_dir() for other in FOLDERS if other != "programs"
        ):
            return Workspace(folder)
    return builtin()


def current_workspace() -> Workspace:
    """Return the workspace of the current folder; WorkspaceError if that folder was deleted."""
    try:
        return find_workspace(Path.cwd())
    except FileNotFoundError:
        raise WorkspaceError("The current folder was deleted. Change to another one, as with `cd ~`.") from None


def new_workspace(directory: str | os.PathLike[str]) -> Workspace:
    """Create an empty workspace; WorkspaceError if the folder is not empty."""
    directory = Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise WorkspaceError(f"{directory} is not empty. Name a folder that does not exist yet.")
    try:
        for folder in FOLDERS:
            (directory / folder).mkdir(parents=True, exist_ok=True)
        (directory / ".gitignore").write_text("cache/\n__pycache__/\n", encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(f"{directory} cannot be created: {error}. Choose another place.") from None
    return Workspace(directory.resolve())


_NO_EXIT = 'Remove the call, or put it under `if __name__ == "__main__":` at the end of the file.'


@contextmanager
def _users_code(problem: str, *, mend: str, root: Path, path: Path | None = None) -> Iterator[None]:
    """Turn any exception of a user's module into a WorkspaceError; our own errors pass through unchanged."""
    try:
        yield
    except (CribsheetError, KeyboardInterrupt):
        raise
    except BaseException as error:
        line = _line_of(error, root, path)
        mend = _NO_EXIT if isinstance(error, SystemExit) else mend
        raise WorkspaceError(f"{problem}{line}: {told(error)}. {mend}") from error


def _line_of(error: BaseException, root: Path, path: Path | None) -> str:
    """Say at which line of the workspace's modules the error came up; empty if it is in none of them."""
    lines = [(Path(one.filename), one.lineno) for one in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((Path(error.filename), error.lineno))
    own = [(file, line) for file, line in lines if line and (file == path or _is_module_of(file, root))]
    if not own:
        return ""
    file, line = own[-1]
    return f" at line {line}" if file == path else f" at line {line} of {file.relative_to(root)}"


def _is_module_of(file: Path, root: Path) -> bool:
    return file.is_relative_to(root) and file.relative_to(root).parts[0] in FOLDERS


def _alike(name: str, known: Iterable[str]) -> str:
    """Return a sentence on the known name that a name is close to; empty if it is close to none."""
    found = get_close_matches(name, known, n=1, cutoff=0.75)
    return f" Did you mean {found[0]!r}?" if found else ""


def _python_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}
