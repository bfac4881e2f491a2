"""Learn what layouts, words and demonstrations do, from small demo sets in random frames."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from cribsheet.dataset.examples import Demo, Row
from cribsheet.layout.catalogue import layout_named
from cribsheet.search.candidate import Candidate
from cribsheet.search.demo_sampling import DemoSampler, Effects
from cribsheet.search.race import decides
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.search.wording.choices import WordChoices, Words

BLOCKS, BLOCK = 6, 8
"""Blocks of the demo pool's rows on which sets are tried, and their rows."""
DEMOS = 4
"""Demos of each set."""
LEAST_PROBES, MOST_PROBES = 4, 1000
"""Sets to try: from fewer little could be learnt, and a small trainset repeats itself long before the most."""
SETS_A_BLOCK = 3
"""Sets that each block is to see at least: one alone is compared with nothing."""
_PULL = 3.0

Choice = tuple[str, ...]
"""A layout's name, or the place of some words, after what kind of choice it is."""


class Probing:
    """Tries small demo sets in random frames on rows of the demo pool, so that the valset is not what is learnt.

    The effect of a layout, of words, of a demo is taken from all the sets that it was in, on several blocks of
    rows, each compared with the others on its block (Chang & Jia 2023, "Data Curation Alone Can Stabilize
    In-context Learning", arXiv:2212.10378): no layout is judged by one set, no set by one layout.
    """

    def __init__(self, study: Study, draws: Mapping[str, DemoSampler]):
        self.study, self._draws = study, draws
        self.blocks = self._blocks()
        """Rows of the demo pool that are never drawn as demos."""
        self.layouts = self._distinct_layouts()
        """The names of those that differ in what they ask."""
        self._effects = Effects(study.rng, pull=_PULL)
        self._wordings = WordChoices(study)
        self._sets: dict[Choice, list[Words]] = {}

    def pays(self, allowance: float) -> bool:
        """Tell whether there are rows to learn on and a part of the budget, in its unit, pays for enough sets.

        What a row of the baseline costs tells what one of a set does.
        """
        row = next((trial.cost_of_asking for trial in self.study.trials), 0.0)
        return bool(self.blocks) and allowance >= LEAST_PROBES * (BLOCK + DEMOS) * row

    def run(self, allowance: float) -> list[Candidate]:
        """Spend a part of the budget, in its unit; return the frames that did best, each with some demos."""
        until, blocks = self.study.ledger.left - allowance, len(self.blocks)
        for number in range(MOST_PROBES):
            cost = self._probe(number % blocks)
            if self.study.ledger.left <= until:
                break
            if number == 0 and cost:
                blocks = min(blocks, max(1, int(allowance / cost) // SETS_A_BLOCK))
        return self._frames()

    def _probe(self, block: int) -> float:
        """Try one set in one frame; both are drawn more often the better they did. Return its price."""
        study, kind = self.study, f"block {block}"
        demos = self._demos()
        choices = self._choices(lambda options: self._effects.shuffled(options)[0])
        candidate = self._candidate(choices, demos)
        if not study.fits(candidate):
            return 0.0
        trial = Trial(candidate, study.evaluator)
        trial.extend(self.blocks[block])
        self._effects.learn(choices, trial.merit, kind=kind)
        for name, draw in self._draws.items():
            draw.learn(demos[name], trial.merit, kind=kind)
        study.advance(compares=False)
        return trial.price

    def _demos(self) -> dict[str, Sequence[Demo]]:
        """Draw a small set for each predictor, without abstentions where a guard may make them.

        Shown some, a small model that writes its answers abstains from nearly all, in any layout.
        """
        answered = self.study.may_guard and not decides(self.study)
        return {name: draw.draw(DEMOS, answered=answered) for name, draw in self._draws.items()}

    def _blocks(self) -> list[list[Row]]:
        pooled = {repr(demo) for draw in self._draws.values() for demo in draw.pool}
        evaluator, bare = self.study.evaluator, self.study.evaluator.guarded(self.study.bare())
        rows = [row for row in self.study.train if repr(row.demo) not in pooled and evaluator.asks(bare, row)]
        return [rows[at : at + BLOCK] for at in range(0, min(len(rows), BLOCKS * BLOCK) - BLOCK + 1, BLOCK)]

    def _distinct_layouts(self) -> list[str]:
        """Return the layouts' names, one of those that ask the same: where there is one input, none leads."""
        demos = {name: draw.pool[:2] for name, draw in self._draws.items()}
        by_key: dict[str, str] = {}
        for layout in self.study.layouts:
            by_key.setdefault(self.study.candidate(layout, demos, origin="").key, layout.name)
        return list(by_key.values())

    def _frames(self) -> list[Candidate]:
        """Return the best layout with the best words, then with the second best names, then the second best layout."""
        demos = self._demos()
        frames: dict[str, Candidate] = {}
        for second in ("", "names", "layout"):
            candidate = self._candidate(self._choices(partial(self._best, second=second)), demos)
            if self.study.fits(candidate):
                frames.setdefault(candidate.key, candidate)
        return list(frames.values())

    def _best(self, options: Sequence[Choice], *, second: str) -> Choice:
        ranked = sorted(options, key=self._effects.of, reverse=True)
        return ranked[min(len(ranked) - 1, int(options[0][0] == second))]

    def _choices(self, chosen: Callable[[Sequence[Choice]], Choice]) -> tuple[Choice, ...]:
        """Return a layout and, for each predictor, words for its fields and its outcomes, each as `chosen` from all."""
        layout = chosen([("layout", name) for name in self.layouts])
        language = layout_named(layout[1]).language
        words = [
            chosen([(kind, name, language, str(at)) for at in range(len(self._words(kind, name, language)))])
            for name in self.study.signatures
            for kind in ("names", "labels")
        ]
        return (layout, *words)

    def _candidate(self, choices: Sequence[Choice], demos: Mapping[str, Sequence[Demo]]) -> Candidate:
        (_, layout), *others = choices
        candidate = self.study.candidate(layout_named(layout), demos, origin=f"layout {layout}")
        for kind, name, language, place in others:
            words = self._words(kind, name, language)[int(place)]
            if words:
                old = candidate.prompts[name].layout
                update = {"words": words} if kind == "names" else {"verbalizers": {**old.verbalizers, **words}}
                candidate = self.study.reworded(candidate, name, old.model_copy(update=update))
        return candidate

    def _words(self, kind: str, name: str, language: str) -> list[Words]:
        """Return the sets of words of a kind that a predictor can be given, its own first."""
        key = (kind, name, language)
        if key not in self._sets:
            find = self._wordings.names if kind == "names" else self._wordings.labels
            self._sets[key] = [{}, *find(name, "zh" if language == "zh" else "en")]
        return self._sets[key]
