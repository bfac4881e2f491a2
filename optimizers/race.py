"""Race layouts, words and demonstration sets against each other, then refine the winner."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from statistics import fmean

from cribsheet.calibration import decided_field
from cribsheet.errors import ModelError
from cribsheet.examples import Demo, Example
from cribsheet.layout import Layout
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import answered_only, balanced, short
from cribsheet.search.drawing import POOL, DemoDraw, Effects, covering
from cribsheet.search.proposing import proposed
from cribsheet.search.reasoning import reasoning_variant
from cribsheet.search.refinement import Refinement
from cribsheet.search.stage import Stage, decides, first_block
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.search.wording import field_words, spoken, verbalizers
from cribsheet.signature import Field, Signature

LAYOUTS, WORDS, VERBALIZERS, LEARNING, DEMOS = 0.1, 0.13, 0.05, 0.12, 0.4
"""The parts of the budget that each stage may spend; refinement has the rest.

Where answers are written, not decided, there are no verbalizers, and nothing is learnt beforehand: what that
would take goes to the layouts, whose rows are longer there.
"""
PROBES, PROBED = 6, 8
"""Blocks of the demo pool's rows on which small demo sets are tried, to learn what each demo does, and their rows."""
SCREEN_ENTRY = 0.75
"""The part of a screen's budget that goes into first blocks: what layouts and words do shows on few rows."""
SCREEN_DEMOS = 4
SIZES = (4, 8, 12)
MOST_TOKENS = 640
"""The longest demo sets, in tokens: a model of this class gets lost in longer prompts, and each is read often."""
LISTENED = 24
"""Rows of the demo pool that are asked without demos, to hear the model's own words for the outcomes."""
_MOST_SETS = 1000  # a small trainset repeats itself long before


def search(study: Study) -> None:
    """Screen layouts, then words, with few demos; learn which demos help; race demo sets; refine the winner.

    A stage that ends before its part of the budget leaves the rest to those that follow.
    """
    whole = study.ledger.left
    screen = _Screen(study)
    study.progress.stage("screening layouts")
    layouts = LAYOUTS if decides(study) else LAYOUTS + VERBALIZERS + LEARNING
    best = screen.run(layouts * whole, (_framed(study, layout, screen.demos) for layout in study.layouts))
    if not best:  # not even the shortest rows fit the context window as demos
        study.extend(study.trial(study.bare()), len(study.val))
        return
    study.progress.stage("screening the fields' names")
    best = screen.run(WORDS * whole, _worded(study, best[0].uncorrected), incumbents=best)
    study.progress.stage("screening the outcomes' words")
    best = screen.run(VERBALIZERS * whole, _verbalized(study, best[0].uncorrected), incumbents=best)
    sets = _DemoSets(study, [trial.uncorrected for trial in best])
    study.progress.stage("learning which demonstrations help")
    sets.probe(LEARNING * whole)
    study.progress.stage("racing demonstrations")
    for winner in Stage(study, DEMOS * whole, seen=screen.seen).run(sets.candidates(), keep=1):
        # On fewer rows than a screen's winner it would stand lower for that alone.
        study.extend(winner, max(trial.rows for trial in study.trials))
    study.progress.stage("refining the winner")
    Refinement(study, sets.draws, seen=screen.seen).run()


class _Screen:
    """Short races with one small demo set."""

    def __init__(self, study: Study):
        self.study = study
        self.seen: set[str] = set()
        self.demos = {
            name: balanced(signature, _pool(study, name), size=SCREEN_DEMOS, rng=study.rng)
            for name, signature in study.signatures.items()
        }

    def run(
        self, allowance: float, candidates: Iterator[Candidate], *, incumbents: Sequence[Trial] = ()
    ) -> list[Trial]:
        """Return the two best of the candidates and the incumbents; the incumbents where nothing entered."""
        return Stage(self.study, allowance, entry=SCREEN_ENTRY, seen=self.seen).run(
            candidates, keep=2, incumbents=incumbents
        )


def _pool(study: Study, name: str) -> tuple[Demo, ...]:
    """Return the demos that a predictor's sets are drawn from."""
    pool = study.pools[name]
    answered = () if study.may_abstain(name) else answered_only(study.signatures[name], pool)
    return short(answered or pool)


def _framed(study: Study, layout: Layout, demos: Mapping[str, Sequence[Demo]]) -> Candidate:
    return study.candidate(layout, demos, origin=f"layout {layout.name}")


def _worded(study: Study, candidate: Candidate) -> Iterator[Candidate]:
    """Yield the candidate with other names for the fields, predictor by predictor."""
    for name, prompt in candidate.prompts.items():
        sets = [*field_words(prompt.signature, language=prompt.layout.language)]
        sets += _proposed(study, prompt.signature)
        for words in sets:
            yield study.reworded(candidate, name, prompt.layout.model_copy(update={"words": words}))


