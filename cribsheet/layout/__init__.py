"""The conversion between typed values and the text that a model sees."""

from cribsheet.layout.layout import Layout, Mark

__all__ = ["Layout", "Mark"]
