"""Find the best prompt by racing layouts, words and demo sets."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from statistics import fmean

from cribsheet.budget import BudgetExhausted
from cribsheet.dataset.examples import Demo
from cribsheet.search.bootstrap.reasoning import reasoning_variant
from cribsheet.search.candidate import Candidate
from cribsheet.search.demo_sampling import POOL, DemoSampler, Effects, covering
from cribsheet.search.demos import answered_only, balanced, short
from cribsheet.search.race import FIRST_BLOCK, Race, decides, first_block
from cribsheet.search.refinement import Refinement
from cribsheet.search.screening import Screening
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

LAYOUTS, DEMOS = 0.4, 0.4
"""The parts of the budget for screening and for demo sets. Refinement gets the rest."""
SMALL_SET = 4
SIZES = (4, 8, 12)
MOST_TOKENS = 640
"""The most tokens of a demo set. Small models do worse with longer prompts, and each set is read many times."""
_ROOM = 1.2  # the rows to come may be longer than those that their cost is estimated from
_POINTED = 0.5  # the part of the rows for which a pointer moves the answer in some fold, so that the model is asked
_MOST_SETS = 1000


def search(study: Study) -> None:
    """Screen layouts and words, race demo sets in the best of them, then refine the winner.

    If a stage does not use its part of the budget, the next stages may.
    """
    whole = study.ledger.left
    draws = {name: _draw(study, name) for name in study.signatures}
    study.progress.stage("learning which layouts, words and demonstrations help")
    screened = Screening(study, draws).run(LAYOUTS * whole)
    if not screened:  # not even the shortest rows fit the context window as demos
        study.extend(study.trial(study.bare()), len(study.val))
        return
    study.progress.stage("racing demonstrations")
    sets = _DemoSets(study, screened, draws, abstaining=_gains_from_abstentions(study, screened[0]))
    entered = [trial for trial in study.trials if trial.uncorrected in screened]
    for winner in Race(study, DEMOS * whole).run(sets, keep=1, incumbents=entered):
        # With fewer rows than another trial, it would rank lower for that alone.
        study.extend(winner, max(trial.rows for trial in study.trials))
    study.progress.stage("refining the winner")
    with _kept_for_corrections(study):
        Refinement(study, draws).run()


@contextmanager
def _kept_for_corrections(study: Study) -> Iterator[None]:
    """Reserve budget during a block, then let the best trial answer all validation rows with it.

    Corrections are fitted on these rows. If answers are extracted, there is also a reserve for fitting a pointer, which
    asks the model again.
    """
    best = study.best
    points = study.pointed_source is not None
    kept = 0.0
    if best and (points or study.may_read_out):
        rows = len(study.val) - best.rows + points * _POINTED * len(study.val)
        kept = _ROOM * rows * best.price / best.rows
    study.ledger.reserved += kept
    with suppress(BudgetExhausted):
        yield
    study.ledger.reserved -= kept
    while kept and (best := study.best) and best.rows < len(study.val):
        study.extend(best, min(best.rows + FIRST_BLOCK, len(study.val)))


def _draw(study: Study, name: str) -> DemoSampler:
    """Return a sampler of a predictor's demos. It draws from the demos that cover the inputs."""
    signature = study.signatures[name]
    return DemoSampler(signature, covering(signature, _pool(study, name), size=POOL, rng=study.rng), rng=study.rng)


def _gains_from_abstentions(study: Study, candidate: Candidate) -> bool:
    """Tell whether a candidate does better on the first rows with demos that abstain among its own.

    True too if the pools have none, if no guard may abstain in their place, or if outcomes are decided.
    """
    pools_alike = all(_pool(study, name) == _answers(study, name) for name in study.signatures)
    if pools_alike or decides(study):
        return True
    abstaining = candidate.with_demos(_small_set(study), origin=f"layout {_name(candidate)}, abstentions shown")
    if not study.fits(abstaining):
        return False
    return _first_merit(study, abstaining) > _first_merit(study, candidate)