def _verbalized(study: Study, candidate: Candidate) -> Iterator[Candidate]:
    """Yield the candidate with other words for the outcomes of what is decided, predictor by predictor."""
    for name, prompt in candidate.prompts.items():
        field = decided_field(prompt.signature)
        if field is None or prompt.decoding.decide_by != "logprobs":
            continue
        own = _own_words(study, candidate, name)
        sets = [*([own] if own else []), *verbalizers(field, language=prompt.layout.language)]
        sets += _proposed(study, prompt.signature, field)
        for words in sets:
            layout = prompt.layout.model_copy(update={"verbalizers": {**prompt.layout.verbalizers, **words}})
            yield study.reworded(candidate, name, layout)


def _proposed(study: Study, signature: Signature, field: Field | None = None) -> list[Mapping[str, str]]:
    """Return a teacher's proposals; none where there is no teacher, or it does not answer."""
    if study.teacher is None:
        return []
    try:
        return proposed(signature, study.teacher, field=field)
    except ModelError:  # a search does without
        return []


def _own_words(study: Study, candidate: Candidate, name: str) -> Mapping[str, str] | None:
    """Return the words that the model, shown no demos, itself begins its answers with."""
    prompt = candidate.prompts[name]
    (field,) = prompt.signature.outputs
    if field.name not in study.train[0].outputs:
        return None
    bare = candidate.with_prompt(name, prompt.model_copy(update={"demos": ()}), origin="no demos")
    answers = [
        (field.outcome_of(getattr(row.example, field.name)), call.answer.completion.first_token or {})
        for row in study.answer(bare, study.train[:LISTENED]).rows
        for call in row.calls
        if call.predictor == name
    ]
    return spoken(field, answers)


class _DemoSets:
    """Draws demo sets; sizes, frames, pools and demos that did well come up more often."""

    def __init__(self, study: Study, frames: Sequence[Candidate]):
        self.study, self._frames = study, frames
        self.draws: dict[str, DemoDraw] = {}
        """Of each predictor, from the demos that cover its inputs."""
        self._choices = Effects(study.rng)
        for name, signature in study.signatures.items():
            pool = covering(signature, _pool(study, name), size=POOL, rng=study.rng)
            self.draws[name] = DemoDraw(signature, pool, rng=study.rng)

    def probe(self, allowance: float) -> None:
        """Try small sets on other rows of the demo pool, so that the valset is not what is learnt.

        A demo's effect is taken from many sets on several blocks of rows, each compared with the sets on
        its block (Chang & Jia 2023, "Data Curation Alone Can Stabilize In-context Learning",
        arXiv:2212.10378). Where answers are written, scores of a few rows tell too little.
        """
        study = self.study
        blocks = self._blocks()
        until = study.ledger.left - allowance
        for number in range(_MOST_SETS if decides(study) and blocks else 0):
            block = number % len(blocks)
            demos = {name: draw.draw(SCREEN_DEMOS) for name, draw in self.draws.items()}
            trial = Trial(self._frames[0].with_demos(demos, origin="probe"), study.conditions)
            trial.extend(blocks[block])
            for name, draw in self.draws.items():
                draw.learn(demos[name], trial.merit, kind=f"block {block}")
            study.progress.advance(
                spent=study.ledger.spent, limit=study.ledger.budget.limit, best=study.best.mean if study.best else 0.0
            )
            if study.ledger.left <= until:
                return

    def _blocks(self) -> list[list[Example]]:
        pooled = {repr(demo) for draw in self.draws.values() for demo in draw.pool}
        rows = [row for row in self.study.train if repr(row.demo) not in pooled]
        return [rows[at : at + PROBED] for at in range(0, min(len(rows), PROBES * PROBED) - PROBED + 1, PROBED)]

    def candidates(self) -> Iterator[Candidate]:
        """Yield candidates; each is learnt from before the next is drawn."""
        for frame in self._frames:
            reasoning = reasoning_variant(self.study, frame, size=SCREEN_DEMOS)
            if reasoning is not None:
                yield reasoning
        sizes = _sizes(self.study)
        for _ in range(_MOST_SETS):
            size, *_ = self._choices.shuffled(sizes)
            place, *_ = self._choices.shuffled(["first", "second"][: len(self._frames)])
            shown, *_ = self._choices.shuffled(["all", "answered"] if self.study.may_guard else ["all"])
            frame = self._frames[place == "second"]
            demos = {name: draw.draw(size, answered=shown == "answered") for name, draw in self.draws.items()}
            entered = len(self.study.trials)
            yield frame.with_demos(demos, origin=f"{size} demos, {_name(frame)}")
            if len(self.study.trials) > entered:
                self._learn(self.study.trials[-1], (size, place, shown))

    def _learn(self, trial: Trial, choices: tuple[Hashable, ...]) -> None:
        merit = fmean(trial.merits[: first_block(self.study)])
        self._choices.learn(choices, merit)
        for name, draw in self.draws.items():
            draw.learn(trial.candidate.prompts[name].demos, merit, kind=" ".join(map(str, choices)))


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
