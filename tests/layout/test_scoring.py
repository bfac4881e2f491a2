"""Outcomes are scored by what their whole words are worth, with few further calls."""

import math
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cribsheet.layout.scoring import MANY, MOST_CALLS, MOST_CALLS_OF_MANY, SHARE, Alternative, Scoring
from cribsheet.layout.spelling import Spelling
from cribsheet.prompts import Piece
from token_by_token import worth

SENTIMENT = ("negative", "positive")
BOOKS = ("science", "science fiction", "sports")
FICTION = {
    "": {" science": 0.6, " sports": 0.3, " the": 0.05},
    " science": {" fiction": 0.25, "\n": 0.7, " Fic": 0.05},
    " s": {"cience": 0.5, "ports": 0.5},
    " science Fic": {"tion": 1.0},
}


class Telling:
    """A model that goes on as it is told; remembers what it was asked."""

    def __init__(self, following: Mapping[str, Mapping[str, float]], *, goes_on: bool = True) -> None:
        self.asked: list[str] = []
        self.following = following
        self._goes_on = goes_on

    def __call__(self, begun: Sequence[Piece]) -> Sequence[Alternative] | None:
        self.asked.append("".join(map(str, begun)))
        return self.told(self.asked[-1])

    def told(self, said: str) -> Sequence[Alternative] | None:
        found = self.following.get(said)
        return found and [
            Alternative(token.encode(), math.log(share), token if self._goes_on else None)
            for token, share in found.items()
        ]


def scored(labels: Sequence[str], model: Telling) -> tuple[dict[str, float], float, list[str]]:
    """Return each label's probability, what went to none, and what was asked further."""
    scoring = Scoring(Spelling(dict(zip(labels, labels, strict=True)), stops=["\n"]), model.told("") or ())
    scoring.go_on(model)
    logprobs, unassigned = scoring.scores()
    return {label: math.exp(logprob) for label, logprob in logprobs.items()}, unassigned, model.asked


def first_token(labels: Sequence[str], told: Mapping[str, float]) -> tuple[dict[str, float], float, list[str]]:
    return scored(labels, Telling({"": told}))


def test_the_spellings_of_a_word_add_up_whatever_their_case_and_spacing() -> None:
    found, unassigned, asked = first_token(
        SENTIMENT, {" positive": 0.3, "Positive": 0.2, " negative": 0.1, " the": 0.3}
    )
    assert found == pytest.approx({"positive": 0.5 / 0.6, "negative": 0.1 / 0.6})
    assert unassigned == pytest.approx(0.4)
    assert asked == []


def test_a_beginning_that_changes_nothing_counts_for_its_word_and_costs_no_call() -> None:
    found, _, asked = first_token(SENTIMENT, {" positive": 0.6, " pos": 0.1, " negative": 0.15, " neg": 0.1, " ": 0.01})
    assert found == pytest.approx({"positive": 0.7 / 0.95, "negative": 0.25 / 0.95})
    assert asked == []


def test_an_outcome_that_is_not_told_has_at_most_the_lowest_probability_told() -> None:
    found, unassigned, _ = first_token(SENTIMENT, {" positive": 0.9, " x": 0.02})
    assert found["negative"] == pytest.approx(0.02 / 0.92)
    assert unassigned == pytest.approx(0.1)


def test_an_outcome_that_is_not_told_never_wins() -> None:
    model = Telling({"": {" ": 0.5, " x": 0.4}, " ": {"5": 0.3, "y": 0.7}})
    found, _, _ = scored(("4", "5"), model)
    assert found["4"] == pytest.approx(0.1 / 0.25)


def test_outcomes_that_begin_alike_are_told_apart_by_what_comes_next() -> None:
    found, _, asked = scored(BOOKS, Telling(FICTION))
    assert asked == [" science"]
    assert found == pytest.approx({"science": 0.6 * 0.7 / 0.9, "science fiction": 0.6 * 0.3 / 0.9, "sports": 0.3 / 0.9})


def test_what_begins_alike_and_cannot_be_followed_is_shared_out_if_it_matters() -> None:
    found, _, asked = scored(BOOKS, Telling(FICTION, goes_on=False))
    assert asked == []
    assert found == pytest.approx({"science": 1 / 3, "science fiction": 1 / 3, "sports": 1 / 3})


def test_a_first_token_of_few_letters_is_followed_too() -> None:
    model = Telling({**FICTION, "": {" s": 1.0}, " science": {"\n": 0.9, " fiction": 0.1}})
    found, _, asked = scored(BOOKS, model)
    assert asked == [" s", " science"]
    assert found == pytest.approx({"science": 0.45, "science fiction": 0.05, "sports": 0.5})


def test_what_is_hardly_said_is_not_followed() -> None:
    assert first_token(BOOKS, {" sports": 0.98, " science": 0.01})[2] == []


