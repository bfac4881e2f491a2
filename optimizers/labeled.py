"""Show random labelled rows in the first layout."""

from cribsheet.search.demos import balanced, counted_demos
from cribsheet.search.study import Study

SIZE = 8


def search(study: Study) -> None:
    """Show up to eight random rows of the demo pool; fewer if they do not fit the context window."""
    for size in range(SIZE, -1, -1):
        demos = {
            name: balanced(signature, study.pools[name], size=size, rng=study.rng)
            for name, signature in study.signatures.items()
        }
        candidate = study.candidate(study.layouts[0], demos, origin=f"random, {counted_demos(demos)}")
        if study.fits(candidate) or size == 0:
            study.extend(study.trial(candidate), len(study.val))
            return
