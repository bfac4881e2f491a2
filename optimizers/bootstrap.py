"""Race demo sets that mix a teacher's answers with labelled rows."""

from collections.abc import Iterator, Mapping, Sequence

from cribsheet.dataset.examples import Demo
from cribsheet.search.bootstrap.demonstrations import bootstrap_demos, bootstrapped
from cribsheet.search.bootstrap.reasoning import reasoning_variant
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import balanced, counted_demos
from cribsheet.search.race import Listed, Race
from cribsheet.search.study import Study

SETS = 16
"""The most demo sets that are compared, without those that reason."""
SIZES = (8, 4, 6, 2)


def search(study: Study) -> None:
    """Bootstrap demos, then race demo sets; the winner answers all validation rows.

    If there are rationales, every other set also takes part in a version that reasons before it answers.
    """
    bootstrap_demos(study)
    study.progress.stage("racing demonstrations")
    for trial in Race(study, study.ledger.left).run(Listed(_candidates(study)), keep=1):
        study.extend(trial, len(study.val))


def _candidates(study: Study) -> Iterator[Candidate]:
    """Yield candidates whose demos are bootstrapped, labelled or mixed; every other one also with rationales."""
    layout = study.layouts[0]
    for number in range(SETS):
        size = SIZES[number % len(SIZES)]
        made = (size, size // 2, 0)[number % 3]
        demos = {name: _mixed(study, name, size=size, made=made) for name in study.signatures}
        candidate = study.candidate(layout, demos, origin=_origin(study, demos))
        yield candidate
        reasons = reasoning_variant(study, candidate, size=size) if number % 2 == 0 else None
        if reasons is not None:
            yield reasons
    yield study.bare()


def _origin(study: Study, demos: Mapping[str, Sequence[Demo]]) -> str:
    made = sum(demo in bootstrapped(study, name) for name, shown in demos.items() for demo in shown)
    return f"{counted_demos(demos)}, {made} bootstrapped"


def _mixed(study: Study, name: str, *, size: int, made: int) -> tuple[Demo, ...]:
    """Return up to `made` bootstrapped demos, filled up to `size` with labelled ones, in random order."""
    signature, own = study.signatures[name], bootstrapped(study, name)
    chosen = balanced(signature, own, size=made, rng=study.rng)
    asked = [demo.inputs for demo in chosen]
    others = [demo for demo in study.pools[name] if demo.inputs not in asked]
    labelled = [demo for demo in others if demo not in own] or others
    both = (*chosen, *balanced(signature, labelled, size=size - len(chosen), rng=study.rng))
    return tuple(study.rng.sample(both, len(both)))
