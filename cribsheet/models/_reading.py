"""Have an engine read prompts in such a way that what was read before changes no log-probability."""

import http.client
import json
from collections.abc import Sequence
from typing import Any

from cribsheet.errors import ContextOverflowError, ModelError
from cribsheet.models import _llama
from cribsheet.models._base import Sampling
from cribsheet.models._continued import as_raw
from cribsheet.models._earlier_prompts import EarlierPrompts, End
from cribsheet.models._engine import ends_alone
from cribsheet.models._prefixes import SharedPrefixes
from cribsheet.prompts import Message, Prompt

_ANY_TOKEN = "a"


class Reader:
    """Reads prompts with an engine, so that no prompt token is evaluated in a batch of its own.

    llama.cpp evaluates a batch of one token with other kernels than a larger batch, and the rounding differences can
    grow to 0.1 nats. A token is in a batch of its own if it was generated, or if it is the only prompt token that the
    prefix cache does not hold.

    `name` is the model's, for messages, and `goes_back` says whether the engine can continue from any token that it
    has read. A reader knows all prompts that its engine has read, so an engine has one reader. Callers take turns.
    """

    def __init__(self, engine: Any, *, name: str, goes_back: bool) -> None:
        self.engine = engine
        self.name = name
        self.evaluated = 0
        """Number of tokens that the engine has evaluated so far."""
        self._goes_back = goes_back
        self._earlier = EarlierPrompts()
        self._prefixes = SharedPrefixes()

    def prepared(self, prompt: Prompt) -> Prompt:
        """Return a prompt in the form in which to read it.

        A begun answer, and a chat that was read before, become text and token ids: only their end can be forgotten.
        """
        if not prompt.begun and not (prompt.is_chat and self._earlier.holds(prompt.full_text)):
            return prompt

        def template(messages: Sequence[Message]) -> str:
            text = self.apply_template(messages)
            # Tokens that were read alone after the chat are known by its text from now on.
            if self._earlier.pop_alone(prompt.model_copy(update={"begun": ()}).full_text):
                self._earlier.add(text, read_alone=True)
            return text

        return as_raw(prompt, template=template, token_ids=self.token_ids)

    def read(self, prompt: Prompt, sampling: Sampling) -> _llama.Json:
        """Request a completion, and return the engine's reply.

        If this prompt continues an earlier one, the prefix cache is first made to drop the tokens that were read alone
        there, or to drop the end of the earlier prompt if only one token follows. And if the last token was in a batch
        of its own, the prompt is read again.

        Raises:
            ContextOverflowError: the prompt and its completion do not fit the context window.
            ModelError: the engine refuses the prompt.
        """
        body, text = _llama.request(prompt, sampling), prompt.full_text
        fresh = body | {"cache_prompt": False}
        end = self._earlier.end_in(text)
        self._earlier.add(text, read_alone=sampling.max_tokens > 1)  # the last token that is generated is not read
        self._read_start(prompt)
        forgot = end is None or self._forget(prompt, end)
        reply = self._ask(prompt, body if forgot else fresh)
        usage = _llama.usage_of(reply)
        if usage.prompt_tokens == 1:
            self._earlier.add(text, read_alone=True)
        if not self._ends_alone(usage.evaluated_tokens) or usage.prompt_tokens == 1:
            return reply
        if self._forget(prompt, End(len(text), read_alone=False)):
            again = self._ask(prompt, body)
            if not self._ends_alone(_llama.usage_of(again).evaluated_tokens):
                return again
        if not self._ends_alone(usage.prompt_tokens):
            return self._ask(prompt, fresh)
        half = _llama.half_of(prompt)  # read in one go, the prompt would leave its last token alone again
        self._ask(half, _llama.request(half, Sampling(max_tokens=1)) | {"cache_prompt": False})
        return self._ask(prompt, body)

    def probe(self, prompt: Prompt, sampling: Sampling) -> _llama.Json:
        """Return a choice that reports the first token's alternatives, if the completion does not.

        llama.cpp reports none if the token ends inside a character, which is common in Chinese, or if it belongs to a
        stop sequence. So a second request forces a harmless token with a bias. The reported log-probabilities are still
        the model's own, since they are taken before the bias. Thanks to the prefix cache, only one token is evaluated.
        It is in a batch of its own, so the result may differ from a whole reading by rounding, but is always the same.
        A later prompt that continues this one drops that token: see `read`.
        """
        forced = sampling.model_copy(update={"max_tokens": 1})
        body = _llama.request(prompt, forced) | {"stop": [], "logit_bias": [[_ANY_TOKEN, 1000.0]]}
        choice: _llama.Json = self._ask(prompt, body)["choices"][0]
        self._earlier.add(prompt.full_text, read_alone=True)
        return choice

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in a text sent as a raw prompt."""
        return len(self._tokenized(text)["tokens"])

    def token_ids(self, text: str) -> Sequence[int]:
        """Return the token ids of a text, without the tokens that start every prompt."""
        tokens: Sequence[int] = self._post("/tokenize", {"content": text, "add_special": False})["tokens"]
        return tokens

    def apply_template(self, messages: Sequence[Message]) -> str:
        """Render a chat as a raw prompt, with the model's own chat template."""
        turns = [message.model_dump() for message in messages]
        body = {"messages": turns, "chat_template_kwargs": _llama.TEMPLATE_SETTINGS}
        return str(self._post("/apply-template", body)["prompt"])

    def _ends_alone(self, tokens: int) -> bool:
        return ends_alone(tokens, goes_back=self._goes_back)

    def _read_start(self, prompt: Prompt) -> None:
        """If the engine can resume only from saved states, have it save one at the end of a shared prefix.

        llama.cpp saves its state shortly before the end of a prompt. So a prefix that two prompts share is read as a
        prompt of its own, and later prompts continue from there. Chats do not need this, because llama.cpp also saves
        the state before each user turn.
        """
        if prompt.is_chat or self._goes_back:
            return
        if start := self._prefixes.to_read(prompt.text):
            alone = Prompt(text=start)
            self._ask(alone, _llama.request(alone, Sampling(max_tokens=1)))

    def _forget(self, prompt: Prompt, end: End) -> bool:
        """Drop from the prefix cache an earlier prompt's last token and all after it, unless that changes nothing.

        At least the last two tokens are dropped. To do so, the engine reads a prompt that begins the same but ends
        with another token. Return False if that is impossible: for a chat, because only its template knows the text,
        and for an `end` too close to the prompt's start.
        """
        if prompt.is_chat:
            return False
        tokens = _llama.tokens_of(self._tokenized(prompt.text, with_pieces=True), prompt)
        before = _llama.tokens_before(tokens, after=len(prompt.full_text[end.at :].encode()))
        if not end.read_alone and len(tokens) - before > 1:
            return True
        kept = before - 1
        other = next((one.id for one in tokens if one.id != tokens[kept].id), None)
        if kept < 1 or other is None:
            return False
        ids = [*(one.id for one in tokens[:kept]), other]
        self._ask(prompt, _llama.request(prompt, Sampling(max_tokens=1)) | {"prompt": ids})
        return True

    def _ask(self, prompt: Prompt, body: _llama.Json) -> _llama.Json:
        if not prompt.is_chat and not prompt.text:
            raise ModelError(f"{self.name} got an empty prompt. Give it some text to complete.")
        ask = self.engine.handle_chat_completions if prompt.is_chat else self.engine.handle_completions
        reply: _llama.Json = ask(body)
        if "choices" in reply:
            self.evaluated += _llama.usage_of(reply).evaluated_tokens
            return reply
        error = reply.get("error", reply)
        if error.get("type") == "exceed_context_size_error":
            raise overflow(self.name, error["n_prompt_tokens"], body["max_tokens"], window=error["n_ctx"])
        reason = str(error.get("message", error)).rstrip(".")
        raise ModelError(f"{self.name} refused the prompt: {reason}. Choose another layout or another model.")

    def _tokenized(self, text: str, *, with_pieces: bool = False) -> Any:
        return self._post("/tokenize", {"content": text, "add_special": True, "with_pieces": with_pieces})

    def _post(self, path: str, body: _llama.Json) -> Any:
        # The Python bindings offer no tokenizer, but the engine's HTTP server on the loopback does.
        status, reply = _llama.post(self.engine.listening_address, path, body)
        if status != http.client.OK:
            raise ModelError(
                f"The engine of {self.name} refused {path} with status {status}: {reply}. Choose another model."
            )
        return json.loads(reply)


def overflow(name: str, prompt_tokens: int, max_tokens: int, *, window: int) -> ContextOverflowError:
    """Return the error of a prompt that does not fit a model's context window together with its completion."""
    return ContextOverflowError(
        f"A prompt of {prompt_tokens} tokens and up to {max_tokens} tokens of completion do not fit the "
        f"context window of {name}, which is {window} tokens. Use fewer or shorter demonstrations, or open "
        "the model with a larger context_window."
    )
