"""Tell from a model's file what an engine keeps of the prompts that it reads."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cribsheet.models._gguf import Metadata, read_metadata

PREFIX_CACHE_MIB = 256
"""Memory for earlier prompts, beside the one that was read last."""
_MOST_FOR_WINDOWS = 4 << 30
"""Bytes that keys and values of a whole context window may take if the model itself could do with less."""
_BYTES_PER_NUMBER = 4
_RECURRENT = ("ssm.", "wkv.", "kda.", "shortconv.", "full_attention_interval", "attention.recurrent_layers")
"""How the keys begin by which a file tells that some layers keep one state: Mamba, RWKV, delta nets, convolutions."""


@dataclass(frozen=True)
class Memory:
    """What a model keeps of the tokens that it has read.

    With attention, each layer keeps keys and values of each token, so an engine can forget the end of a prompt and go
    on from any place before it. A layer with a sliding window needs those of the last few hundred tokens alone; a
    recurrent layer keeps one state, which has taken in all tokens and cannot give one back.
    """

    bytes_per_token: int = 0
    """What keys and values of a token take in all layers; 0 if the file does not tell."""
    has_windows: bool = False
    """Whether some layers have a sliding window."""
    is_recurrent: bool = False
    """Whether some layers keep one state."""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """Return what a GGUF file tells."""
        metadata = read_metadata(path)
        prefix = f"{metadata.get('general.architecture')}."
        return cls._read({key.removeprefix(prefix): found for key, found in metadata.items() if key.startswith(prefix)})

    @classmethod
    def _read(cls, own: Metadata) -> Self:
        heads = own.get("attention.head_count", 0)
        heads = max(heads, default=0) if isinstance(heads, Sequence) else heads
        length = own.get("embedding_length", 0) // heads if heads else 0
        lengths = own.get("attention.key_length", length) + own.get("attention.value_length", length)
        of_layers = own.get("attention.head_count_kv", heads)
        key_heads = sum(of_layers) if isinstance(of_layers, Sequence) else of_layers * own.get("block_count", 0)
        return cls(
            bytes_per_token=key_heads * lengths * _BYTES_PER_NUMBER,
            has_windows=bool(own.get("attention.sliding_window")),
            is_recurrent=any(key.startswith(_RECURRENT) for key in own),
        )

    def fits_whole(self, context_window: int) -> bool:
        """Tell whether layers with sliding windows may keep all tokens of a context window too.

        They take as much memory then as a model of the same shape without sliding windows.
        """
        return self.bytes_per_token * context_window <= _MOST_FOR_WINDOWS

    def goes_back(self, context_window: int) -> bool:
        """Tell whether an engine can go on from any place in what it has read."""
        return not self.is_recurrent and (not self.has_windows or self.fits_whole(context_window))

    def prefix_tokens(self, context_window: int) -> int | None:
        """Return how many tokens of earlier prompts an engine keeps for reuse; None if that is not known."""
        if not (self.goes_back(context_window) and self.bytes_per_token):
            return None
        return (PREFIX_CACHE_MIB << 20) // self.bytes_per_token
