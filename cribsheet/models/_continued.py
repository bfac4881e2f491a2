"""Convert a prompt that includes the beginning of its answer into text followed by token ids."""

from collections.abc import Callable, Sequence

from cribsheet.prompts import Message, Piece, Prompt

_LINE = "\n"  # put before a piece, since some tokenizers add a space before the first word of a text


def as_raw(
    prompt: Prompt, *, template: Callable[[Sequence[Message]], str], token_ids: Callable[[str], Sequence[int]]
) -> Prompt:
    """Return a raw prompt that the engine accepts: text, followed by token ids only.

    `template` renders a chat as the text of a raw prompt; `token_ids` tokenizes a text.
    """
    text = template(prompt.messages) if prompt.is_chat else prompt.text
    raw = Prompt(text=text, stop=prompt.stop).followed_by(*prompt.begun)
    ids = [token for piece in raw.begun for token in _ids(piece, token_ids)]
    return raw.model_copy(update={"begun": tuple(ids)})


def _ids(piece: Piece, token_ids: Callable[[str], Sequence[int]]) -> Sequence[int]:
    if isinstance(piece, int):
        return [piece]
    return token_ids(_LINE + piece)[len(token_ids(_LINE)) :]
