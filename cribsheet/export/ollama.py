"""Export to a Modelfile, from which `ollama create` makes a model that carries the prompt.

Reference: `docs/modelfile.mdx` and `docs/api.md` of https://github.com/ollama/ollama.

A raw prompt becomes the TEMPLATE and replaces the model's own. The turns of a chat become SYSTEM and MESSAGE, and the
model keeps its own template. A Modelfile cannot carry part of a message, and it garbles some characters: in these
cases the whole chat is in a comment, to be sent with each request.
"""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import caveats, input_forms, unescaped
from cribsheet.export._modelfile import ALWAYS_OWN, comment, is_writable, quoted, template_text
from cribsheet.export._shell import curl, jq
from cribsheet.layout.template import Pieces, Slot, Turn, filled
from cribsheet.models.weights import find

_LOCAL = "http://localhost:11434"
REQUEST = "#> "
"""The start of the one comment line with the body of a request; no other comment line starts like this."""
_ROLES = {"system": "SYSTEM", "user": "MESSAGE user", "assistant": "MESSAGE assistant"}


@dataclass(frozen=True)
class _Shares:
    """The parts of the prompt that the Modelfile carries, and those that each request sends."""

    carried: str
    """The Modelfile instructions with the fixed part of the prompt."""
    sent: Pieces
    """What each request sends as its prompt or as its last message."""
    turns_sent: tuple[Turn, ...] = ()
    """The turns that each request sends before its last message."""


def to_ollama(source: Source) -> Export:
    """Return a Modelfile."""
    path = source.saved_as("Modelfile")
    shares = _chat_shares(source) if source.opened.turns else _raw_shares(source)
    usage = _usage(source, shares, path)
    said = (*_ollama_caveats(source, shares), unescaped(source), *caveats(source))
    lost = (f"- {caveat}" for caveat in said)
    head = f"The prompt {source.name} of {source.program.task}, compiled by Cribsheet for {source.model.name}."
    parts = [
        comment("\n".join([head, source.score("text"), "", *usage.split("\n"), "", "Not carried:", *lost])),
        _from(source),
        _parameters(source),
        shares.carried,
        f"{REQUEST}{json.dumps(_request(source, shares), ensure_ascii=False)}\n",
    ]
    text = "\n".join(part for part in parts if part)
    return Export(
        target="ollama",
        text=text,
        file_name=path,
        usage=usage,
        carriage="text",
        score=source.score("text"),
        caveats=said,
    )


def _raw_shares(source: Source) -> _Shares:
    pieces = source.opened.text
    slots = [place for place, piece in enumerate(pieces) if isinstance(piece, Slot)]
    before, sent, after = pieces[: slots[0]], pieces[slots[0] : slots[-1] + 1], pieces[slots[-1] + 1 :]
    head, tail = filled(before, {}), filled(after, {})
    if len(sent) > 1:  # marks separate several inputs, so the request has to contain them
        layout, order = source.prompt.layout, source.prompt.layout.ordered(source.prompt.signature)
        opening = layout.opening(order[0].name, layout.input_mark) + layout.input_mark.gap
        closing = layout.closing(order[-1].name, layout.input_mark)
        head, tail = head.removesuffix(opening), tail.removeprefix(closing)
        sent = tuple(piece for piece in (opening, *sent, closing) if piece)
    template = f"{ALWAYS_OWN}{template_text(head)}{{{{ .Prompt }}}}{template_text(tail)}"
    return _Shares(
        carried="# The first branch never runs; it keeps Ollama from using the model's own template instead.\n"
        f"TEMPLATE {quoted(template)}\n",
        sent=sent,
    )


def _chat_shares(source: Source) -> _Shares:
    *before, last = source.opened.turns
    contents = [filled(turn.content, {}) for turn in before]
    if not all(map(is_writable, contents)):
        return _Shares(carried="", sent=last.content, turns_sent=tuple(before))
    lines = [f"{_ROLES[turn.role]} {quoted(content)}\n" for turn, content in zip(before, contents, strict=True)]
    return _Shares(carried="".join(lines), sent=last.content)


def _whence(weights: str) -> str:
    return f': cp "$(cribsheet models path {weights})" .' if find(weights) else ""


