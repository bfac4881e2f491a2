"""Make a decision model of any chat model, by what its GGUF file says of itself."""

import struct
from pathlib import Path

_STRING, _ALIGNMENT = 8, 32
_TEMPLATE = (
    "<|im_start|>user\n{{ state }}\n\n{{ instructions }}\n"
    "{% for option in options %}{{ option.label }}. {{ option.key }}"
    "{% if option.description %}: {{ option.description }}{% endif %}\n{% endfor %}"
    "Answer with the letter alone.<|im_end|>\n<|im_start|>assistant\n"
)


def write_decision_weights(source: Path, target: Path) -> Path:
    """Write the weights again, with the metadata by which llama.cpp knows a decision model of the type `openjev`.

    That type reads the probability of a letter for each option, at the end of a prompt made by its own template.
    """
    content = source.read_bytes()
    magic, version, tensors, entries = struct.unpack_from("<4sIQQ", content)
    added = [("llama.decision.type", "openjev"), ("tokenizer.chat_template.systemone", _TEMPLATE)]
    written = b"".join(_entry(key, value) for key, value in added)
    # What comes after the metadata is aligned, so that what is added has to be a multiple of that.
    room = -(len(written) + len(_entry("padding", ""))) % _ALIGNMENT
    written += _entry("padding", " " * room)
    head = struct.pack("<4sIQQ", magic, version, tensors, entries + len(added) + 1)
    target.write_bytes(head + written + content[len(head) :])
    return target


def _entry(key: str, value: str) -> bytes:
    return _counted(key) + struct.pack("<I", _STRING) + _counted(value)


def _counted(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
