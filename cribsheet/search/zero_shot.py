"""Write the zero-shot prompt of a signature."""

from collections.abc import Callable

from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import ZERO_SHOT, ZERO_SHOT_RAW, layout_named
from cribsheet.models import Model
from cribsheet.search.wording.instructions import spelled_out
from cribsheet.signature import Signature

_SENTENCE = 24
"""The least number of tokens for an answer: without demos, models answer in sentences."""


def zero_shot_prompt(signature: Signature, model: Model, *, tokens: Callable[[Layout], int]) -> FrozenPrompt:
    """Return a prompt that states the task and its allowed outcomes in words, without demos.

    The answer is read from the text that the model writes. `tokens` returns the length of a long answer in a
    layout.
    """
    layout = layout_named(ZERO_SHOT if getattr(model, "supports_chat", True) else ZERO_SHOT_RAW)
    return FrozenPrompt(
        signature=signature,
        layout=layout,
        instructions=spelled_out(signature, layout),
        decoding=Decoding(max_tokens=max(_SENTENCE, tokens(layout))),
    )
