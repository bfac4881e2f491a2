"""Race layouts, words and demonstration sets against each other, then refine the winner."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from statistics import fmean

from cribsheet.dataset.examples import Demo
from cribsheet.search.bootstrap.reasoning import reasoning_variant
from cribsheet.search.budget import BudgetExhausted
from cribsheet.search.candidate import Candidate
from cribsheet.search.demo_sampling import POOL, DemoSampler, Effects, covering
from cribsheet.search.demos import answered_only, balanced, short
from cribsheet.search.probing import Probing
from cribsheet.search.race import FIRST_BLOCK, Listed, Proposals, Race, decides, first_block
from cribsheet.search.refinement import Refinement
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.search.wording.choices import WordChoices

FRAMES, DEMOS = 0.4, 0.4
"""The parts of the budget for frames, each a layout with words, and for demo sets; refinement has the rest."""
LAYOUTS, WORDS = 0.6, 0.3
"""Of what is for frames, where they are screened; the outcomes' words have the rest."""
SCREEN_ENTRY = 0.75
"""The part of a screen's budget that goes into first blocks: what layouts and words do shows on few rows."""
LEAST_SCREENED = 6
"""Candidates that a screen's budget is to pay for, two for each part, where a readout could learn from rows instead."""
SCREEN_DEMOS = 4
SIZES = (4, 8, 12)
MOST_TOKENS = 640
"""The longest demo sets, in tokens: a model of this class gets lost in longer prompts, and each is read often."""
_ROOM = 1.2  # rows to come may be longer than those that their cost is judged by
_POINTED = 0.5  # the part of the rows whose answers a pointer has begin elsewhere, in one fold or another
_MOST_SETS = 1000  # a small trainset repeats itself long before


def search(study: Study) -> None:
    """Learn which frames and demos do well; race demo sets in the best frames; refine the winner.

    A stage that ends before its part of the budget leaves the rest to those that follow.
    """
    whole, seen = study.ledger.left, set[str]()
    draws = {name: _draw(study, name) for name in study.signatures}
    probing = Probing(study, draws)
    if probing.pays(FRAMES * whole):
        study.progress.stage("learning which layouts, words and demonstrations help")
        frames = probing.run(FRAMES * whole)
    else:
        frames = _screened(study, FRAMES * whole, seen)
    if not frames:  # not even the shortest rows fit the context window as demos
        study.extend(study.trial(study.bare()), len(study.val))
        return
    study.progress.stage("racing demonstrations")
    sets = _DemoSets(study, frames, draws, abstaining=_gains_from_abstentions(study, frames[0], seen))
    screened = [trial for trial in study.trials if trial.uncorrected in frames]
    for winner in Race(study, DEMOS * whole, seen=seen).run(sets, keep=1, incumbents=screened):
        # On fewer rows than another's it would stand lower for that alone.
        study.extend(winner, max(trial.rows for trial in study.trials))
    study.progress.stage("refining the winner")
    with _kept_for_corrections(study):
        Refinement(study, draws, seen=seen).run()


@contextmanager
def _kept_for_corrections(study: Study) -> Iterator[None]:
    """Keep back what it takes for the best trial to answer all rows, and spend it so: corrections learn from them.

    What a pointer then takes is left, for answers that begin elsewhere.
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
    """Return what draws a predictor's demos, from those that cover its inputs."""
    signature = study.signatures[name]
    return DemoSampler(signature, covering(signature, _pool(study, name), size=POOL, rng=study.rng), rng=study.rng)


def _screened(study: Study, allowance: float, seen: set[str]) -> list[Candidate]:
    """Return the two frames that do best with one small demo set: layouts first, then words in the best of them.

    If the budget pays for too few, and a readout may learn from rows instead, the first layout is the frame.
    """

    def screen(part: float, proposals: Proposals, incumbents: Sequence[Trial] = ()) -> list[Trial]:
        race = Race(study, part * allowance, entry=SCREEN_ENTRY, seen=seen)
        return race.run(proposals, keep=2, incumbents=incumbents)

    study.progress.stage("screening layouts")
    demos, wordings = _small_set(study, _answers), WordChoices(study)
    layouts = _Layouts(study, demos, allowance)
    best = screen(LAYOUTS, layouts)
    if not best or layouts.are_few:
        return [trial.uncorrected for trial in best]
    study.progress.stage("screening the fields' names")
    best = screen(WORDS, Listed(_worded(study, wordings, best[0].uncorrected)), best)
    study.progress.stage("screening the outcomes' words")
    best = screen(1 - LAYOUTS - WORDS, Listed(_verbalized(study, wordings, best[0].uncorrected)), best)
    return [trial.uncorrected for trial in best]


def _gains_from_abstentions(study: Study, frame: Candidate, seen: set[str]) -> bool:
    """Tell whether a frame does better on its first rows with demos that abstain among them.

    True too where the pools have none, where no guard may abstain in their place, or outcomes are decided.
    """
    pools_alike = all(_pool(study, name) == _answers(study, name) for name in study.signatures)
    if pools_alike or decides(study):
        return True
    abstaining = frame.with_demos(_small_set(study, _pool), origin=f"layout {_name(frame)}, abstentions shown")
    if not study.fits(abstaining):
        return False
    return _first_merit(study, abstaining, seen) > _first_merit(study, frame, seen)


