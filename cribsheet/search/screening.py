"""Find the layouts and words in which a model does best."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

from cribsheet.dataset.examples import Demo, Row
from cribsheet.layout.catalogue import layout_named
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import balanced
from cribsheet.search.effects import Effects
from cribsheet.search.race import decides, first_block
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.search.wording._tables import Language
from cribsheet.search.wording.choices import WordChoices, Words

BLOCKS, BLOCK = 6, 8
"""The number of blocks of rows on which demo sets are tried, and the rows of a block."""
DEMOS = 4
"""The demos in each set."""
LEAST_SETS, MOST_SETS = 4, 1000
"""How many sets to try. Fewer than four tell too little about layouts and words."""
SETS_A_BLOCK = 3
"""The fewest sets to try on each block. A single set on a block would have nothing to be compared with."""
_PULL = 3.0
_KINDS = {"names": "words", "labels": "verbalizers", "notations": "notations"}
"""The kinds of choice for each predictor, and the part of the layout that each of them changes."""

Choice = tuple[str, ...]
"""The kind of the choice, then what was chosen: `("layout", "plain")`, or the number of a set of words."""


class Screening:
    """Tries small demo sets in random layouts with random words.

    The sets answer rows of the demo pool that are never demos, or the first validation rows if there are too few. Each
    layout and each set of words is judged by all the demo sets that were tried with it, each compared with the other
    sets on the same block of rows (Chang & Jia 2023, "Data Curation Alone Can Stabilize In-context Learning",
    arXiv:2212.10378).

    If the budget pays for too few sets (see `_least_sets`), each layout answers one block with the same demos, and the
    two best go on. If a readout may learn from rows instead, the first layout is taken untried.
    """

    def __init__(self, study: Study, pools: Mapping[str, Sequence[Demo]]):
        self.study, self._pools = study, pools
        self.blocks = self._blocks()
        """The blocks of rows that demo sets answer."""
        self.layouts = self._distinct_layouts()
        """The names of the layouts whose prompts differ."""
        self._effects = Effects(study.rng, pull=_PULL)
        self._wordings = WordChoices(study)
        self._sets: dict[Choice, list[Words]] = {}

    def run(self, allowance: float) -> list[Candidate]:
        """Spend an amount of the budget, in its unit; return candidates with the best layouts and words.

        The list is empty if no prompt fits the context window.
        """
        until = self.study.ledger.left - allowance
        row = next((trial.cost_of_asking for trial in self.study.trials), 1.0)  # by the baseline
        if self._least_sets() * (BLOCK + DEMOS) * row > allowance:
            return self._compare_layouts(until)
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

    def _least_sets(self) -> int:
        """Return how many sets the budget must pay for: one per choice if a readout may learn from rows instead.

        Words and layouts that few sets favour are often no better, and a readout gains more from the same tokens. An
        endpoint that only answers typed questions is different: its layouts are the kinds of question.
        """
        if self.study.only_decides or not self.study.may_read_out:
            return LEAST_SETS
        return max(LEAST_SETS, len(self.layouts) + sum(map(len, self._words_in(self.layouts[0]))))

    def _compare_layouts(self, until: float) -> list[Candidate]:
        """Try each layout with the same demos; return the first untried if a readout may learn from rows instead."""
        study, demos = self.study, self._demos()
        if study.may_read_out:
            return list(islice(filter(study.fits, self._in_layouts(self.layouts, demos)), 1))
        entered: list[Trial] = []
        for candidate in filter(study.fits, self._in_turn(demos, entered)):
            if entered and study.ledger.left <= until:
                break
            entered.append(study.trial(candidate))
            study.extend(entered[-1], first_block(study))
        return [trial.uncorrected for trial in sorted(entered, key=lambda trial: -trial.merit)[:2]]

    def _in_turn(self, demos: Mapping[str, Sequence[Demo]], entered: Sequence[Trial]) -> Iterator[Candidate]:
        """Yield the first layout with each notation, then the other layouts with the best of these notations."""
        first, *others = self.layouts
        options = [self._options("notations", name, layout_named(first).language) for name in self.study.signatures]
        sets = [tuple(own[min(at, len(own) - 1)] for own in options) for at in range(max(map(len, options)))]
        for notations in sets:
            yield self._candidate((("layout", first), *notations), demos)
        ranked = sorted(zip(sets, entered, strict=False), key=lambda pair: -pair[1].merit)
        best = ranked[0][0] if ranked else sets[0]
        yield from self._in_layouts(others, demos, best)

    def _in_layouts(
        self, layouts: Iterable[str], demos: Mapping[str, Sequence[Demo]], further: Sequence[Choice] = ()
    ) -> Iterator[Candidate]:
        return (self._candidate((("layout", name), *further), demos) for name in layouts)

    def _try(self, rows: Sequence[Row]) -> None:
        """Try a demo set in a layout on a block of rows. What does well is drawn more often."""
        study, demos = self.study, self._demos()
        choices = self._choices(lambda options: self._effects.shuffled(options)[0])
        candidate = self._candidate(choices, demos)
        if not study.fits(candidate):
            return
        trial = Trial(candidate, study.evaluator)
        trial.extend(rows)
        self._effects.learn(choices, trial.merit, kind=rows[0].id)
        study.advance(compares=False)

    def _demos(self) -> dict[str, Sequence[Demo]]:
        """Draw a small set for each predictor, without abstentions if a guard can make them.

        If a small model that writes its answers is shown abstentions, it abstains on nearly all rows in any layout.
        """
        answered = self.study.may_guard and not decides(self.study)
        return {
            name: balanced(self.study.signatures[name], pool, size=DEMOS, rng=self.study.rng, answered=answered)
            for name, pool in self._pools.items()
        }

    def _blocks(self) -> list[list[Row]]:
        """Return blocks of rows that are never drawn as demos, without those that the guard withholds in any case."""
        pooled = {repr(demo) for pool in self._pools.values() for demo in pool}
        evaluator, bare = self.study.evaluator, self.study.evaluator.guarded(self.study.bare())
        rows = [row for row in self.study.train if repr(row.demo) not in pooled and evaluator.asks(bare, row)]
        if len(rows) < BLOCK:
            rows = [row for row in self.study.val if evaluator.asks(bare, row)] or list(self.study.val)
        rows = rows[: BLOCKS * BLOCK]
        return [rows[at : at + BLOCK] for at in range(0, max(1, len(rows) - BLOCK + 1), BLOCK)]

    def _distinct_layouts(self) -> list[str]:
        """Return the names of layouts with different prompts. With one input, some layouts give the same prompt."""
        demos = {name: pool[:2] for name, pool in self._pools.items()}
        by_key: dict[str, str] = {}
        for layout in self.study.layouts:
            by_key.setdefault(self.study.candidate(layout, demos, origin="").key, layout.name)
        return list(by_key.values())

    def _best_of_all(self) -> list[Candidate]:
        """Return the best layout with the best words and notations, and with one other choice of each kind.

        The other choice is the second best layout, the second best field names, and the outcomes' own words: a few
        small sets may favour words with which a model cannot tell the outcomes apart.
        """
        demos = self._demos()
        found: dict[str, Candidate] = {}
        for other in ("", "labels", "notations", "names", "layout"):
            candidate = self._candidate(self._choices(partial(self._best, other=other)), demos)
            if self.study.fits(candidate):
                found.setdefault(candidate.key, candidate)
        return list(found.values())

    def _best(self, options: Sequence[Choice], *, other: str) -> Choice:
        """Return the best option; if they are of the kind `other`, return another one."""
        kind, *_ = options[0]
        if kind == other == "labels":
            return options[0]  # the outcomes' own words
        ranked = sorted(options, key=self._effects.of, reverse=True)
        return ranked[min(len(ranked) - 1, int(kind == other))]

    def _choices(self, chosen: Callable[[Sequence[Choice]], Choice]) -> tuple[Choice, ...]:
        """Return a layout and, for each predictor, words for its fields and outcomes; `chosen` picks each of them."""
        layout = chosen([("layout", name) for name in self.layouts])
        return (layout, *map(chosen, self._words_in(layout[1])))

    def _words_in(self, layout: str) -> list[list[Choice]]:
        """Return the choices of words in the language of a layout for each predictor's fields and outcomes.

        If some outputs are made of other values, their notations are choices too.
        """
        language = layout_named(layout).language
        found = [(kind, self._options(kind, name, language)) for name in self.study.signatures for kind in _KINDS]
        return [options for kind, options in found if kind != "notations" or len(options) > 1]

    def _options(self, kind: str, name: str, language: str) -> list[Choice]:
        return [(kind, name, language, str(at)) for at in range(len(self._words(kind, name, language)))]

    def _candidate(self, choices: Sequence[Choice], demos: Mapping[str, Sequence[Demo]]) -> Candidate:
        (_, layout), *others = choices
        candidate = self.study.candidate(layout_named(layout), demos, origin=f"layout {layout}")
        for kind, name, language, place in others:
            words = self._words(kind, name, language)[int(place)]
            if words:
                old = candidate.prompts[name]
                part = _KINDS[kind]
                update = {part: {**getattr(old.layout, part), **words}}
                prompt = self.study.prompt(old.signature, old.layout.model_copy(update=update), old.demos)
                candidate = candidate.with_prompt(name, prompt, origin=candidate.origin)
        return candidate

    def _words(self, kind: str, name: str, language: str) -> list[Words]:
        """Return the sets of words for a predictor's fields or outcomes; the first set is empty and changes nothing."""
        key = (kind, name, language)
        if key not in self._sets:
            self._sets[key] = [{}, *self._found(kind, name, "zh" if language == "zh" else "en")]
        return self._sets[key]

    def _found(self, kind: str, name: str, language: Language) -> list[Words]:
        if kind == "notations":
            return self._wordings.notations(name)[1:]
        return self._wordings.names(name, language) if kind == "names" else self._wordings.labels(name, language)