def _first_merit(study: Study, candidate: Candidate) -> float:
    """Return a candidate's mean merit on the first rows, which it answers unless it has."""
    known = next((trial for trial in study.trials if trial.uncorrected.key == candidate.key), None)
    trial, rows = known or study.trial(candidate), first_block(study)
    study.extend(trial, max(rows, trial.rows))
    return fmean(trial.merits[:rows])


def _pool(study: Study, name: str) -> tuple[Demo, ...]:
    """Return the demos that a predictor's sets are drawn from."""
    pool = study.pools[name]
    answered = () if study.may_abstain(name) else answered_only(study.signatures[name], pool)
    return short(answered or pool)


def _answers(study: Study, name: str) -> tuple[Demo, ...]:
    """Return the pool without abstentions if a guard may make them."""
    pool = _pool(study, name)
    return (answered_only(study.signatures[name], pool) or pool) if study.may_guard else pool


def _small_set(study: Study) -> dict[str, Sequence[Demo]]:
    """Return a few demos for each predictor, as many of each outcome as can be."""
    return {
        name: balanced(signature, _pool(study, name), size=SMALL_SET, rng=study.rng)
        for name, signature in study.signatures.items()
    }


class _DemoSets:
    """Proposes demo sets in the best layouts. Sizes, layouts and demos that did well are drawn more often."""

    def __init__(
        self, study: Study, screened: Sequence[Candidate], draws: Mapping[str, DemoSampler], *, abstaining: bool
    ):
        self.study, self._screened, self._draws = study, screened, draws
        self._pools = ["all"] * abstaining + ["answered"] * study.may_guard
        self._choices = Effects(study.rng)
        self._sizes, self._left = _sizes(study), _MOST_SETS
        variants = (reasoning_variant(study, one, size=SMALL_SET) for one in screened)
        self._reasoning = [variant for variant in variants if variant is not None]
        self._drawn: tuple[Hashable, ...] | None = None

    def ask(self) -> Candidate | None:
        """Return a prompt that reasons if one is left, otherwise a new demo set."""
        self._drawn = None
        if self._reasoning:
            return self._reasoning.pop(0)
        if self._left == 0:
            return None
        self._left -= 1
        size, *_ = self._choices.shuffled(self._sizes)
        place: tuple[str, int] = self._choices.shuffled(("layout", at) for at in range(len(self._screened)))[0]
        shown, *_ = self._choices.shuffled(self._pools)
        base = self._screened[place[1]]
        demos = {name: draw.draw(size, answered=shown == "answered") for name, draw in self._draws.items()}
        self._drawn = (size, place, shown)
        return base.with_demos(demos, origin=f"{size} demos, {_name(base)}")

    def tell(self, trial: Trial) -> None:
        """Learn from a trial which sizes, layouts, pools and demos do well."""
        if self._drawn is None:
            return
        merit = fmean(trial.merits[: first_block(self.study)])
        self._choices.learn(self._drawn, merit)
        for name, draw in self._draws.items():
            draw.learn(trial.candidate.prompts[name].demos, merit, kind=" ".join(map(str, self._drawn)))


def _sizes(study: Study) -> tuple[int, ...]:
    """Return the numbers of demos that stay within `MOST_TOKENS`; at least `SMALL_SET` and half of it."""
    longest = max(
        study.model.count_tokens("\n".join(str(value) for demo in short(pool) for value in demo.inputs.values()))
        / max(1, len(short(pool)))
        for pool in study.pools.values()
    )
    fitting = tuple(size for size in SIZES if size * longest <= MOST_TOKENS)
    return fitting if len(fitting) > 1 else (SMALL_SET // 2, SMALL_SET)


def _name(candidate: Candidate) -> str:
    return next(iter(candidate.prompts.values())).layout.name
