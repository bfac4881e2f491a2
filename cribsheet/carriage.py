"""What a deployment can carry of a compiled program."""

from typing import Final, Literal, get_args

Carriage = Literal["text", "logit_bias", "logprobs", "runtime"]
"""`text`: the prompt, greedy decoding and stops. `logit_bias`: that, and a bias on the outcomes' tokens. `logprobs`:
all that a client works out from the log-probabilities of one request. `runtime`: everything, further requests too."""

CARRIAGES: Final[tuple[Carriage, ...]] = get_args(Carriage)
"""From the least to the most."""
