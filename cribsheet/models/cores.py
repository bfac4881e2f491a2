"""Decide how an engine uses the machine's cores."""

import ctypes
import os
import sys
import warnings

SPIN_COUNT = "1000"
"""How often an engine's thread polls for work before it sleeps; enough to lose no speed on an idle machine."""

_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
_LIBRARY = "libgomp.so.1"


def usable_cores() -> int:
    """Return how many cores this process may run on; fewer than the machine has if its CPU affinity is limited."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def engine_threads() -> int | None:
    """Return how many threads an engine should start; None lets it choose.

    llama.cpp starts one thread per core of the machine. If the process may use fewer cores, the threads wait for
    each other, which is many times slower.
    """
    usable = usable_cores()
    return usable if usable < (os.cpu_count() or 1) else None


def limit_spinning() -> None:
    """Make the engine's threads sleep soon while they wait for each other. Call this before importing the engine.

    llama.cpp's threads wait for each other hundreds of times per token. By default, libgomp lets a waiting thread
    spin for up to about 30 milliseconds, and a spinning thread can occupy the core that the awaited thread needs.
    Two engines at once then take many times as long as one. libgomp reads the environment once, when it is loaded.
    A value that the user has set is kept.
    """
    if spin_setting() is not None:
        return
    if is_openmp_loaded():
        warnings.warn(
            f"Another library loaded {_LIBRARY} before the engine did, so it is too late to limit how long the "
            "engine's threads spin while they wait. The engine is many times slower while another process is busy. "
            f"Set GOMP_SPINCOUNT={SPIN_COUNT} in the environment before you start Python.",
            RuntimeWarning,
            stacklevel=2,
        )
    os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT


def spin_setting() -> str | None:
    """Return the environment's setting for how threads wait, such as `GOMP_SPINCOUNT=1000`; None if it has none."""
    return next((f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ), None)


def is_openmp_loaded() -> bool:
    """Return whether this process has loaded GNU OpenMP; False on macOS and Windows, whose engines do not use it."""
    if sys.platform != "linux":
        return False
    try:
        ctypes.CDLL(_LIBRARY, mode=os.RTLD_NOLOAD | os.RTLD_NOW)  # succeeds only if the library is already loaded
    except OSError:
        return False
    return True
