"""The cores that an engine may use."""

import os


def usable_cores() -> int:
    """Return how many cores this process may run on: fewer than the machine has if it is bound to some."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def engine_threads() -> int | None:
    """Return how many threads an engine should have, None if it may choose.

    llama.cpp starts one for each core of the machine; more than may run wait for each other, many times slower.
    """
    usable = usable_cores()
    return usable if usable < (os.cpu_count() or 1) else None
