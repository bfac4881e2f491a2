"""Demo sources, which choose the demos that a prompt shows."""

from cribsheet.frozen.demo_sources._base import DemoSource
from cribsheet.frozen.demo_sources.fixed import Fixed

DEMO_SOURCES: dict[str, type[DemoSource]] = {"fixed": Fixed}
"""Every demo source by its kind. To add one, add a file to this folder and an entry here."""

__all__ = ["DEMO_SOURCES", "DemoSource", "Fixed"]
