"""Put modules of this package into one Python file that needs the standard library alone."""

from cribsheet.export.bundling.bundle import Bundle, bundle

__all__ = ["Bundle", "bundle"]
