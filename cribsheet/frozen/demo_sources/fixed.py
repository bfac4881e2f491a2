"""The demo source that shows the same demos for every input."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from cribsheet.dataset.examples import Demo
from cribsheet.frozen.demo_sources._base import DemoSource
from cribsheet.outcomes import Value


class Fixed(DemoSource):
    """Shows all demos in every prompt, so that the engine's prefix cache covers them."""

    kind: Literal["fixed"] = "fixed"

    is_fixed: ClassVar[bool] = True

    def choose(self, demos: Sequence[Demo], inputs: Mapping[str, Value]) -> Sequence[Demo]:
        """Return all demos, in their order."""
        return demos

    def describe(self) -> Mapping[str, str]:
        """Return nothing, because tables already show the number of demos."""
        return {}