def _first_merit(study: Study, candidate: Candidate, seen: set[str]) -> float:
    """Return a candidate's mean merit on the first rows, which it answers unless it has."""
    known = next((trial for trial in study.trials if trial.uncorrected.key == candidate.key), None)
    trial, rows = known or study.trial(candidate), first_block(study)
    seen.add(candidate.key)
    study.extend(trial, max(rows, trial.rows))
    return fmean(trial.merits[:rows])


def _pool(study: Study, name: str) -> tuple[Demo, ...]:
    """Return the demos that a predictor's sets are drawn from."""
    pool = study.pools[name]
    answered = () if study.may_abstain(name) else answered_only(study.signatures[name], pool)
    return short(answered or pool)


def _answers(study: Study, name: str) -> tuple[Demo, ...]:
    """Return the pool without abstentions where a guard may make them.

    Shown some, a small model abstains from nearly all, in any layout, and which of them answers best does not show.
    """
    pool = _pool(study, name)
    return (answered_only(study.signatures[name], pool) or pool) if study.may_guard else pool


def _small_set(study: Study, pool: Callable[[Study, str], Sequence[Demo]]) -> dict[str, Sequence[Demo]]:
    """Return a few demos for each predictor, as many of each outcome as can be."""
    return {
        name: balanced(signature, pool(study, name), size=SCREEN_DEMOS, rng=study.rng)
        for name, signature in study.signatures.items()
    }


class _Layouts:
    """Proposes the layouts with some demos; no second one if the allowance pays for few, and a readout may learn."""

    def __init__(self, study: Study, demos: Mapping[str, Sequence[Demo]], allowance: float):
        self._study, self._allowance = study, allowance
        self._left = (study.candidate(one, demos, origin=f"layout {one.name}") for one in study.layouts)
        self._told: list[Trial] = []

    @property
    def are_few(self) -> bool:
        """Whether `LEAST_SCREENED` like the only one so far cost too much, and a readout may learn instead."""
        if not self._study.may_read_out or len(self._told) != 1:
            return False
        return LEAST_SCREENED * self._told[0].price > self._allowance

    def ask(self) -> Candidate | None:
        """Return the next layout's candidate."""
        return None if self.are_few else next(self._left, None)

    def tell(self, trial: Trial) -> None:
        """Keep what it cost."""
        self._told.append(trial)


def _worded(study: Study, wordings: WordChoices, candidate: Candidate) -> Iterator[Candidate]:
    """Yield the candidate with other names for the fields, predictor by predictor."""
    for name, prompt in candidate.prompts.items():
        for words in wordings.names(name, prompt.layout.language):
            yield study.reworded(candidate, name, prompt.layout.model_copy(update={"words": words}))


def _verbalized(study: Study, wordings: WordChoices, candidate: Candidate) -> Iterator[Candidate]:
    """Yield the candidate with other words for the outcomes of what is decided, predictor by predictor."""
    for name, prompt in candidate.prompts.items():
        for words in wordings.labels(name, prompt.layout.language):
            layout = prompt.layout.model_copy(update={"verbalizers": {**prompt.layout.verbalizers, **words}})
            yield study.reworded(candidate, name, layout)


class _DemoSets:
    """Draws demo sets; sizes, frames, pools and demos that did well come up more often."""

    def __init__(
        self, study: Study, frames: Sequence[Candidate], draws: Mapping[str, DemoSampler], *, abstaining: bool
    ):
        self.study, self._frames, self._draws = study, frames, draws
        self._pools = ["all"] * abstaining + ["answered"] * study.may_guard
        self._choices = Effects(study.rng)
        self._sizes, self._left = _sizes(study), _MOST_SETS
        variants = (reasoning_variant(study, frame, size=SCREEN_DEMOS) for frame in frames)
        self._reasoning = [variant for variant in variants if variant is not None]
        self._drawn: tuple[Hashable, ...] | None = None

    def ask(self) -> Candidate | None:
        """Return a prompt that reasons if one is left, else a set that was drawn by what is known so far."""
        self._drawn = None
        if self._reasoning:
            return self._reasoning.pop(0)
        if self._left == 0:
            return None
        self._left -= 1
        size, *_ = self._choices.shuffled(self._sizes)
        place: tuple[str, int] = self._choices.shuffled(("frame", at) for at in range(len(self._frames)))[0]
        shown, *_ = self._choices.shuffled(self._pools)
        frame = self._frames[place[1]]
        demos = {name: draw.draw(size, answered=shown == "answered") for name, draw in self._draws.items()}
        self._drawn = (size, place, shown)
        return frame.with_demos(demos, origin=f"{size} demos, {_name(frame)}")

    def tell(self, trial: Trial) -> None:
        """Learn what a set's size, frame, pool and demos do."""
        if self._drawn is None:
            return
        merit = fmean(trial.merits[: first_block(self.study)])
        self._choices.learn(self._drawn, merit)
        for name, draw in self._draws.items():
            draw.learn(trial.candidate.prompts[name].demos, merit, kind=" ".join(map(str, self._drawn)))


def _sizes(study: Study) -> tuple[int, ...]:
    """Return the demo counts that stay within `MOST_TOKENS`, half and all of `SCREEN_DEMOS` at least."""
    longest = max(
        study.model.count_tokens("\n".join(str(value) for demo in short(pool) for value in demo.inputs.values()))
        / max(1, len(short(pool)))
        for pool in study.pools.values()
    )
    fitting = tuple(size for size in SIZES if size * longest <= MOST_TOKENS)
    return fitting if len(fitting) > 1 else (SCREEN_DEMOS // 2, SCREEN_DEMOS)


def _name(frame: Candidate) -> str:
    return next(iter(frame.prompts.values())).layout.name
