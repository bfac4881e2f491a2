"""A candidate is a prompt for each predictor; its key tells what is asked and read."""

from cribsheet.compiler.bridge import BARE
from cribsheet.corrections import Calibration
from cribsheet.dataset.examples import Demo
from cribsheet.search.candidate import Candidate
from frozen_toys import toy_prompt

DEMO = Demo(inputs={"text": "Superb."}, outputs={"sentiment": "positive"})


def candidate(**changes: object) -> Candidate:
    return Candidate({BARE: toy_prompt().model_copy(update=changes)}, origin="toy")


def test_candidates_that_ask_and_read_the_same_have_one_key_whatever_their_origin() -> None:
    assert candidate().key == Candidate(candidate().prompts, origin="other").key
    renamed = toy_prompt().layout.model_copy(update={"name": "other"})
    assert candidate(layout=renamed).key == candidate().key


def test_demos_words_and_decoding_make_another_key_and_corrections_do_not() -> None:
    own = candidate()
    layout = toy_prompt().layout
    other_words = layout.model_copy(update={"verbalizers": {"negative": "bad", "positive": "good"}})
    decoding = toy_prompt().decoding.model_copy(update={"max_tokens": 3})
    others = [candidate(demos=(DEMO,)), candidate(layout=other_words), candidate(decoding=decoding)]
    assert len({own.key, *(other.key for other in others)}) == 4
    calibrated = toy_prompt().with_corrections(Calibration(biases={"negative": 1.0}))
    assert own.with_prompt(BARE, calibrated, origin="x").key == own.key


def test_demos_are_replaced_predictor_by_predictor_and_the_candidate_stays() -> None:
    own = candidate()
    shown = own.with_demos({BARE: [DEMO]}, origin="1 demo")
    assert shown.prompts[BARE].demos == (DEMO,)
    assert (shown.origin, own.prompts[BARE].demos) == ("1 demo", ())
