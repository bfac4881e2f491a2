"""Have a model write the answer to a frozen prompt."""

from dataclasses import replace

from cribsheet.corrections import Answer, Outputs
from cribsheet.errors import ContextOverflowError
from cribsheet.frozen.prompt import FrozenPrompt, HeldBy
from cribsheet.layout.holding import grammar_after_first, holding
from cribsheet.layout.parsing import ParseFailure, parse, up_to_second
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.models.thinking import without_thought
from cribsheet.prompts import Prompt
from cribsheet.signature import REASONING

_SECOND = {"temperature": 0.3, "seed": 1}
"""How the model is asked again for an answer that cannot be read, unless it goes on from its own first output.

The prompt stays the same, since a small model that has learnt a form from demos does not understand a complaint about
its own answer. Greedy decoding would repeat the answer, so it is sampled, with a fixed seed, so that a rerun gives the
same.

Of the 83 unreadable answers that SmolLM2-135M gave to 40 rows each of `entities` and `records`, in two layouts
with three notations, this makes 26 readable, which adds 0.020 to the mean score. Temperatures of 0.7 and 1 make 28 and
30 readable, and add 0.018. None of these second answers was held. Of 8 unreadable answers of `records_zh`, sampling
alone makes none readable, a grammar 5, and a grammar with twice the tokens all 8.
"""


def write(prompt: FrozenPrompt, rendered: Prompt, model: Completer) -> Answer:
    """Return the answer that a model writes; it is asked once more if its decoding says so.

    Raises:
        ModelError: if the model gives no completion.
    """
    first = written_answer(prompt, rendered, model.complete(rendered, _sampling(prompt, prompt.decoding.held_by)))
    if not (prompt.decoding.asks_again and isinstance(first.outputs, ParseFailure)):
        return first
    second = _gone_on(prompt, first, model) or _again(prompt, first, model)
    return replace(second, further=((rendered, first.completion),), is_second=True) if second else first


def _sampling(prompt: FrozenPrompt, held_by: HeldBy) -> Sampling:
    decoding, held = prompt.decoding, holding(prompt.layout, prompt.signature, held_by)
    return Sampling(
        max_tokens=decoding.max_tokens,
        top_logprobs=decoding.top_logprobs,
        grammar=held.grammar,
        answer_schema=held.answer_schema,
    )


def written_answer(prompt: FrozenPrompt, rendered: Prompt, completion: Completion, *, begun: str = "") -> Answer:
    """Return the answer that a completion's text says, before any correction.

    `begun` is the text of the answer that the rendered prompt already contains.
    """
    completion = without_thought(completion, rendered)
    text = begun + completion.text
    outputs = _read(prompt, completion, text)
    reasoning = None
    if prompt.reasoning and not isinstance(outputs, ParseFailure):
        reasoning = str(outputs[REASONING])
        outputs = {name: value for name, value in outputs.items() if name != REASONING}
    return Answer(outputs, rendered, completion, text=text, reasoning=reasoning)


def _gone_on(prompt: FrozenPrompt, first: Answer, model: Completer) -> Answer | None:
    """Return the answer that the model gives after its first text, such as a rationale, which has no end or no answer.

    If the model can be held to the other outputs, an answer that cannot be read is written anew. Return None if the
    first output is not such a text, or if the model cannot go on from it.
    """
    if first.prompt.is_chat and not first.completion.may_go_on:
        return None
    layout, signature, is_cut = prompt.layout, prompt.signature, first.completion.finish_reason == "length"
    rest = grammar_after_first(layout, signature) if prompt.decoding.again_held_by == "grammar" else ""
    begun = up_to_second(layout, signature, first.text, is_cut=is_cut, anew=bool(rest))
    if begun is None:
        return None
    longer = first.prompt.followed_by(begun)
    sampling = _sampling(prompt, "nothing").model_copy(update={"grammar": rest})
    return written_answer(prompt, longer, model.complete(longer, sampling), begun=begun)


def _again(prompt: FrozenPrompt, first: Answer, model: Completer) -> Answer | None:
    """Return the answer to the same prompt, held to its types if it can be, and twice as long if it was cut off.

    Return None if so long an answer does not fit the context window.
    """
    is_cut = first.completion.finish_reason == "length"
    longer = {"max_tokens": 2 * prompt.decoding.max_tokens} if is_cut else {}
    sampling = _sampling(prompt, prompt.decoding.again_held_by).model_copy(update=_SECOND | longer)
    try:
        return written_answer(prompt, first.prompt, model.complete(first.prompt, sampling))
    except ContextOverflowError:
        if is_cut:
            return None
        raise


def _read(prompt: FrozenPrompt, completion: Completion, text: str) -> Outputs | ParseFailure:
    """Parse the text of an answer into typed outputs; a thought alone is a parse failure."""
    if completion.thought is not None and not text.strip():
        return ParseFailure(f"there is only a thought and no answer after it: {completion.thought[:80]!r}")
    return parse(prompt.layout, prompt.signature, text)
