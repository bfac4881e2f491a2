"""The interface of a demo source, which chooses the demos that a prompt shows for given inputs."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from cribsheet.dataset.examples import Demo
from cribsheet.outcomes import Value


class DemoSource(BaseModel):
    """Chooses which of the frozen prompt's demos are shown for given inputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """The name under which `DEMO_SOURCES` lists the class."""

    is_fixed: ClassVar[bool] = False
    """Whether all demos are always shown. An export needs that, because it writes one fixed text."""

    def choose(self, demos: Sequence[Demo], inputs: Mapping[str, Value]) -> Sequence[Demo]:
        """Return the demos to show for these typed inputs, in the order in which they are shown."""
        raise NotImplementedError

    def describe(self) -> Mapping[str, str]:
        """Describe how it chooses as `{name: fact}`, for tables; empty if all demos are shown."""
        raise NotImplementedError
