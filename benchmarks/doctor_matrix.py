"""Print a table of what works with which server.

    python benchmarks/doctor_matrix.py [--proxy PATH/TO/litellm]

llama-server is the one inside xllamacpp, with the embedded model. If `--proxy` names the command of LiteLLM's proxy
(`pip install "litellm[proxy]"`), the proxy is tried in front of it. Each other line is `tests/servers/stand_in.py` with
the known limits of the server of that name. `works` says whether a raw prompt and a chat were answered.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "servers"))

from configurations import CHAT, RAW
from litellm_proxy import litellm_proxy
from rich.console import Console
from rich.table import Table
from stand_in import StandIn, Switches

from cribsheet.errors import ModelError
from cribsheet.models import Completion, Sampling, open_model
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.capabilities import Capabilities, Endpoint
from cribsheet.models.embedded import EmbeddedModel

STAND_INS: Mapping[str, tuple[str, Switches]] = {
    "vLLM": (
        "openai/model",
        Switches(telling="vllm", tokenizer="vllm", most_logprobs=20),
    ),
    "vLLM, base model without a chat template": (
        "openai/model",
        Switches(telling="vllm", tokenizer="vllm", most_logprobs=20, chat=400),
    ),
    "OpenAI's limits": ("openai/model", Switches(most_logprobs=5, most_stops=4)),
    "chats alone": ("openai/model", Switches(raw=404, most_stops=4)),
    "no log-probabilities": ("openai/model", Switches(refuses=frozenset({"logprobs"}), status=501)),
    "strict: no seed, stop, n, bias": (
        "openai/model",
        Switches(
            refuses=frozenset({"seed", "stop", "n", "logit_bias"}), status=422, wording="pydantic", telling="nothing"
        ),
    ),
    "fails without a word": (
        "openai/model",
        Switches(refuses=frozenset({"logprobs", "seed"}), status=500, wording="silent", telling="nothing"),
    ),
    "Ollama 0.35": ("ollama/model", Switches()),
    "Ollama before 0.12.11": ("ollama/model", Switches(ignores=frozenset({"logprobs"}))),
    "Ollama's API, chats alone": ("ollama/model", Switches(raw=404, telling="nothing")),
}
COLUMNS = ("server", "raw", "chat", "seed", "stop", "n", "logit_bias", "tokenizer", "weights", "window", "works")


def main() -> None:
    """Ask each server, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", help="the command `litellm`, to start LiteLLM's proxy with")
    options = parser.parse_args()
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=column != "server")
    for line in _lines(options.proxy):
        table.add_row(*line)
    Console(width=150).print(table)


def _lines(proxy: str | None) -> Iterator[list[str]]:
    smollm = EmbeddedModel("embedded/smollm2-135m")
    try:
        yield _line("llama-server (real)", "openai/smollm", smollm.address)
        if proxy and Path(proxy).is_file():
            with _proxy_before(smollm.address, command=Path(proxy).absolute()) as address:
                yield _line("LiteLLM's proxy over it (real)", "openai/smollm", address)
        else:
            yield ["LiteLLM's proxy over it (real)", *["not installed", *["–"] * (len(COLUMNS) - 2)]]
    finally:
        smollm.close()
    for server, (name, switches) in STAND_INS.items():
        with StandIn(switches) as stand_in:
            yield _line(server, name, stand_in.url + ("" if name.startswith("ollama") else "/v1"))


def _line(server: str, name: str, address: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(open_model(name, api_base=address)) as opened:
        model = CachedModel(opened, CompletionCache(folder))
        model.start(probes=True)
        known = model.capabilities or Capabilities()
        taken = [_taken(known, parameter) for parameter in ("seed", "stop", "n", "logit_bias")]
        window = str(known.told.context_window or "–")
        weights = "hash" if known.told.digest else "facts" if known.told.weights else "compared"
        return [
            *(server, _logprobs(known.raw), _logprobs(known.chat), *taken),
            *("yes" if known.tokenizer else "no", weights, window, _works(model)),
        ]


def _logprobs(endpoint: Endpoint) -> str:
    if not endpoint.works:
        return "no"
    granted = endpoint.granted.get("logprobs", 0)
    return f"yes, {granted if endpoint.logprobs else 'no'} logprobs"


def _taken(known: Capabilities, parameter: str) -> str:
    sizes = [one.granted.get(parameter) for one in (known.raw, known.chat) if one.works]
    return "–" if None in sizes else "yes" if all(sizes) else "no"


def _works(model: CachedModel) -> str:
    prompts = [prompt for prompt in (RAW, CHAT) if (model.supports_chat if prompt.is_chat else model.supports_raw)]
    try:
        answers: list[Completion] = [model.complete(prompt, Sampling(max_tokens=4)) for prompt in prompts]
    except ModelError as error:
        return str(error)
    return "yes" if all(answer.text for answer in answers) else "empty"


@contextlib.contextmanager
def _proxy_before(address: str, *, command: Path) -> Iterator[str]:
    """Run LiteLLM's proxy in front of an OpenAI-compatible server inside a `with` block, and yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "config.yaml"
        model = f"{{model: openai/smollm, api_base: '{address}', api_key: none}}"
        settings.write_text(f"model_list: [{{model_name: smollm, litellm_params: {model}}}]\n")
        with litellm_proxy(settings, command=command) as proxy:
            before = os.environ.get("OPENAI_API_KEY")
            os.environ["OPENAI_API_KEY"] = proxy.key
            try:
                yield f"{proxy.url}/v1"
            finally:  # the key is for this server alone
                del os.environ["OPENAI_API_KEY"]
                os.environ.update({"OPENAI_API_KEY": before} if before else {})


if __name__ == "__main__":
    main()
