"""Long work shows bars on a terminal, lines elsewhere."""

import io

import pytest
from rich.console import Console

from cribsheet.cli._display import Bars, Lines


def test_bars_tell_stage_spent_and_best_in_80_columns() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with Bars(console, "tokens", figure="best") as display:
        display.download(10_000_000, 90_000_000)
        display.stage("racing demonstrations")
        display.advance(spent=12_340, limit=40_000, best=0.8125)
    shown = screen.getvalue()
    assert "racing demonstrations" in shown
    assert "12.3k of 40k tokens, best 0.812" in shown
    assert "10 of 90 MB" in shown


def test_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines("calls", figure="best") as display:
        display.stage("racing")
        for spent in range(501):
            display.advance(spent=spent, limit=500, best=0.5)
        display.download(1, 90_000_000)
        display.download(2, 90_000_000)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:2] == ["racing", "  100 of 500 calls, best 0.500"]
    assert err.splitlines()[-1] == "fetching the weights, 90 MB"
    assert len(err.splitlines()) == 7
