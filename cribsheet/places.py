"""Find folders of the user."""

from pathlib import Path

import platformdirs

from cribsheet.errors import WorkspaceError


def user_cache() -> Path:
    """Return the folder for files that can be made again.

    Raises:
        WorkspaceError: the user has no home folder, as in a container that runs with an arbitrary user id.
    """
    try:
        return platformdirs.user_cache_path("cribsheet")
    except RuntimeError:
        raise WorkspaceError(
            "This user has no home folder, so there is no place for a cache. Set HOME or XDG_CACHE_HOME to the whole "
            "path of a folder that you may write to."
        ) from None


def expanded(path: str) -> Path:
    """Return the path with the home folder in place of `~` or `~NAME`.

    >>> expanded("/models/a.gguf").as_posix()
    '/models/a.gguf'

    Raises:
        WorkspaceError: there is no such home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise WorkspaceError(
            f"{path!r} begins with the home folder of a user who has none here. Write the whole path instead."
        ) from None
