import pwd

import pytest

from cribsheet.errors import WorkspaceError
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.weights import models_directory
from cribsheet.places import user_cache


def test_a_user_without_a_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])  # an id without an entry, as containers may run with
    with pytest.raises(WorkspaceError, match=r"no home folder.*Set HOME or XDG_CACHE_HOME"):
        user_cache()


def test_the_home_folder_of_an_unknown_user_is_an_error_that_shows_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRIBSHEET_MODELS", "~nobody-at-all/models")
    with pytest.raises(WorkspaceError, match=r"'~nobody-at-all/models' begins .* Write the whole path"):
        models_directory()
    with pytest.raises(WorkspaceError, match=r"~nobody-at-all/a\.gguf"):
        EmbeddedModel("embedded/~nobody-at-all/a.gguf")
