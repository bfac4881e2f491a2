"""Generate random server configurations, then check that a model handles each of them."""

import os
import random
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from stand_in import PARAMETERS, TELLING, TOKENIZERS, WORDINGS, StandIn, Switches
from stand_in_shapes import SHAPES, SOUND

from cribsheet.errors import ModelError
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.capabilities import Probed
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.retry import Retrying
from cribsheet.prompts import Message, Prompt

RAW = Prompt(
    text="Text: The soup was dull.\nSentiment: negative\n\nText: The film was superb.\nSentiment:", stop=("\n",)
)
CHAT = Prompt(messages=(Message(role="user", content="Is it praise? The film was superb."),), stop=("\n", "Text:"))
SAMPLING = Sampling(max_tokens=4, top_logprobs=20)
NAMES = ("openai/model", "hosted_vllm/model", "ollama_chat/model", "ollama/model")
GOOD_ADDRESSES = (
    "http://127.0.0.1:{port}{path}",
    "127.0.0.1:{port}{path}",
    " http://localhost:{port}{path} ",
    "http://127.0.0.1:{port}{path}/",
    '"127.0.0.1:{port}{path}"',
    ":{port}{path}",
    "0.0.0.0:{port}{path}",
)
BAD_ADDRESSES = (
    *("http://", "ftp://127.0.0.1:{port}", "http://127.0.0.1:{port}0000", "127.0.0.1:http", "http://[::1", "[1::2::3]"),
    *("my host:{port}", "http:/127.0.0.1", "1::2:{port}", "://{port}", "http://a..b", "https://127.0.0.1:{port}{path}"),
    *("http://127.0.0.1:1{path}", "http://127.0.0.1:{port}/elsewhere", "http://nowhere.invalid:{port}{path}", "*"),
)
PROXIES = ("", "http://127.0.0.1:9", "socks5://127.0.0.1:9", "no proxy at all", "http://user:secret@127.0.0.1:9")
CAUSES = re.compile(
    r"not the address|answers? at|answered with an error|no host|not answer as|gave no answer|broke off"
    r"|failed with status|refused|does not serve|no model|not accept the key|proxy|secure connection"
    r"|context window|No host|sends its clients elsewhere|expects a key|cannot be sent|no certificates",
)
MENDS = re.compile(r"\b(Write|Start|Check|Set|Use|Run|Choose|Look|Correct|Add|add|look|give)\b")


@dataclass(frozen=True)
class Configuration:
    """A server, the address that a user gives for it, and the environment."""

    name: str = "openai/model"
    address: str = GOOD_ADDRESSES[0]
    switches: Switches = field(default_factory=Switches)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def must_work(self) -> bool:
        """Whether the model must get answers for every kind of prompt that the server serves."""
        served = 200 in (self.switches.raw, self.switches.chat)
        if "max_tokens" in self.switches.refuses:  # only OpenAI's chat endpoint has another name for it
            is_probed_in_vain = self.switches.raw == 200 and self.switches.refuses_after > 1
            served = self.switches.chat == 200 and not (self.name.startswith("ollama") or is_probed_in_vain)
        return self.address in GOOD_ADDRESSES and self.switches.shape in SOUND and served and self.switches.loads < 4


def drawn(rng: random.Random) -> Configuration:
    """Return a random configuration. Most settings are usual ones, since otherwise no request would get far."""

    def mostly(usual: Any, others: Any) -> Any:
        return usual if rng.random() < 0.6 else rng.choice(others)

    refused = frozenset(rng.sample(PARAMETERS, rng.choice((0, 0, 1, 1, 2, 4))))
    switches = Switches(
        refuses=refused,
        status=rng.choice((400, 422, 500, 501)),
        wording=rng.choice(WORDINGS),
        refuses_after=mostly(0, (1, 2, 4)),
        ignores=mostly(frozenset(), (frozenset({"stop"}), frozenset({"logprobs"}))),
        most_logprobs=mostly(1000, (0, 1, 5, 8, 20)),
        most_stops=mostly(1000, (0, 1, 4)),
        raw=mostly(200, (404, 405, 501)),
        chat=mostly(200, (404, 405, 501)),
        telling=rng.choice(TELLING),
        tokenizer=rng.choice(TOKENIZERS),
        shape=mostly("plain", tuple(SHAPES)),
        loads=mostly(0, (1, 3, 9)),
    )
    address = mostly(GOOD_ADDRESSES[0], (*GOOD_ADDRESSES, *BAD_ADDRESSES))
    proxy = mostly("", PROXIES)
    environment = {rng.choice(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY")): proxy} if proxy else {}
    return Configuration(rng.choice(NAMES), address, switches, environment)


def outcome(configuration: Configuration, *, patience: float = 120.0) -> str:
    """Return `answered`, or the message of the error.

    Raises:
        AssertionError: the model hangs, raises another exception, or its message lacks the cause or what to do.
    """
    result: list[str | BaseException] = []

    def run() -> None:
        try:
            result.append(_outcome(configuration))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the calling thread
            result.append(error)

    with _environment(configuration.environment):
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(patience)
    assert result, f"no end after {patience:.0f} s: {configuration}"
    if isinstance(result[0], BaseException):
        raise AssertionError(f"{type(result[0]).__name__} for {configuration}") from result[0]
    return result[0]


def _outcome(configuration: Configuration) -> str:
    with StandIn(configuration.switches) as server:
        path = "" if configuration.name.startswith("ollama") else "/v1"
        address = configuration.address.format(port=server.url.rpartition(":")[2], path=path)
        try:
            answers = _answers(configuration, address)
        except ModelError as error:
            return _checked(str(error), configuration)
    if configuration.must_work:
        assert all(answer.text.strip().startswith("positive") for answer in answers), (answers, configuration)
    return "answered"


def _answers(configuration: Configuration, address: str) -> list[Completion]:
    make = OllamaModel if configuration.name.startswith("ollama") else LiteLLMModel
    served: Model = make(configuration.name, api_base=address, timeout=5)
    model = Retrying(served, sleep=lambda seconds: None)
    assert isinstance(model, Probed)
    try:
        told = model.told()
        if told is not None:
            model.adopt(model.probe(told))
        model.count_tokens("Some text.")
        prompts = [prompt for prompt in (RAW, CHAT) if (model.supports_chat if prompt.is_chat else model.supports_raw)]
        return [model.complete(prompt, SAMPLING) for prompt in prompts for _ in range(2)]
    finally:
        model.close()


def _checked(message: str, configuration: Configuration) -> str:
    assert not configuration.must_work, f"{message} for {configuration}"
    assert CAUSES.search(message), f"no cause in {message!r} for {configuration}"
    assert MENDS.search(message), f"no mend in {message!r} for {configuration}"
    assert "secret" not in message, f"a password in {message!r}"
    return message


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    former = dict(os.environ)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)
