"""Share what is slow to make among all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from cribsheet.errors import WeightsError
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.weights import models_directory, pull

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else importing it asks a server, and asks again
# Every run generates the same inputs, so a change fails for what it changed. Others: --hypothesis-profile random
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile("same")


@pytest.fixture(scope="session")
def smollm() -> Iterator[EmbeddedModel]:
    """One open embedded model; its weights are fetched when they are not in the user's cache yet."""
    model = EmbeddedModel("embedded/smollm2-135m")
    yield model
    model.close()


@pytest.fixture(scope="session")
def gemma() -> Iterator[EmbeddedModel]:
    """One open model with a tokenizer of another kind; skips if its weights cannot be fetched."""
    try:
        pull("gemma-3-270m", directory=models_directory())
    except WeightsError as error:
        pytest.skip(str(error))
    model = EmbeddedModel("embedded/gemma-3-270m", context_window=1024)
    yield model
    model.close()
