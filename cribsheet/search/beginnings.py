"""Tell from its first token alone how sure a model is of the right span."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from cribsheet.spans import CJK

_WORD = re.compile(rf"[^\W_{CJK}]+(?:[-'’.,][^\W_{CJK}]+)*")
_CHARACTERS = re.compile(rf"(?=([{CJK}]{{1,4}}))")  # a token holds seldom more


def begun_right(first_token: Mapping[str, float], accepted: Sequence[str], text: str) -> float:
    """Return how sure a model is that its answer, a span of the text, begins as an accepted one does, 0 to 1.

    That is the root of the probability of this, of all ways to begin with a word of the text: what it would
    say and what is right have so much in common as distributions (Bhattacharyya 1943). Without the other words,
    layouts would look good in which tokens are mere letters, as after a tag: they begin many words.

    `first_token` has the natural log-probabilities of its alternatives.

    >>> said = {" 19": math.log(0.2), " Paris": math.log(0.2), " It": math.log(0.5)}
    >>> round(begun_right(said, ["1998"], "Opened in Paris in 1998") ** 2, 3)
    0.5
    """
    said: defaultdict[str, float] = defaultdict(float)
    for token, logprob in first_token.items():
        said[token.strip().casefold()] += math.exp(logprob)
    right = max(_begun(said, answer.casefold()) for answer in accepted)
    folded = text.casefold()
    words = {*_WORD.findall(folded), *_CHARACTERS.findall(folded)}
    return math.sqrt(right / max(right, math.fsum(_begun(said, word) for word in words))) if right else 0.0


def _begun(said: Mapping[str, float], word: str) -> float:
    """Return the probability of the tokens that begin a word."""
    return math.fsum(said[word[:length]] for length in range(1, len(word) + 1) if word[:length] in said)
