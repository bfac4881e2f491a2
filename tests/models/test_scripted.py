import pytest

from cribsheet.errors import ContextOverflowError, ModelError
from cribsheet.models import Completion, Model, Sampling, Usage
from cribsheet.models.scripted import Call, ScriptedModel
from cribsheet.prompts import Message, Prompt

CHAT = Prompt(messages=(Message(role="user", content="Is it lovely?"),))


def test_a_function_answers_and_every_call_is_kept() -> None:
    model = ScriptedModel(lambda prompt, sampling: f"{prompt.text} {sampling.seed}")
    prompt, sampling = Prompt(text="one two"), Sampling(seed=5)
    assert model.complete(prompt, sampling).text == "one two 5"
    assert model.calls == [Call(prompt, sampling)]


def test_a_dict_answers_by_the_key_that_stands_last() -> None:
    model = ScriptedModel({"lovely": "positive", "boring": "negative"})
    assert model.complete(Prompt(text="lovely = positive, boring ="), Sampling()).text == "negative"
    assert model.complete(CHAT, Sampling()).text == "positive"


def test_a_prompt_without_an_answer_is_named() -> None:
    with pytest.raises(ModelError, match=r"no answer to 'dull'.*'lovely'"):
        ScriptedModel({"lovely": "positive"}).complete(Prompt(text="dull"), Sampling())


@pytest.mark.parametrize(
    ("stop", "max_tokens", "text", "reason"),
    [
        ((), 9, " one two\nthree", "stop"),
        (("\n",), 9, " one two", "stop"),
        (("three", "two"), 9, " one ", "stop"),
        (("\n",), 1, " one", "length"),
    ],
)
def test_a_text_is_cut_like_that_of_a_model(stop: tuple[str, ...], max_tokens: int, text: str, reason: str) -> None:
    model = ScriptedModel(lambda prompt, sampling: " one two\nthree")
    completion = model.complete(Prompt(text="x", stop=stop), Sampling(max_tokens=max_tokens))
    assert (completion.text, completion.finish_reason) == (text, reason)


def test_words_are_the_tokens_of_its_usage() -> None:
    completion = ScriptedModel(lambda prompt, sampling: " yes indeed").complete(Prompt(text="a b c"), Sampling())
    assert completion.usage == Usage(prompt_tokens=3, completion_tokens=2)


def test_a_completion_is_given_as_it_is_with_usage_where_it_has_none() -> None:
    given = Completion(text="yes", first_token={"yes": -0.1, "no": -2.4})
    completion = ScriptedModel(lambda prompt, sampling: given).complete(Prompt(text="a b"), Sampling())
    assert completion.first_token == given.first_token
    assert completion.usage.prompt_tokens == 2
    counted = given.model_copy(update={"usage": Usage(prompt_tokens=9)})
    assert ScriptedModel({"a": counted}).complete(Prompt(text="a"), Sampling()) is counted


def test_a_prompt_beyond_the_window_is_a_context_overflow() -> None:
    model = ScriptedModel(lambda prompt, sampling: "yes", context_window=10)
    with pytest.raises(ContextOverflowError, match="context window of 10"):
        model.complete(Prompt(text="a b c"), Sampling(max_tokens=8))


def test_it_is_a_model() -> None:
    model: Model = ScriptedModel({})
    assert isinstance(model, Model)
    model.close()
