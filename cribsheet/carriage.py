"""What a deployment can carry of a compiled program."""

from typing import Final, Literal, get_args

Carriage = Literal["text", "logit_bias", "logprobs", "runtime"]
"""`text`: the prompt, greedy decoding and stop sequences. `logit_bias`: the same, and a bias on the outcomes' tokens.
`logprobs`: also what a client can compute from the log-probabilities of one request. `runtime`: everything, including
corrections that make further requests."""

CARRIAGES: Final[tuple[Carriage, ...]] = get_args(Carriage)
"""Ordered from the one that carries least to the one that carries most."""