def _from(source: Source) -> str:
    if source.weights_file:
        digest = f" ({source.model.digest})" if source.model.digest else ""
        return (
            comment(f"Copy the weights{digest} beside this file{_whence(source.weights)}.")
            + f"FROM ./{source.weights_file}\n"
        )
    if source.runs_on_ollama:
        return f"FROM {source.model_name}\n"
    return comment(f"Write Ollama's name for the weights of {source.model.name} here:") + f"FROM {source.model_name}\n"


def _parameters(source: Source) -> str:
    parameters = {
        "num_ctx": source.model.context_window,
        "num_predict": source.sampling.max_tokens,
        "temperature": f"{source.sampling.temperature:g}",
        "seed": source.sampling.seed,
        # The model's own Modelfile may penalize repetition, but answers repeat words of the demos.
        "repeat_penalty": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }
    lines = [f"PARAMETER {name} {value}\n" for name, value in parameters.items()]
    stops = [f"PARAMETER stop {quoted(stop)}\n" for stop in source.opened.stop if is_writable(stop)]
    return "".join([*lines, *stops])


def _request(source: Source, shares: _Shares) -> dict[str, Any]:
    """Return the body of a request to Ollama's own API, with placeholders."""
    marks = source.opened.placeholders()
    # With `truncate`, which is the default, Ollama silently drops demos from a prompt that is too long.
    body: dict[str, Any] = {"model": source.slug, "stream": False, "truncate": False}
    if source.opened.turns:
        turns = [*shares.turns_sent, Turn(source.opened.turns[-1].role, shares.sent)]
        body["messages"] = [{"role": turn.role, "content": filled(turn.content, marks)} for turn in turns]
        body["think"] = False
    else:
        body["prompt"] = filled(shares.sent, marks)
    left = [stop for stop in source.opened.stop if not is_writable(stop)]
    # Stop sequences of a request replace those of the Modelfile.
    return body | ({"options": {"stop": list(source.opened.stop)}} if left else {})


def _usage(source: Source, shares: _Shares, path: str) -> str:
    marks = source.opened.placeholders()
    file = shlex.quote(path)
    is_chat = bool(source.opened.turns)
    base = (source.model.endpoint.rstrip("/") if source.runs_on_ollama else "") or _LOCAL
    lines = [f"ollama create {source.slug} -f {file}"]
    if not shares.turns_sent and not _is_whole(source):
        flag = " --think=false" if is_chat else ""
        lines.append(f"ollama run {source.slug}{flag} {shlex.quote(filled(shares.sent, marks))}")
    lines += [
        f"sed -n 's/^{REQUEST}//p' {file} | {jq('.messages[-1].content' if is_chat else '.prompt', marks)} \\",
        f"  | {curl(base + ('/api/chat' if is_chat else '/api/generate'))}",
    ]
    return "\n".join([*lines, *(f"# {line}" for line in input_forms(source.prompt))])


def _is_whole(source: Source) -> bool:
    """Tell whether the whole prompt is in the one message that the user sends."""
    return source.prompt.layout.style == "one_message"


def _ollama_caveats(source: Source, shares: _Shares) -> tuple[str, ...]:
    said = []
    if not source.opened.turns:
        said.append(
            f"`ollama show --template {source.slug}` must print this prompt. If it does not, start Ollama with "
            "OLLAMA_GO_TEMPLATE=1. If `ollama show --modelfile` has a RENDERER or PARSER line, as for some recent "
            "models, Ollama ignores the TEMPLATE: send the whole prompt that `--to openai` shows, with raw set to true."
        )
        said.append("A session of `ollama run` repeats the prompt at each turn: give each input on the command line.")
    elif source.weights_file:
        said.append(
            "Ollama chooses the chat template for these weights itself. It may differ from the one that the prompt was "
            "compiled with, for example in a default system message: compare "
            f"`ollama show --template {source.slug}`."
        )
    if _is_whole(source):
        said.append(
            "The prompt is one message, and a Modelfile cannot carry part of a message: send all of it, as the "
            "commands do."
        )
    elif shares.turns_sent:
        said.append("Some turns have characters that a Modelfile would garble: send all turns, as the commands do.")
    if any(not is_writable(stop) for stop in source.opened.stop):
        said.append(
            "A stop sequence has characters that a Modelfile would drop: send it, as the request in the file does."
        )
    if not (source.weights_file or source.runs_on_ollama):
        said.append(
            f"Compiled for {source.model.name}: put Ollama's name for the same weights into FROM, if Ollama has them."
        )
    return tuple(said)
