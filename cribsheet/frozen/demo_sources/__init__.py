"""Where the demos of a prompt come from."""

from cribsheet.frozen.demo_sources._base import DemoSource
from cribsheet.frozen.demo_sources.fixed import Fixed

DEMO_SOURCES: dict[str, type[DemoSource]] = {"fixed": Fixed}
"""Every demo source by its kind; a new one is a file here and an entry there."""

__all__ = ["DEMO_SOURCES", "DemoSource", "Fixed"]
