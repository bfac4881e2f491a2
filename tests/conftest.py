"""Share what is slow to make among all tests."""

from collections.abc import Iterator

import pytest

from cribsheet.models.embedded import EmbeddedModel


@pytest.fixture(scope="session")
def smollm() -> Iterator[EmbeddedModel]:
    """One open embedded model; its weights are fetched when they are not in the user's cache yet."""
    model = EmbeddedModel("embedded/smollm2-135m")
    yield model
    model.close()
