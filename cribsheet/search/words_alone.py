"""Predict labels from words alone, without a language model: what a compiled prompt should beat.

It is logistic regression on the TF-IDF of words and of runs of characters, a usual baseline for the classification of
texts (Jurafsky & Martin, "Speech and Language Processing", chapter 5; Zhang et al. 2015, "Character-level Convolutional
Networks for Text Classification").
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cribsheet.dataset.examples import Row
from cribsheet.outcomes import Value
from cribsheet.search.lbfgs import minimize
from cribsheet.signature import Field
from cribsheet.text import spaced_words

MOST_ROWS = 3000
"""The most rows that are learned from: more take long, and tell little more."""
_CHARACTERS = (2, 3, 4, 5)
"""The lengths of runs of characters."""
_STRENGTH = 3.0
"""The weight of a row against the penalty of the weights; scikit-learn calls it C."""
_RARE = 64
"""A term that this many texts or fewer have is rare."""
_TRACE = 1e-6  # keeps the factor defined if two texts are the same

Terms = Mapping[str, Sequence[str]]
"""The terms of a text, by their kind: `word` or `characters`."""


class WordsAlone:
    """A linear model of one output with finitely many outcomes."""

    def __init__(self, field: Field, rows: Sequence[Row]):
        """Learn from rows that have this output."""
        self._field = field
        outcomes = [field.outcome_of(row.outputs[field.name][0]) for row in rows]
        self._outcomes = [outcome for outcome in field.outcomes if outcome in set(outcomes)]
        texts = [terms_of(row.inputs) for row in rows]
        self._vocabulary = {kind: _Vocabulary.of([text[kind] for text in texts]) for kind in ("word", "characters")}
        right = np.array([self._outcomes.index(outcome) for outcome in outcomes])
        self._weights = _fitted(self._matrix(texts), right, len(self._outcomes))

    def predict(self, inputs: Sequence[Mapping[str, Value]]) -> list[Value]:
        """Return the likeliest value for each row's inputs."""
        *weights, intercepts = self._weights
        scores = self._matrix([terms_of(one) for one in inputs]).times(np.array(weights)) + intercepts
        return [self._field.value_of(self._outcomes[best]) for best in scores.argmax(axis=1)]

    def _matrix(self, texts: Sequence[Terms]) -> "_Sparse":
        """Return the features: for each kind of term, a vector of TF-IDF of length 1."""
        start = 0
        parts: list[list[tuple[int, float]]] = [[] for _ in texts]
        for kind, vocabulary in self._vocabulary.items():
            for part, text in zip(parts, texts, strict=True):
                part += [(start + column, value) for column, value in vocabulary.weigh(text[kind])]
            start += len(vocabulary.columns)
        return _Sparse.of(parts, columns=start)


def terms_of(inputs: Mapping[str, Value]) -> Terms:
    """Return the words, pairs of words and runs of characters of a row's inputs.

    If there are several inputs, each term is marked with its input: the same word may mean something else there.
    """
    terms: dict[str, list[str]] = {"word": [], "characters": []}
    for name, value in inputs.items():
        mark = f"{name}\t" if len(inputs) > 1 else ""
        words = spaced_words(str(value)).lower().split()
        terms["word"] += [mark + word for word in (*words, *map(" ".join, pairwise(words)))]
        terms["characters"] += [mark + run for run in _runs(str(value).lower())]
    return terms


def _runs(text: str) -> Iterator[str]:
    """Yield the runs of characters inside words; the blanks around a word count as characters."""
    for word in text.split():
        padded = f" {word} "
        for length in _CHARACTERS:
            for at in range(max(1, len(padded) - length + 1)):
                yield padded[at : at + length]
                if length >= len(padded):
                    break


@dataclass(frozen=True)
class _Vocabulary:
    """The terms of one kind, with the column and the weight of each."""

    columns: Mapping[str, int]
    rarity: Sequence[float]
    """By column: the inverse document frequency, smoothed as if one more text had every term."""

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]]) -> "_Vocabulary":
        found = Counter(term for text in texts for term in set(text))
        rarity = [math.log((1 + len(texts)) / (1 + count)) + 1 for count in found.values()]
        return cls({term: column for column, term in enumerate(found)}, rarity)

    def weigh(self, text: Iterable[str]) -> list[tuple[int, float]]:
        """Return the columns of a text's terms with their values, of which the vector has length 1."""
        counts = Counter(column for term in text if (column := self.columns.get(term)) is not None)
        values = {column: (1 + math.log(count)) * self.rarity[column] for column, count in counts.items()}
        length = math.sqrt(math.fsum(value**2 for value in values.values())) or 1.0
        return [(column, value / length) for column, value in values.items()]


