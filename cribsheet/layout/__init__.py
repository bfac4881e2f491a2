"""How a task becomes text, and text becomes values."""

from cribsheet.layout.layout import Layout, Mark

__all__ = ["Layout", "Mark"]
