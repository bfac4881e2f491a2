"""An engine has as many threads as it may run."""

import os
import subprocess
import sys

import pytest

from cribsheet.models.cores import engine_threads, usable_cores

BOUND = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
TOLD = "from cribsheet.models.cores import engine_threads, usable_cores; print(usable_cores(), engine_threads())"


def test_it_chooses_itself_where_it_may_use_the_whole_machine() -> None:
    if usable_cores() < (os.cpu_count() or 1):
        pytest.skip("these tests are bound to some of the cores")
    assert engine_threads() is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to cores here")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core")
def test_it_has_one_where_it_is_bound_to_one_core() -> None:
    told = subprocess.run([sys.executable, "-c", BOUND + TOLD], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["1", "1"]
