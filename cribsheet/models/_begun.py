"""Turn a prompt whose answer has begun into text and token ids."""

from collections.abc import Callable, Sequence

from cribsheet.prompts import Message, Piece, Prompt

_LINE = "\n"  # some tokenizers put a blank before what stands first


def as_raw(
    prompt: Prompt, *, template: Callable[[Sequence[Message]], str], token_ids: Callable[[str], Sequence[int]]
) -> Prompt:
    """Return a raw prompt that the engine takes: its text, then nothing but token ids.

    `template` makes a raw prompt's text of a chat, `token_ids` tells the tokens of a text.
    """
    text = template(prompt.messages) if prompt.is_chat else prompt.text
    raw = Prompt(text=text, stop=prompt.stop).followed_by(*prompt.begun)
    ids = [token for piece in raw.begun for token in _ids(piece, token_ids)]
    return raw.model_copy(update={"begun": tuple(ids)})


def _ids(piece: Piece, token_ids: Callable[[str], Sequence[int]]) -> Sequence[int]:
    if isinstance(piece, int):
        return [piece]
    return token_ids(_LINE + piece)[len(token_ids(_LINE)) :]