def test_a_blank_before_a_digit_is_followed_however_likely_the_residue_is() -> None:
    model = Telling({"": {" ": 0.95, "1": 0.02, " -": 0.03}, " ": {"3": 0.7, "1": 0.1, "5": 0.2}})
    found, unassigned, asked = scored(("1", "2", "3", "4", "5"), model)
    assert asked == [" "]
    assert max(found, key=found.__getitem__) == "3"
    assert found["3"] == pytest.approx(0.95 * 0.7, rel=0.1)
    assert unassigned == pytest.approx(0.03)


def test_letters_that_mostly_begin_another_word_are_followed() -> None:
    model = Telling({"": {" un": 0.6, " fine": 0.3}, " un": {"fortunately": 0.9, "safe": 0.05}})
    found, unassigned, asked = scored(("unsafe", "fine"), model)
    assert asked == [" un"]
    assert found == pytest.approx({"unsafe": 0.03 / 0.33, "fine": 0.3 / 0.33})
    assert unassigned == pytest.approx(0.67)


def test_four_letters_of_one_word_are_followed_only_if_half_of_them_would_not_do() -> None:
    told = {" tech": 0.5, " sports": 0.2}
    assert first_token(("technology", "sports"), told)[2] == []
    model = Telling({"": told | {" sports": 0.3}, " tech": {"\n": 0.6, "nology": 0.3, "ie": 0.1}})
    found, unassigned, asked = scored(("technology", "sports"), model)
    assert asked == [" tech"]
    assert found == pytest.approx({"technology": 0.45 / 0.75, "sports": 0.3 / 0.75})
    assert unassigned == pytest.approx(0.25)


@pytest.mark.parametrize("word", ["very good", "very-good", "very_good", "VERY/GOOD"])
def test_the_first_word_of_two_is_followed_although_it_is_long(word: str) -> None:
    first = word[:4]
    model = Telling({"": {" wonderful": 0.2, f" {first}": 0.75}, f" {first}": {word[4:]: 0.1, " soon": 0.9}})
    found, unassigned, asked = scored(("wonderful", word), model)
    assert asked == [f" {first}"]
    assert found["wonderful"] == pytest.approx(0.2 / 0.275)
    assert unassigned == pytest.approx(1 - 0.275)


def test_a_model_that_goes_on_with_a_word_is_not_followed_to_its_end() -> None:
    model = Telling(
        {
            "": {" ans": 0.6, " yes": 0.2},
            " ans": {"wer": 0.9, "k": 0.1},
            " answer": {"able": 1.0},
        }
    )
    found, _, asked = scored(("answerable", "yes"), model)
    assert asked == [" ans"]
    assert found["answerable"] == pytest.approx(0.54 / 0.74)


def test_what_begins_alike_over_many_tokens_is_told_apart_however_little_is_left() -> None:
    labels = ("world news: politics", "world news: police", "sports")
    following = {
        "": {" world": 0.8, " sports": 0.2},
        " world": {" news": 1.0},
        " world news": {":": 1.0},
        " world news:": {" pol": 1.0},
        " world news: pol": {"itics": 0.75, "ice": 0.25},
    }
    found, _, asked = scored(labels, Telling(following))
    assert asked == [" world", " world news", " world news:", " world news: pol"]
    assert found == pytest.approx({"world news: politics": 0.6, "world news: police": 0.2, "sports": 0.2})


def test_a_character_that_is_complete_is_not_the_word_that_begins_with_it() -> None:
    following: dict[bytes, dict[bytes, float]] = {
        b"": {"很".encode()[:2]: 0.6, "差".encode(): 0.3},
        "很".encode()[:2]: {"很".encode()[2:]: 0.99},
        "很".encode(): {"好".encode(): 0.1, "大".encode(): 0.8},
    }

    def told(begun: Sequence[Piece]) -> Sequence[Alternative]:
        said = b"".join(bytes.fromhex(str(piece)) for piece in begun)
        return [Alternative(token, math.log(share), token.hex()) for token, share in following[said].items()]

    scoring = Scoring(Spelling({"good": "很好", "bad": "差"}), told(()))
    scoring.go_on(told)
    assert scoring.calls == 2
    logprobs, unassigned = scoring.scores()
    assert max(logprobs, key=logprobs.__getitem__) == "bad"
    assert unassigned == pytest.approx(1 - 0.3 - 0.6 * 0.99 * 0.1)


def test_one_word_for_two_outcomes_is_not_followed_for_ever() -> None:
    found, _, asked = first_token(("Sport", "sport", "news"), {" SPORT": 0.6, " news": 0.35, " the": 0.05})
    assert asked == []
    assert found == pytest.approx({"Sport": 0.3 / 0.95, "sport": 0.3 / 0.95, "news": 0.35 / 0.95})


INTENTS = [f"{topic} {what}" for topic in "abcdefgh" for what in ("fee", "limit", "lost", "new", "old")] + ["other"]


def test_many_intents_whose_beginnings_are_all_unlikely_are_decided() -> None:
    first = {f" {topic}": 0.015 for topic in "abcdefgh"} | {" the": 0.5}
    following = {f" {topic}": {" fee": 0.5, " lost": 0.3, " new": 0.2} for topic in "abcdefgh"}
    following[" e"] = {" limit": 0.9, " lost": 0.1}
    found, unassigned, asked = scored(INTENTS, Telling({"": first, **following}))
    assert max(found, key=found.__getitem__) == "e limit"
    assert unassigned == pytest.approx(0.88)
    assert len(asked) == 8


