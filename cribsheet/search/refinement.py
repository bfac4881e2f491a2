"""Change the best candidate a little, and keep what is better."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from statistics import fmean

from cribsheet.dataset.examples import Demo, Row
from cribsheet.errors import ModelError
from cribsheet.frozen import FrozenPrompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.demo_sampling import DemoSampler
from cribsheet.search.demos import answered_only, demos_of
from cribsheet.search.race import GROWTH, first_block
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.search.wording.proposals import instructions_from, speaks_of

PROBED = 24
"""Rows of the demo pool that a leader is asked, to find those that are hard for it."""
_HARD = 0.5
_PROPOSALS = 2
_ROUNDS_OF_NOTHING = 8


class Refinement:
    """Hill climbing from the best candidate, by one change at a time."""

    def __init__(self, study: Study, draws: Mapping[str, DemoSampler]):
        self.study = study
        self._draws = draws
        self._hard: dict[str, list[Demo]] = {}

    def run(self) -> None:
        """Go on until the budget ends, or nothing new comes up for some rounds."""
        leader, idle = self.study.best, 0
        if leader is None:
            return
        self._find_hard_rows(leader.uncorrected)
        queue = list(self._rewordings(leader.uncorrected))
        while idle < _ROUNDS_OF_NOTHING:
            queue = queue or _nearest_first(self._changes(leader.uncorrected), leader.uncorrected)
            fresh = {one.key: one for one in queue if self.study.may_enter(one)}
            idle, queue = 0 if fresh else idle + 1, []
            for candidate in fresh.values():
                leader = self._challenge(leader, self.study.trial(candidate))
            self.study.extend(leader, min(leader.rows * GROWTH, len(self.study.val)))

    def _challenge(self, leader: Trial, challenger: Trial) -> Trial:
        """Return the better of the two; the challenger answers ever more of the leader's rows while it is ahead."""
        first = rows = min(first_block(self.study), leader.rows)
        while True:
            self.study.extend(challenger, rows)
            ahead = fmean(challenger.merits) - fmean(leader.merits[:rows])
            if rows == first:
                self._learn(challenger)
            if ahead <= 0:
                return leader
            if rows >= leader.rows:
                return challenger if challenger.lead(leader) > 0 else leader
            rows = min(rows * GROWTH, leader.rows)

    def _learn(self, trial: Trial) -> None:
        for name, prompt in trial.candidate.prompts.items():
            kind = f"{prompt.layout.name} {len(prompt.demos)}"
            self._draws[name].learn(prompt.demos, trial.merit, kind=kind)

    def _find_hard_rows(self, candidate: Candidate) -> None:
        """Ask the leader rows that it does not show; what it gets wrong may become demos."""
        shown = {repr(demo) for prompt in candidate.prompts.values() for demo in prompt.demos}
        rows = [row for row in self.study.train if repr(row.demo) not in shown]
        results = self.study.answer(candidate, self.study.rng.sample(rows, min(PROBED, len(rows)))).rows
        wrong: list[Row] = [row.example for row in results if self.study.evaluator.merit(candidate, row) < _HARD]
        for name, signature in self.study.signatures.items():
            drawn = {repr(demo): demo for demo in self._draws[name].pool}  # the same one, so that it is not drawn too
            self._hard[name] = [drawn.get(repr(demo), demo) for demo in demos_of(signature, wrong)]

    def _changes(self, candidate: Candidate) -> Iterator[Candidate]:
        """Yield two swaps, a hard row, an order, a larger and a smaller demo set for each predictor in turn."""
        for name, prompt in candidate.prompts.items():
            if prompt.reasoning:  # its demos have rationales, which rows lack
                continue
            for how, demos in self._demo_changes(name, list(prompt.demos)):
                yield _changed(candidate, name, how, demos=tuple(demos))

    def _demo_changes(self, name: str, demos: list[Demo]) -> Iterator[tuple[str, list[Demo]]]:
        rng, draw = self.study.rng, self._draws[name]
        answered = self.study.may_guard and answered_only(draw.signature, demos) == tuple(demos)
        others = draw.draw(len(draw.pool), without=demos, answered=answered)
        for other in others[:2] if demos else ():
            yield "a demo swapped", _with(demos, self._weak(name, demos), other)
        found = self._hard.get(name, [])
        hard = [demo for demo in (answered_only(draw.signature, found) if answered else found) if demo not in demos]
        if demos and hard:
            yield "a hard row shown", _with(demos, self._weak(name, demos), rng.choice(hard))
        if len(demos) > 1:
            yield "reordered", rng.sample(demos, len(demos))
        if others:
            yield "grown", [*demos, *others[2:4]] if len(others) > 3 else [*demos, *others]
        if len(demos) > 2:
            weak = self._weak(name, demos)
            yield "shrunk", demos[:weak] + demos[weak + 1 :]

    def _weak(self, name: str, demos: Sequence[Demo]) -> int:
        """Return the place of one of the demos that did least, by lot among three."""
        tried = self.study.rng.sample(range(len(demos)), min(3, len(demos)))
        return min(tried, key=lambda place: self._draws[name].effect(demos[place]))

    def _rewordings(self, candidate: Candidate) -> Iterator[Candidate]:
        """Yield the candidate with the signature's instructions, with proposed ones, or without any."""
        for name, prompt in candidate.prompts.items():
            if prompt.layout.instructions_at != "none":
                yield _instructed(candidate, name, at="none", words=prompt.instructions)
            for words in (prompt.signature.instructions, *self._proposals(prompt)):
                yield _instructed(candidate, name, at="start", words=words)

    def _proposals(self, prompt: FrozenPrompt) -> list[str]:
        """Return instructions by the teacher; by the model itself if there is none, those that are to the point."""
        study, signature = self.study, prompt.signature
        try:
            found = instructions_from(signature, study.proposer, prompt.demos, n=_PROPOSALS)
            return found if study.teacher else [text for text in found if speaks_of(signature, text)]
        except ModelError:  # a search does without; what the model cannot answer at all shows elsewhere
            return []


def _instructed(candidate: Candidate, name: str, *, at: str, words: str) -> Candidate:
    prompt = candidate.prompts[name]
    layout = prompt.layout.model_copy(update={"instructions_at": at})
    how = "no instructions" if at == "none" else "instructions shown"
    return _changed(candidate, name, how, layout=layout, instructions=words)


def _changed(candidate: Candidate, name: str, how: str, **update: object) -> Candidate:
    prompt = candidate.prompts[name].model_copy(update=update)
    return candidate.with_prompt(name, prompt, origin=f"{candidate.origin.split(';')[0]}; {how}")


def _with(demos: Sequence[Demo], place: int, other: Demo) -> list[Demo]:
    return [*demos[:place], other, *demos[place + 1 :]]


def _nearest_first(candidates: Iterator[Candidate], leader: Candidate) -> list[Candidate]:
    """Return candidates in the order of how many demos they begin with as the leader does.

    The engine has then just read the part that is shared.
    """

    def shared(candidate: Candidate) -> int:
        return sum(
            _shared_start(prompt.demos, leader.prompts[name].demos) for name, prompt in candidate.prompts.items()
        )

    return sorted(candidates, key=lambda candidate: -shared(candidate))


def _shared_start(one: Sequence[Demo], other: Sequence[Demo]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(one, other, strict=False)))