@dataclass(frozen=True)
class _Sparse:
    """A matrix with few values in a row, by rows and by columns."""

    shape: tuple[int, int]
    row: np.ndarray
    column: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[tuple[int, float]]], *, columns: int) -> "_Sparse":
        row = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
        column = np.array([column for one in rows for column, _ in one], dtype=np.int64)
        value = np.array([value for one in rows for _, value in one])
        return cls((len(rows), columns), row, column, value)

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Return the product with a matrix that has a row for each column."""
        return _summed(self.row, self.value[:, None] * weights[self.column], self.shape[0])

    def transposed_times(self, values: np.ndarray) -> np.ndarray:
        """Return the product of the transposed matrix with a matrix that has a row for each row."""
        return _summed(self.column, self.value[:, None] * values[self.row], self.shape[1])

    def products_of_rows(self) -> np.ndarray:
        """Return the scalar product of every two rows."""
        counts = np.bincount(self.column, minlength=self.shape[1])
        is_common = counts > _RARE
        dense = np.zeros((self.shape[0], int(is_common.sum())))
        places = np.cumsum(is_common) - 1
        common = is_common[self.column]
        dense[self.row[common], places[self.column[common]]] = self.value[common]
        rare = self._products_of_rare(~common)
        products: np.ndarray = dense @ dense.T + rare + rare.T
        products[np.diag_indices(len(products))] += np.bincount(
            self.row[~common], weights=self.value[~common] ** 2, minlength=self.shape[0]
        )
        return products

    def _products_of_rare(self, chosen: np.ndarray) -> np.ndarray:
        """Return what columns with few values add to the products of two different rows, above or below the diagonal.

        The values are sorted by column; then each is paired with those that follow it in its column.
        """
        order = np.argsort(self.column[chosen], kind="stable")
        column, row, value = (one[chosen][order] for one in (self.column, self.row, self.value))
        length = self.shape[0]
        products = np.zeros(length * length)
        for shift in range(1, min(_RARE, len(column))):
            paired = column[:-shift] == column[shift:]
            places = row[:-shift][paired] * length + row[shift:][paired]
            np.add.at(products, places, value[:-shift][paired] * value[shift:][paired])
        return products.reshape(length, length)


def _summed(places: np.ndarray, values: np.ndarray, length: int) -> np.ndarray:
    return np.stack([np.bincount(places, weights=column, minlength=length) for column in values.T], axis=1)


def _fitted(matrix: _Sparse, right: np.ndarray, outcomes: int) -> np.ndarray:
    """Return the weights of multinomial logistic regression with a ridge penalty, the intercepts last.

    There are far more features than rows, so the rows are first written in as many dimensions as there are rows: the
    factor of their scalar products has the same ones, and the best weights are sums of rows (Schölkopf et al. 2001, "A
    Generalized Representer Theorem").
    """
    rows, wanted = len(right), np.eye(outcomes)[right]
    products = matrix.products_of_rows()
    factor = np.linalg.cholesky(products + _TRACE * np.eye(rows))

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, intercepts = flat[:-outcomes].reshape(rows, outcomes), flat[-outcomes:]
        scores = factor @ weights + intercepts
        total = np.logaddexp.reduce(scores, axis=1, keepdims=True)
        value = float((total[:, 0] - (scores * wanted).sum(axis=1)).sum() + (weights**2).sum() / (2 * _STRENGTH))
        excess = np.exp(scores - total) - wanted
        slope = factor.T @ excess + weights / _STRENGTH
        return value, np.concatenate([slope.ravel(), excess.sum(axis=0)])

    found = minimize(loss, np.zeros((rows + 1) * outcomes))
    shares = np.linalg.solve(factor.T, found[:-outcomes].reshape(rows, outcomes))
    return np.concatenate([matrix.transposed_times(shares), found[None, -outcomes:]])
