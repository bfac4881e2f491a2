"""Export to the body of a request to llama.cpp's server.

The fields are those of https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md: `/completion` for raw
prompts, and `/v1/chat/completions` for chats, which accepts the same additional fields.
"""

import json
import shlex
from typing import Any

from cribsheet.carriage import Carriage
from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import caveats, input_forms, logit_bias, unescaped
from cribsheet.export._shell import curl, jq, llama_server
from cribsheet.layout.decisions import decided_field
from cribsheet.layout.template import filled
from cribsheet.models._holding import response_format
from cribsheet.models.addresses import LLAMA_SERVER

"""The address of the server in the commands of `usage`."""


def to_llamacpp(source: Source) -> Export:
    """Return a request body with a placeholder for each input."""
    path, biases = source.saved_as("llamacpp.json"), logit_bias(source)
    carriage: Carriage = "logit_bias" if biases else "text"
    return Export(
        target="llamacpp",
        text=json.dumps(_body(source), indent=2, ensure_ascii=False) + "\n",
        file_name=path,
        usage=_usage(source, path),
        carriage=carriage,
        score=source.score(carriage),
        caveats=(*_own_caveats(source), unescaped(source), *caveats(source, decides=bool(biases), holds=True)),
    )


def _body(source: Source) -> dict[str, Any]:
    opened, marks, biases = source.opened, source.opened.placeholders(), logit_bias(source)
    sampling = source.sampling
    tokens = 1 if biases else sampling.max_tokens
    body: dict[str, Any]
    if opened.turns:
        messages = [{"role": turn.role, "content": filled(turn.content, marks)} for turn in opened.turns]
        body = {"messages": messages, "max_tokens": tokens}
    else:
        body = {"prompt": filled(opened.text, marks), "n_predict": tokens}
    body |= {"temperature": sampling.temperature, "seed": sampling.seed, "stop": list(opened.stop)}
    body["cache_prompt"] = True
    if biases:
        return body | {"logit_bias": [[int(token), bias] for token, bias in biases.items()]}
    grammar, schema = outcomes_grammar(source), source.held.answer_schema
    if schema:
        form = {"response_format": response_format(schema)} if opened.turns else {"json_schema": json.loads(schema)}
        return body | form
    return body | ({"grammar": grammar} if grammar else {})


def outcomes_grammar(source: Source) -> str:
    """Return a GBNF grammar that allows only values of the outputs' types; empty if there is none.

    There is one if the answer is one of a few outcomes, or if the frozen prompt is held by one.

    https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
    """
    field, layout = decided_field(source.prompt.signature), source.prompt.layout
    if source.held.grammar:
        return source.held.grammar
    if field is None or source.prompt.reasoning:
        return ""
    gap = "" if source.opened.turns else layout.output_mark.gap
    words = [json.dumps(gap + layout.verbalizer(outcome), ensure_ascii=False) for outcome in field.outcomes]
    return f"root ::= {' | '.join(words)}"


def _own_caveats(source: Source) -> tuple[str, ...]:
    if logit_bias(source):
        return (
            "logit_bias makes the server decide as Cribsheet does, in one token. It has token ids of the weights that "
            "this was compiled for: leave it out if you serve other weights.",
        )
    if outcomes_grammar(source) and source.prompt.decoding.held_by == "nothing":
        return ("The grammar lets the model write only the outcomes; the score was measured without it.",)
    return ()


def _usage(source: Source, path: str) -> str:
    marks = source.opened.placeholders()
    at = ".messages[-1].content" if source.opened.turns else ".prompt"
    endpoint = "/v1/chat/completions" if source.opened.turns else "/completion"
    weights = source.weights or f"{source.model_name}.gguf"
    lines = [
        f"# {llama_server(weights, window=source.model.context_window)}",
        f"# Fills {', '.join(marks.values())} with the inputs, as JSON strings.",
        *(f"# {line}" for line in input_forms(source.prompt)),
        f"{jq(at, marks)} {shlex.quote(path)} \\",
        f"  | {curl(LLAMA_SERVER + endpoint)}",
    ]
    return "\n".join(lines)
