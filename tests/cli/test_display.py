"""Long work shows bars on a terminal, lines elsewhere."""

import io

import pytest
from rich.console import Console

from cribsheet.cli._display import Bars, Lines


def test_bars_tell_stage_spent_and_score_in_80_columns() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with Bars(console, "tokens", figure="leader") as display:
        display.download(10_000_000, 90_000_000)
        display.stage("racing demonstrations")
        display.advance(spent=12_340, limit=40_000, best=0.8125, rows=1)
    shown = screen.getvalue()
    assert "racing demonstrations" in shown
    assert "12.3k of 40k tokens, 0.812 on 1 row" in shown
    assert "10 MB of 90 MB" in shown


def test_no_best_score_is_shown_if_there_is_none_or_it_is_another_stages() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=True, width=80, color_system=None), "calls", figure="leader") as bars:
        bars.stage("learning")
        bars.advance(spent=10, limit=40, best=None)
    assert "10 of 40 calls" in screen.getvalue()
    assert "leader" not in screen.getvalue()


def test_bars_tell_the_time_that_is_left() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=True, width=80, color_system=None), "calls", figure="leader") as bars:
        bars.stage("racing")
        bars.advance(spent=10, limit=40, best=0.5, rows=24)
    assert "--:-- left" in screen.getvalue()


def test_lines_are_few_and_tell_the_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter(range(10_000))
    with Lines("calls", figure="leader", clock=lambda: float(next(seconds))) as display:
        display.stage("racing")
        for spent in range(501):
            display.advance(spent=spent, limit=500, best=0.5, rows=24)
        display.download(1, 90_000_000)
        display.download(2, 90_000_000)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:3] == [
        "racing",
        "  100 of 500 calls, leader 0.500 on 24 rows, about 4 s left",
        "  200 of 500 calls, leader 0.500 on 24 rows, about 3 s left",
    ]
    assert err.splitlines()[5] == "  500 of 500 calls, leader 0.500 on 24 rows"
    assert err.splitlines()[-1] == "fetching the weights, 90 MB"
    assert len(err.splitlines()) == 7


def test_lines_show_no_score_if_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines("calls", figure="leader", clock=lambda: 0.0) as display:
        display.advance(spent=100, limit=500, best=None)
    assert capsys.readouterr().err == "  100 of 500 calls\n"
