"""A compile is charged for the tokens that its engine reads and writes."""

from pathlib import Path

import pytest

from cribsheet.compiler.compile import compile_task
from cribsheet.settings import Settings
from cribsheet.workspace import new_workspace

CLOSE = 0.15
"""The part by which what is charged may differ from what the engine reads and writes."""


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "task", "budget"), [("smollm", "grounded_qa", 7000), ("gemma", "sentiment", 4000)])
def test_a_compile_is_charged_what_the_engine_reads(
    name: str, task: str, budget: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Gemma's layers with a sliding window would lose the start of a prompt that later ones share."""
    workspace = new_workspace(tmp_path / "workspace")
    compiled = compile_task(
        task, Settings(budget=str(budget)), workspace=workspace, model=request.getfixturevalue(name)
    )
    charged, meter = compiled.program.provenance.spent_tokens, compiled.meter
    assert charged <= budget
    assert charged == pytest.approx(meter.evaluated_tokens + meter.completion_tokens, rel=CLOSE)
