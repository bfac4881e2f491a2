"""Write GGUF files of each kind of model, with random weights, that the engine loads in a moment.

They answer nonsense, but are read, kept and forgotten as the large ones are. A token is a byte.
"""

import math
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

Value = int | float | str | Sequence[int] | Sequence[str]
Shape = tuple[int, ...]

WIDTH, INNER, VOCABULARY = 64, 128, 258
HEADS, KEY_HEADS, HEAD = 4, 2, 16
WINDOW = 512
"""Tokens that a layer with a sliding window looks back at."""
_SIZES: Mapping[str, Value] = {
    "context_length": 4096,
    "embedding_length": WIDTH,
    "block_count": 2,
    "feed_forward_length": INNER,
    "attention.layer_norm_epsilon": 1e-5,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "attention.head_count": HEADS,
    "attention.head_count_kv": KEY_HEADS,
    "rope.dimension_count": HEAD,
}
_ATTENTION: Mapping[str, Shape] = {
    "attn_q.weight": (WIDTH, HEADS * HEAD),
    "attn_k.weight": (WIDTH, KEY_HEADS * HEAD),
    "attn_v.weight": (WIDTH, KEY_HEADS * HEAD),
    "attn_output.weight": (HEADS * HEAD, WIDTH),
}
_KEY_NORMS: Mapping[str, Shape] = {"attn_q_norm.weight": (HEAD,), "attn_k_norm.weight": (HEAD,)}
_FORWARD: Mapping[str, Shape] = {
    "ffn_gate.weight": (WIDTH, INNER),
    "ffn_up.weight": (WIDTH, INNER),
    "ffn_down.weight": (INNER, WIDTH),
}
_NORMS: Mapping[str, Shape] = {"attn_norm.weight": (WIDTH,), "ffn_norm.weight": (WIDTH,)}


def tiny_gguf(kind: str, path: Path) -> Path:
    """Write a model of a kind: `attention`, `windows` (sliding ones), `recurrent` or `hybrid`."""
    architecture, keys, layers = _KINDS[kind]()
    tensors = {"token_embd.weight": (WIDTH, VOCABULARY), "output_norm.weight": (WIDTH,)}
    if architecture == "lfm2":
        tensors = {"token_embd.weight": (WIDTH, VOCABULARY), "token_embd_norm.weight": (WIDTH,)}
    for number, layer in enumerate(layers):
        tensors |= {f"blk.{number}.{name}": shape for name, shape in layer.items()}
    return write_gguf(path, architecture, {**_SIZES, "block_count": len(layers), **keys}, tensors)


def write_gguf(path: Path, architecture: str, keys: Mapping[str, Value], tensors: Mapping[str, Shape] = {}) -> Path:
    """Write a file with these keys of an architecture, and random tensors of these shapes."""
    pairs: dict[str, Value] = {"general.architecture": architecture}
    pairs |= {f"{architecture}.{key}": value for key, value in keys.items()} | _tokenizer()
    infos, data, rng = b"", b"", random.Random(0)
    for name, shape in tensors.items():
        data += bytes(-len(data) % 32)
        infos += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        numbers = _numbers(name, shape, rng)
        data += struct.pack(f"<{len(numbers)}f", *numbers)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    head += b"".join(_text(key) + _value(value) for key, value in pairs.items()) + infos
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


def _attention() -> tuple[str, Mapping[str, Value], list[Mapping[str, Shape]]]:
    return "llama", {}, [{**_NORMS, **_ATTENTION, **_FORWARD}] * 2


def _windows() -> tuple[str, Mapping[str, Value], list[Mapping[str, Shape]]]:
    layer = {"attn_norm.weight": (WIDTH,), **_ATTENTION, **_FORWARD}
    return "cohere2", {"attention.sliding_window": WINDOW, "logit_scale": 1.0}, [layer] * 4


def _recurrent() -> tuple[str, Mapping[str, Value], list[Mapping[str, Shape]]]:
    state, rank = 16, 4
    keys: dict[str, Value] = {"feed_forward_length": 0, "attention.head_count": 0, "attention.head_count_kv": 0}
    keys |= {"ssm.conv_kernel": 4, "ssm.inner_size": INNER, "ssm.state_size": state, "ssm.time_step_rank": rank}
    layer = {
        "attn_norm.weight": (WIDTH,),
        "ssm_in.weight": (WIDTH, 2 * INNER),
        "ssm_conv1d.weight": (4, INNER),
        "ssm_conv1d.bias": (INNER,),
        "ssm_x.weight": (INNER, rank + 2 * state),
        "ssm_dt.weight": (rank, INNER),
        "ssm_dt.bias": (INNER,),
        "ssm_a": (state, INNER),
        "ssm_d": (INNER,),
        "ssm_out.weight": (INNER, WIDTH),
    }
    return "mamba", keys, [layer] * 2


def _hybrid() -> tuple[str, Mapping[str, Value], list[Mapping[str, Shape]]]:
    convolution: dict[str, Shape] = {
        "shortconv.conv.weight": (3, WIDTH),
        "shortconv.in_proj.weight": (WIDTH, 3 * WIDTH),
        "shortconv.out_proj.weight": (WIDTH, WIDTH),
    }
    keys: dict[str, Value] = {"shortconv.l_cache": 3, "attention.head_count_kv": [0, KEY_HEADS], "rope.freq_base": 1e6}
    layers = [{**_NORMS, **_FORWARD, **layer} for layer in (convolution, {**_ATTENTION, **_KEY_NORMS})]
    return "lfm2", keys, layers


_KINDS = {"attention": _attention, "windows": _windows, "recurrent": _recurrent, "hybrid": _hybrid}


def _tokenizer() -> Mapping[str, Value]:
    """Return a vocabulary of the 256 bytes, of the end of a text and of one pair of bytes, which it may not lack."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    names = {byte: chr(byte) for byte in shown} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": [names[byte] for byte in range(256)] + ["<end>", "th"],
        "tokenizer.ggml.token_type": [1] * 256 + [3, 1],
        "tokenizer.ggml.merges": ["t h"],
        "tokenizer.ggml.bos_token_id": 256,
        "tokenizer.ggml.eos_token_id": 256,
    }


def _numbers(name: str, shape: Shape, rng: random.Random) -> list[float]:
    """Return random weights under which numbers neither vanish nor grow from layer to layer."""
    count = math.prod(shape)
    if "norm" in name:
        return [1.0] * count
    if name.endswith("ssm_a"):  # how fast a state fades
        return [-rng.random() for _ in range(count)]
    return [rng.gauss(0.0, shape[0] ** -0.5) for _ in range(count)]


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Value) -> bytes:
    match value:
        case str():
            return struct.pack("<I", 8) + _text(value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(str(one)) for one in value)
    return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