def test_the_further_calls_are_bounded() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    labels = [one + other for one in letters for other in letters]
    following = {f" {one}": dict.fromkeys(letters, 1 / 26) for one in letters}
    _, _, asked = scored(labels, Telling({"": {f" {one}": 1 / 26 for one in letters}, **following}))
    assert len(asked) == MOST_CALLS_OF_MANY


def test_where_nothing_is_told_after_a_beginning_it_is_shared_out() -> None:
    found, _, asked = scored(BOOKS, Telling({"": FICTION[""]}))
    assert asked == [" science"]
    assert found == pytest.approx(dict.fromkeys(BOOKS, 1 / 3))


def test_if_nothing_speaks_all_outcomes_are_alike_and_the_text_is_asked_for() -> None:
    scoring = Scoring(Spelling({"a": "yes", "b": "no"}), [Alternative(b" the", -0.1, " the")])
    assert scoring.is_silent
    assert scoring.needs_text
    logprobs, unassigned = scoring.scores()
    assert logprobs == pytest.approx({"a": math.log(0.5), "b": math.log(0.5)})
    assert unassigned == 1
    scoring.hear("b")
    logprobs, unassigned = scoring.scores()
    assert unassigned == pytest.approx(1 - math.exp(-0.1))
    assert logprobs["b"] >= logprobs["a"]


@pytest.mark.parametrize(("written", "best"), [("science", "science"), ("science fiction", "science fiction")])
def test_what_the_model_writes_decides_between_words_that_begin_alike(written: str, best: str) -> None:
    told = [Alternative(b"science", math.log(0.6), None), Alternative(b"sports", math.log(0.3), None)]
    scoring = Scoring(Spelling(dict(zip(BOOKS, BOOKS, strict=True))), told)
    assert scoring.needs_text
    scoring.hear(written)
    logprobs, unassigned = scoring.scores()
    assert max(logprobs, key=logprobs.__getitem__) == best
    assert unassigned == pytest.approx(0.1)


def test_a_beginning_that_the_model_writes_as_no_outcome_counts_for_none() -> None:
    told = [Alternative(b"science", math.log(0.6), None), Alternative(b"sports", math.log(0.3), None)]
    scoring = Scoring(Spelling(dict(zip(BOOKS, BOOKS, strict=True))), told)
    scoring.hear(None)
    logprobs, unassigned = scoring.scores()
    assert max(logprobs, key=logprobs.__getitem__) == "sports"
    assert unassigned == pytest.approx(0.7)


# Any tokenizer

# Of labels that differ in case alone, a model may write a third form, which this and the scoring share out differently.
SIZES = [(2, 4), (MANY + 1, 20)]
ALPHABETS = ["ab", "12", "好差", "🙂🙁", "हीं", "!?+"]


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), alphabet=st.sampled_from(ALPHABETS), sizes=st.sampled_from(SIZES), data=st.data())
def test_the_likeliest_whole_word_is_decided_however_text_is_cut_into_tokens(
    seed: int, alphabet: str, sizes: tuple[int, int], data: st.DataObject
) -> None:
    word = st.text(alphabet.replace(" ", ""), min_size=1, max_size=4)
    labels = data.draw(st.lists(word, min_size=sizes[0], max_size=sizes[1], unique=True))
    tokens = _cut("".join([*labels, " ", "\n", "x", alphabet]).encode(), random.Random(seed))

    def shares(path: Sequence[int]) -> list[tuple[int, bytes, float]]:
        rng = random.Random(f"{seed} {tuple(path)}")
        weights = [rng.random() ** 3 + 1e-6 for _ in tokens]
        total = math.fsum(weights)
        return [(at, tokens[at], math.log(weight / total)) for at, weight in enumerate(weights)]

    def told(begun: Sequence[Piece]) -> Sequence[Alternative]:
        return [Alternative(token, logprob, at) for at, token, logprob in shares([int(one) for one in begun])]

    scoring = Scoring(Spelling(dict(zip(labels, labels, strict=True)), stops=["\n"]), told(()))
    scoring.go_on(told)
    logprobs, _ = scoring.scores()
    expected, left = worth(labels, shares)
    *_, second, best = sorted(expected.values())
    is_clear = best * SHARE > second + left + (1 - SHARE) * math.fsum(expected.values())
    most = MOST_CALLS_OF_MANY if len(labels) > MANY else MOST_CALLS
    if scoring.calls < most and is_clear:
        assert expected[max(logprobs, key=logprobs.__getitem__)] == best


def _cut(text: bytes, rng: random.Random) -> list[bytes]:
    """Return all single bytes of a text, some longer pieces of it, and the end of the answer."""
    starts = [rng.randrange(len(text)) for _ in range(12)]
    pieces = {text[start : start + rng.choice([2, 3, 4, 6])] for start in starts}
    return [b"", *sorted({text[at : at + 1] for at in range(len(text))} | pieces)]
