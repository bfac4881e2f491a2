"""The cores that an engine may use, and how it shares them with other processes."""

import ctypes
import os
import sys
import warnings

SPIN_COUNT = "1000"
"""How often a thread of the engine looks for work before it sleeps: enough to lose nothing on an idle machine."""

_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
_LIBRARY = "libgomp.so.1"


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


def limit_spinning() -> None:
    """Make the engine's threads sleep soon if they wait for each other; to be called before it is imported.

    llama.cpp's threads wait for each other hundreds of times a token. By default libgomp has them look for work
    without a pause for up to some 30 milliseconds, while another busy process may hold the core that they wait
    for: two engines at once then take many times as long as one. libgomp reads the environment once, when it is
    loaded; what the user has set there is kept.
    """
    if spin_setting() is not None:
        return
    if is_openmp_loaded():
        warnings.warn(
            f"Another library loaded {_LIBRARY} before the engine, so its threads spin while they wait, and are many "
            f"times slower beside another busy process. Set GOMP_SPINCOUNT={SPIN_COUNT} in the environment of Python.",
            RuntimeWarning,
            stacklevel=2,
        )
    os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT


def spin_setting() -> str | None:
    """Return what the environment says of how threads wait, such as `GOMP_SPINCOUNT=1000`; None if nothing."""
    return next((f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ), None)


def is_openmp_loaded() -> bool:
    """Tell whether GNU's OpenMP is in this process; never on macOS and Windows, whose engines do without it."""
    if sys.platform != "linux":
        return False
    try:
        ctypes.CDLL(_LIBRARY, mode=os.RTLD_NOLOAD | os.RTLD_NOW)  # a handle of what is there, never loaded anew
    except OSError:
        return False
    return True
