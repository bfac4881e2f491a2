"""Collect sets of words for a prompt's fields and outcomes."""

from collections.abc import Mapping
from functools import partial

from cribsheet.layout.decisions import decided_field
from cribsheet.search.study import Study
from cribsheet.search.wording._tables import Language
from cribsheet.search.wording.notations import notation_sets
from cribsheet.search.wording.proposals import from_teacher, proposed
from cribsheet.search.wording.words import field_words, verbalizers
from cribsheet.signature import Field

Words = Mapping[str, str]
"""By field or outcome, the word that stands for it. Fields and outcomes that are missing keep their own word."""


class WordChoices:
    """Finds sets of words for each predictor. A model is asked only once for each of them."""

    def __init__(self, study: Study):
        self.study = study
        self._asked: dict[tuple[str, str], list[Words]] = {}

    def names(self, predictor: str, language: Language) -> list[Words]:
        """Return sets of names for a predictor's fields: from the tables, and from the teacher if there is one."""
        signature = self.study.signatures[predictor]
        return [*field_words(signature, language=language), *self._proposed(predictor)]

    def labels(self, predictor: str, language: Language) -> list[Words]:
        """Return sets of words for the outcomes of the decided output; none if nothing is decided.

        They come from the tables, and from the teacher if there is one.
        """
        field = decided_field(self.study.signatures[predictor])
        if field is None or not self.study.tells_logprobs or self.study.carriage == "text":
            return []
        return [*verbalizers(field, language=language), *self._proposed(predictor, field)]

    def notations(self, predictor: str) -> list[Words]:
        """Return sets of notations for a predictor's outputs; none if there is only one way to write them."""
        return notation_sets(self.study.signatures[predictor])

    def _proposed(self, predictor: str, field: Field | None = None) -> list[Words]:
        key = (predictor, field.name if field else "")
        if key not in self._asked:
            propose = partial(proposed, self.study.signatures[predictor], field=field)
            self._asked[key] = from_teacher(self.study, propose)
        return self._asked[key]
