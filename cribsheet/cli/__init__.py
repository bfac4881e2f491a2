"""The command line."""

from cribsheet.cli._root import main, optimize_main

__all__ = ["main", "optimize_main"]
