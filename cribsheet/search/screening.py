"""Find the layouts and words in which a model does best."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from cribsheet.dataset.examples import Demo, Row
from cribsheet.layout.catalogue import layout_named
from cribsheet.search.candidate import Candidate
from cribsheet.search.demo_sampling import DemoSampler, Effects
from cribsheet.search.race import decides, first_block
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.search.wording.choices import WordChoices, Words

BLOCKS, BLOCK = 6, 8
"""Blocks of rows on which demo sets are tried, and their rows."""
DEMOS = 4
"""Demos of each set."""
LEAST_SETS, MOST_SETS = 4, 1000
"""Sets to try: fewer tell little of layouts and words, and a small trainset repeats itself before there are more."""
SETS_A_BLOCK = 3
"""Sets that each block is to see at least: one alone is compared with nothing."""
_PULL = 3.0

Choice = tuple[str, ...]
"""A layout's name, or the place of some words, after what kind of choice it is."""


class Screening:
    """Tries small demo sets in random layouts and words.

    Rows of the demo pool are asked if it has more than demos are drawn from, else the first validation rows. The
    effect of a layout, of words, of a demo is taken from all the sets that it was in, on several blocks of rows, each
    compared with the others on its block (Chang & Jia 2023, "Data Curation Alone Can Stabilize In-context Learning",
    arXiv:2212.10378): no layout is judged by one set, no set by one layout.

    If the budget pays for fewer than `LEAST_SETS`, the layouts enter the race in turn, all with one set.
    """

    def __init__(self, study: Study, draws: Mapping[str, DemoSampler]):
        self.study, self._draws = study, draws
        self.blocks = self._blocks()
        """The rows that are asked."""
        self.layouts = self._distinct_layouts()
        """The names of those that differ in what they ask."""
        self._effects = Effects(study.rng, pull=_PULL)
        self._wordings = WordChoices(study)
        self._sets: dict[Choice, list[Words]] = {}

    def run(self, allowance: float) -> list[Candidate]:
        """Spend a part of the budget, in its unit; return the layouts that did best, each with some demos.

        Empty if no prompt fits the context window.
        """
        until = self.study.ledger.left - allowance
        if LEAST_SETS * self._estimated_price() > allowance:
            return self._in_turn(until)
        blocks = len(self.blocks)
        for number in range(MOST_SETS):
            left = self.study.ledger.left
            self._try(self.blocks[number % blocks])
            price = left - self.study.ledger.left
            if self.study.ledger.left <= until:
                break
            if number == 0 and price:
                blocks = min(blocks, max(1, int(allowance / price) // SETS_A_BLOCK))
        return self._best_of_all()

    def _estimated_price(self) -> float:
        """Return what trying a set may cost, going by what a row of the baseline does."""
        row = next((trial.cost_of_asking for trial in self.study.trials), 1.0)
        return (BLOCK + DEMOS) * row

    def _in_turn(self, until: float) -> list[Candidate]:
        """Enter each layout with one set; only the first layout if a readout may learn from rows instead."""
        study, demos = self.study, self._demos()
        layouts = self.layouts[:1] if study.may_read_out else self.layouts
        entered: list[Trial] = []
        for candidate in (self._candidate((("layout", layout),), demos) for layout in layouts):
            if entered and study.ledger.left <= until:
                break
            if study.fits(candidate):
                entered.append(study.trial(candidate))
                study.extend(entered[-1], first_block(study))
        best = sorted(entered, key=lambda trial: -trial.merit)[:2]
        return [trial.uncorrected for trial in best]

    def _try(self, rows: Sequence[Row]) -> None:
        """Try one demo set in one layout on a block; both are drawn more often the better they did."""
        study, demos = self.study, self._demos()
        choices = self._choices(lambda options: self._effects.shuffled(options)[0])
        candidate = self._candidate(choices, demos)
        if not study.fits(candidate):
            return
        trial = Trial(candidate, study.evaluator)
        trial.extend(rows)
        self._effects.learn(choices, trial.merit, kind=rows[0].id)
        for name, draw in self._draws.items():
            draw.learn(demos[name], trial.merit, kind=rows[0].id)
        study.advance(compares=False)

    def _demos(self) -> dict[str, Sequence[Demo]]:
        """Draw a small set for each predictor, without abstentions if a guard may make them.

        Shown some, a small model that writes its answers abstains from nearly all, in any layout.
        """
        answered = self.study.may_guard and not decides(self.study)
        return {name: draw.draw(DEMOS, answered=answered) for name, draw in self._draws.items()}

    def _blocks(self) -> list[list[Row]]:
        """Return blocks of rows that are never drawn as demos, and that the guard does not settle by itself."""
        pooled = {repr(demo) for draw in self._draws.values() for demo in draw.pool}
        evaluator, bare = self.study.evaluator, self.study.evaluator.guarded(self.study.bare())
        rows = [row for row in self.study.train if repr(row.demo) not in pooled and evaluator.asks(bare, row)]
        if len(rows) < BLOCK:
            rows = [row for row in self.study.val if evaluator.asks(bare, row)] or list(self.study.val)
        rows = rows[: BLOCKS * BLOCK]
        return [rows[at : at + BLOCK] for at in range(0, max(1, len(rows) - BLOCK + 1), BLOCK)]

    def _distinct_layouts(self) -> list[str]:
        """Return the layouts' names, one of those that ask the same: if there is one input, none leads."""
        demos = {name: draw.pool[:2] for name, draw in self._draws.items()}
        by_key: dict[str, str] = {}
        for layout in self.study.layouts:
            by_key.setdefault(self.study.candidate(layout, demos, origin="").key, layout.name)
        return list(by_key.values())

    def _best_of_all(self) -> list[Candidate]:
        """Return the best layout with the best words, then with the second best names, then the second best layout."""
        demos = self._demos()
        found: dict[str, Candidate] = {}
        for second in ("", "names", "layout"):
            candidate = self._candidate(self._choices(partial(self._best, second=second)), demos)
            if self.study.fits(candidate):
                found.setdefault(candidate.key, candidate)
        return list(found.values())

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
