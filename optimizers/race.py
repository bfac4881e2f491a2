"""Find the best prompt by racing layouts, words, demo sets and instructions."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from statistics import fmean

from cribsheet.budget import BudgetExhausted
from cribsheet.dataset.examples import Demo
from cribsheet.search.bootstrap.reasoning import reasoning_variant
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import answered_only, balanced, counted_demos, short
from cribsheet.search.effects import Effects
from cribsheet.search.holding import held
from cribsheet.search.race import FIRST_BLOCK, Listed, Proposals, Race, first_block
from cribsheet.search.screening import Screening
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.search.wording.instructed import instructed

LAYOUTS, DEMOS = 0.4, 0.4
"""The parts of the budget for screening and for demo sets. Corrections and further races get the rest."""
POOL = 32
"""The demos that sets are drawn from. The other rows of the demo pool are for screening."""
SIZES = (4, 8, 12)
SMALL_SIZES = (2, 4)
MOST_TOKENS = 640
"""The most tokens of a demo set. Small models do worse with longer prompts, and each set is read many times."""
_ROOM = 1.2  # the rows to come may be longer than those that their cost is estimated from
_POINTED = 0.5  # the part of the rows for which a pointer moves the answer in some fold, so that the model is asked
_MOST_SETS = 1000


def search(study: Study) -> None:
    """Screen layouts and words, race demo sets in the best of them, then instructions, then further demo sets.

    If a stage does not use its part of the budget, the next stages may.
    """
    whole = study.ledger.left
    pools = {name: _pool(study, name) for name in study.signatures}
    study.progress.stage("learning which layouts and words help")
    screened = Screening(study, pools).run(LAYOUTS * whole)
    if not screened:  # not even the shortest rows fit the context window as demos
        study.extend(study.trial(study.bare()), len(study.val))
        return
    study.progress.stage("racing demonstrations")
    sets = _DemoSets(study, screened, pools)
    entered = [trial for trial in study.trials if trial.uncorrected in screened]
    _race(study, sets, DEMOS * whole, entered)
    with _kept_for_corrections(study):
        _race_held(study)
        _race_further(study, sets)


def _race_held(study: Study) -> None:
    """Race the best candidate against itself with its answers held to their types, if the model may take a grammar."""
    candidate = study.best and held(study, study.best.uncorrected)
    if study.best and candidate and study.ledger.left > 0:
        study.progress.stage("holding answers to their types")
        _race(study, Listed([candidate]), study.ledger.left, [study.best])


def _race_further(study: Study, sets: Proposals) -> None:
    """Spend what is left of the budget on instructions for the best candidate, then on more demo sets."""
    if study.best and study.ledger.left > 0:
        study.progress.stage("racing instructions")
        proposals = Listed(instructed(study, study.best.uncorrected))
        _race(study, proposals, study.ledger.left / 2, [study.best])
        study.progress.stage("racing further demonstrations")
        _race(study, sets, study.ledger.left, [study.best])


def _race(study: Study, proposals: Proposals, allowance: float, incumbents: Sequence[Trial]) -> None:
    """Race proposals against earlier trials. The baseline may have answered fewer rows than a first block."""
    for trial in incumbents:
        study.extend(trial, max(trial.rows, first_block(study)))
    for winner in Race(study, allowance).run(proposals, keep=1, incumbents=incumbents):
        # With fewer rows than another trial, it would rank lower for that alone.
        study.extend(winner, max(trial.rows for trial in study.trials))


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


def _pool(study: Study, name: str) -> tuple[Demo, ...]:
    """Return the demos that a predictor's sets are drawn from: short ones, as many of each outcome as possible."""
    signature, pool = study.signatures[name], study.pools[name]
    answered = () if study.may_abstain(name) else answered_only(signature, pool)
    return balanced(signature, short(answered or pool), size=POOL, rng=study.rng)


class _DemoSets:
    """Proposes demo sets in the best layouts. Sizes, layouts and kinds of demos that did well are drawn more often."""

    def __init__(self, study: Study, screened: Sequence[Candidate], pools: Mapping[str, Sequence[Demo]]):
        self.study, self._screened, self._pools = study, screened, pools
        self._shown = ["all", "answered"] if study.may_guard else ["all"]
        self._choices = Effects(study.rng)
        self._sizes, self._left = _sizes(study), _MOST_SETS
        variants = (reasoning_variant(study, one, size=SIZES[0]) for one in screened)
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
        shown, *_ = self._choices.shuffled(self._shown)
        base = self._screened[place[1]]
        self._drawn = (size, place, shown)
        signatures, rng, answered = self.study.signatures, self.study.rng, shown == "answered"
        demos = {
            name: balanced(signatures[name], pool, size=size, rng=rng, answered=answered)
            for name, pool in self._pools.items()
        }
        layout = next(iter(base.prompts.values())).layout.name
        return base.with_demos(demos, origin=f"{counted_demos(demos)}, {layout}")

    def tell(self, trial: Trial) -> None:
        """Learn from a trial which sizes, layouts and kinds of demos do well."""
        if self._drawn is not None:
            self._choices.learn(self._drawn, fmean(trial.merits[: first_block(self.study)]))


def _sizes(study: Study) -> tuple[int, ...]:
    """Return the numbers of demos that stay within `MOST_TOKENS`; `SMALL_SIZES` if fewer than two do."""
    texts = {
        name: ["\n".join(map(str, demo.inputs.values())) for demo in short(pool)] for name, pool in study.pools.items()
    }
    longest = max(study.model.count_tokens("\n".join(own)) / max(1, len(own)) for own in texts.values())
    fitting = tuple(size for size in SIZES if size * longest <= MOST_TOKENS)
    return fitting if len(fitting) > 1 else SMALL_SIZES
