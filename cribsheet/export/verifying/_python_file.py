"""Run a written Python file in this process."""

import runpy
from pathlib import Path
from typing import Any

from cribsheet.errors import CribsheetError, ExportError, told


def defined_in(path: Path, name: str) -> Any:
    """Return what a file defines under a name. The file is run anew; no module stays imported.

    Raises:
        ExportError: the file cannot be run, or it does not define the name.
    """
    try:
        return runpy.run_path(str(path), run_name=path.stem)[name]
    except CribsheetError:
        raise
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}. Export it again.") from None
    except Exception as error:
        raise ExportError(f"{path} does not give {name!r} when it is run: {told(error)}. Export it again.") from error
