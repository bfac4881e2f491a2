"""A stand-in for llama.cpp inside this process, which remembers which tokens it read alone."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from recording_server import RecordingServer

EXACT, ROUNDED = -1.0, -2.0
"""The log-probability of each first token: of a prompt that was read in batches, and of one with a token read alone."""
_HALF = b"\xe5\xa5"


class _Held(NamedTuple):
    id: int
    is_alone: bool


class SlotEngine(RecordingServer):
    """An engine with one slot, in which each character is a token.

    A token is read alone if it is generated, or if it is the only one of a prompt that the slot does not hold. After a
    prompt that ends with `ends`, the first token is half a character, whose log-probabilities are not told.
    """

    def __init__(self, *, ends: str = "") -> None:
        super().__init__()
        self._ends = ends
        self._slot: list[_Held] = []

    def forget(self) -> None:
        """Empty the slot, as in an engine that was just loaded."""
        self._slot = []

    @property
    def listening_address(self) -> str:
        return self.url

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path == "/apply-template":
            return 200, {"prompt": _chat(body["messages"])}
        pieces = [{"id": ord(one), "piece": one} for one in body["content"]]
        return 200, {"tokens": pieces if body.get("with_pieces") else [one["id"] for one in pieces]}

    def handle_completions(self, body: dict[str, Any]) -> dict[str, Any]:
        ids, cached = self._read(body["prompt"], whole=not body.get("cache_prompt", True))
        first = EXACT if not any(one.is_alone for one in self._slot) else ROUNDED
        text = ("ab" * body["max_tokens"])[len(ids) % 2 :][: body["max_tokens"]]
        self._slot += [_Held(ord(one), is_alone=True) for one in text[:-1]]
        is_half = bool(self._ends) and chr(ids[-1]) in self._ends and "logit_bias" not in body
        own = {"id": 0, "bytes": list(_HALF if is_half else text[0].encode()), "logprob": first}
        entry = {**own, "bytes": list("好".encode()) if is_half else own["bytes"], "top_logprobs": [own]}
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(text)}
        return {
            "choices": [{"text": text, "finish_reason": "length", "logprobs": {"content": [entry]}}],
            "usage": {**usage, "prompt_tokens_details": {"cached_tokens": cached}},
        }

    def handle_chat_completions(self, body: dict[str, Any]) -> dict[str, Any]:
        told = self.handle_completions({**body, "prompt": _chat(body["messages"])})
        told["choices"][0]["message"] = {"content": told["choices"][0].pop("text")}
        return told

    def _read(self, prompt: str | Sequence[str | int], *, whole: bool) -> tuple[list[int], int]:
        """Read a prompt into the slot; return its tokens, and how many of them the slot held."""
        ids = [id_ for one in prompt for id_ in ([one] if isinstance(one, int) else map(ord, one))]
        most = 0 if whole else min(len(ids) - 1, len(self._slot))
        cached = next((at for at in range(most) if self._slot[at].id != ids[at]), most)
        fresh = ids[cached:]
        self._slot[cached:] = [_Held(one, is_alone=len(fresh) == 1) for one in fresh]
        return ids, cached


def _chat(messages: Sequence[dict[str, str]]) -> str:
    return "".join(f"<{one['content']}|" for one in messages)
