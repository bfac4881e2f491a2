"""Written texts are compared by characters, by sequences of tokens, or by length."""

import subprocess
import sys
import unicodedata

import pytest

from cribsheet import CribsheetError, Example, Prediction, Unanswerable, chrf, length_kept, rouge_l

NONE = Unanswerable()


def scored(metric, accepted, predicted):
    return metric(Example({"text": "t"}, {"said": tuple(accepted)}), Prediction({"said": predicted}))


@pytest.mark.parametrize("metric", [chrf, rouge_l])
@pytest.mark.parametrize("text", ["The bridge is closed.", "大桥封了。", "a"])
def test_the_same_text_is_worth_1_and_another_0(metric, text):
    assert scored(metric, [text], text) == pytest.approx(1)
    assert scored(metric, [text], "№№№") == 0
    assert scored(metric, [text], "") == 0


@pytest.mark.parametrize("metric", [chrf, rouge_l])
def test_the_same_text_in_another_normal_form_is_worth_1(metric):
    assert scored(metric, ["Le café est fermé."], unicodedata.normalize("NFD", "Le café est fermé.")) == pytest.approx(
        1
    )


@pytest.mark.parametrize("metric", [chrf, rouge_l])
def test_the_closest_accepted_text_counts(metric):
    one, both = ["The bridge is shut."], ["The bridge is shut.", "The bridge is closed until May."]
    assert scored(metric, both, "The bridge is closed.") > scored(metric, one, "The bridge is closed.")


@pytest.mark.parametrize("metric", [chrf, rouge_l])
def test_an_abstention_is_right_only_if_it_is_accepted(metric):
    assert [scored(metric, [NONE], NONE), scored(metric, [NONE], "a"), scored(metric, ["a"], NONE)] == [1, 0, 0]
    assert scored(metric, [NONE, "a"], "a") == pytest.approx(1)


def test_chrf_is_that_of_sacrebleu():
    # sacrebleu 2.6: sacrebleu.sentence_chrf(…).score is 72.2804 and 28.1093
    english = scored(chrf, ["He cuts his own hair to save money."], "He cuts his hair to save money himself.")
    chinese = scored(chrf, ["末班车十一点开。"], "末班车在十一点出发。")
    assert (english, chinese) == (pytest.approx(CHRF[0], abs=1e-6), pytest.approx(CHRF[1], abs=1e-6))


CHRF = (0.72280397, 0.28109250)


@pytest.mark.parametrize(
    ("accepted", "predicted", "score"),
    [
        ("police killed the gunman", "police kill the gunman", 0.75),  # Lin 2004, section 3.1
        ("police killed the gunman", "the gunman kill police", 0.5),
        ("police killed the gunman", "the gunman police killed", 0.5),
        ("It's 5 o'clock", "it s 5 o clock", 1.0),
        ("Über die Brücke", "über die brücke", 1.0),
        (
            "The hall is closed after a rope failure.",
            "Following the accident, the hall stays closed.",
            0.4,
        ),  # rouge-score
        ("大桥封闭到五月", "大桥封到五月", 2 * 6 / (7 + 6)),  # by character
        ("iPhone发布", "iPhone 发布", 1.0),
    ],
)
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(accepted, predicted, score):
    assert scored(rouge_l, [accepted], predicted) == pytest.approx(score)


@pytest.mark.parametrize(
    ("limits", "text", "kept"),
    [
        ({"most": 3}, "It is closed.", True),
        ({"most": 3}, "It is still closed.", False),
        ({"most": 3, "least": 3}, "Closed.", False),
        ({"most": 4}, "桥封了。", True),
        ({"most": 2}, "桥封了。", False),
        ({"most": 10, "unit": "characters"}, "It is closed.", False),
        ({"most": 11, "unit": "characters"}, "It is closed.", True),
        ({"most": 3}, "", False),
        ({"most": 3, "least": 0}, "", True),
        ({"most": 3}, NONE, False),
    ],
)
def test_a_length_is_kept_in_words_or_characters(limits, text, kept):
    assert scored(length_kept(**limits), ["whatever is accepted"], text) is kept


@pytest.mark.parametrize("limits", [{"most": -1}, {"most": 2, "least": 3}, {"most": 2, "unit": "lines"}])
def test_limits_that_nothing_can_keep_are_refused(limits):
    with pytest.raises(CribsheetError, match="length_kept"):
        length_kept(**limits)


def test_without_sacrebleu_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['sacrebleu'] = None\n"
        "from cribsheet import Example, Prediction, chrf\n"
        "chrf(Example({'a': 'a'}, {'b': ('b',)}), Prediction({'b': 'b'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MetricError: The metric chrf needs the package sacrebleu" in done.stderr
    assert "pip install 'cribsheet[metrics]'" in done.stderr


def test_none_is_no_text() -> None:
    assert rouge_l(Example({"text": "x"}, {"summary": (None,)}), Prediction({"summary": None})) == 1
    assert rouge_l(Example({"text": "x"}, {"summary": ("None",)}), Prediction({"summary": None})) == 0
