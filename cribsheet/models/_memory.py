"""Work out from a model's file how much of earlier prompts an engine can keep."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cribsheet.models._gguf import Metadata, read_metadata

PREFIX_CACHE_MIB = 256
"""Memory for earlier prompts, in addition to the prompt that was read last."""
_MOST_FOR_WINDOWS = 4 << 30
"""The most bytes for keys and values of a whole context window, if the model's sliding windows need less."""
_BYTES_PER_NUMBER = 4
_RECURRENT = ("ssm.", "wkv.", "kda.", "shortconv.", "full_attention_interval", "attention.recurrent_layers")
"""Prefixes of the metadata keys that only recurrent models have: Mamba, RWKV, delta nets, short convolutions."""


@dataclass(frozen=True)
class Memory:
    """What a model remembers of the tokens that it has read.

    An attention layer keeps the keys and values of every token, so an engine can drop the end of a prompt and
    continue from any token before it. A layer with a sliding window keeps only those of the last few hundred tokens.
    A recurrent layer keeps a single state that sums up all tokens, and no token can be removed from it.
    """

    bytes_per_token: int = 0
    """Size of one token's keys and values over all layers; 0 if the file does not say."""
    has_windows: bool = False
    """Whether some layers have a sliding window."""
    is_recurrent: bool = False
    """Whether some layers are recurrent."""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """Return what a GGUF file's metadata says."""
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
        """Return whether there is memory for layers with sliding windows to keep all tokens of a context window.

        They then take as much memory as a model of the same shape without sliding windows.
        """
        return self.bytes_per_token * context_window <= _MOST_FOR_WINDOWS

    def goes_back(self, context_window: int) -> bool:
        """Return whether an engine can continue from any token of a prompt that it has read."""
        return not self.is_recurrent and (not self.has_windows or self.fits_whole(context_window))

    def prefix_tokens(self, context_window: int) -> int | None:
        """Return how many tokens of earlier prompts an engine keeps for reuse; None if unknown."""
        if not (self.goes_back(context_window) and self.bytes_per_token):
            return None
        return (PREFIX_CACHE_MIB << 20) // self.bytes_per_token
