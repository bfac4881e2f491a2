"""The contract of a demo source: which of a prompt's demos are shown for some inputs."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from cribsheet.dataset.examples import Demo
from cribsheet.outcomes import Value


class DemoSource(BaseModel):
    """Chooses the demos that one prompt shows, from all that the frozen prompt holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """The name under which `DEMO_SOURCES` lists the class."""

    is_fixed: ClassVar[bool] = False
    """Whether every prompt shows all demos; exports write one text, so they need that."""

    def choose(self, demos: Sequence[Demo], inputs: Mapping[str, Value]) -> Sequence[Demo]:
        """Return the demos to show for these typed inputs, in the order in which they are shown."""
        raise NotImplementedError

    def describe(self) -> Mapping[str, str]:
        """Return how it chooses as facts by name, for tables; empty if all demos are shown."""
        raise NotImplementedError
