"""Make demonstrations out of the program's own runs."""

from collections import defaultdict

from cribsheet.examples import Demo
from cribsheet.parsing import ParseFailure
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study

MOST = 32
"""Rows that are tried."""


def harvest(study: Study, candidate: Candidate) -> None:
    """Give each predictor whose fields the rows lack the calls of runs that the metric found perfect.

    Rows of the demo pool are answered by a candidate, and each call of a perfect run becomes a demo:
    bootstrapping, as in DSPy (Khattab et al. 2023, arXiv:2310.03714).
    """
    empty = [name for name, pool in study.pools.items() if not pool]
    if not empty:
        return
    found: dict[str, list[Demo]] = defaultdict(list)
    for row in study.train[:MOST]:
        study.ledger.check()
        (result,) = study.answer(candidate, [row]).rows
        for call in result.calls if result.score >= 1 else ():
            prediction = call.answer.prediction
            if call.predictor in empty and not isinstance(prediction, ParseFailure):
                demo = {"inputs": dict(call.inputs), "outputs": prediction.outputs}
                found[call.predictor].append(Demo.model_validate(demo))
    for name, demos in found.items():
        study.pools[name] = tuple(demos)
