"""Collect sets of words for a prompt's fields and outcomes."""

from collections.abc import Mapping

from cribsheet.errors import ModelError
from cribsheet.layout.decisions import decided_field
from cribsheet.search.study import Study
from cribsheet.search.wording._tables import Language
from cribsheet.search.wording.proposals import proposed
from cribsheet.search.wording.words import field_words, spoken, verbalizers
from cribsheet.signature import Field

LISTENED = 24
"""Rows of the demo pool that the model answers without demos, to find its own words for the outcomes."""

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

        They come from the model's own answers, from the tables, and from the teacher if there is one.
        """
        field = decided_field(self.study.signatures[predictor])
        if field is None or not self.study.tells_logprobs:
            return []
        tables = verbalizers(field, language=language)
        return [*self._spoken(predictor, field), *tables, *self._proposed(predictor, field)]

    def _proposed(self, predictor: str, field: Field | None = None) -> list[Words]:
        """Return the teacher's proposals; none if there is no teacher, or it does not answer."""
        key = (predictor, field.name if field else "")
        if self.study.teacher is not None and key not in self._asked:
            try:
                self._asked[key] = proposed(self.study.signatures[predictor], self.study.teacher, field=field)
            except ModelError:  # a search does without
                self._asked[key] = []
        return self._asked.get(key, [])

    def _spoken(self, predictor: str, field: Field) -> list[Words]:
        """Return the words with which the model begins its answers if it sees no demos; see `spoken`."""
        study, key = self.study, (predictor, "its own")
        if field.name not in study.train[0].outputs or study.only_decides:
            return []
        if key not in self._asked:
            answers = [
                (field.outcome_of(row.example.outputs[field.name][0]), call.answer.completion.first_token or {})
                for row in study.answer(study.bare(), study.train[:LISTENED]).rows
                for call in row.calls
                if call.predictor == predictor
            ]
            found = spoken(field, answers)
            self._asked[key] = [found] if found else []
        return self._asked[key]
