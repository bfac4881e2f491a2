"""Make prompts that reason before they answer."""

from collections.abc import Sequence
from dataclasses import replace

from cribsheet.dataset.examples import Demo, Row
from cribsheet.dataset.traces import rationales_of
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.rendering import render_outputs
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import counted_demos
from cribsheet.search.study import Study
from cribsheet.search.wording.instructions import spelled_out
from cribsheet.signature import Signature

RATIONALE_TOKENS = 96
"""The most tokens that a teacher may reason for."""
_MARGIN = 8
_HINT = "Hint"


def rationales(study: Study, name: str) -> tuple[Demo, ...]:
    """Return a predictor's demos with rationales from the teacher's runs; none if there were no runs."""
    return rationales_of(study.teacher_runs.traces, name, study.signatures[name]) if study.teacher_runs else ()


def reasoned(study: Study, name: str, layout: Layout, demos: Sequence[Demo]) -> FrozenPrompt:
    """Return a predictor's prompt that asks for `reasoning` before the outputs.

    `demos` have rationales, like those of `rationales`. The model may write as many tokens as the longest bootstrapped
    rationale with its answer has.

    Raises:
        SignatureError: the predictor has a `reasoning` field of its own.
    """
    signature = study.signatures[name].with_reasoning()
    layout.check(signature)
    shown = (*demos, *rationales(study, name))
    longest = max(
        (study.model.count_tokens(render_outputs(layout, signature, demo.outputs)) for demo in shown),
        default=RATIONALE_TOKENS,
    )
    return FrozenPrompt(
        signature=signature,
        layout=layout,
        instructions=study.signatures[name].instructions,
        reasoning=True,
        demos=tuple(demos),
        decoding=Decoding(max_tokens=longest + _MARGIN),
    )


def reasoning_variant(study: Study, candidate: Candidate, *, size: int) -> Candidate | None:
    """Return the candidate with up to `size` random rationales for each predictor that has some.

    Each predictor keeps its layout. None if there are no rationales.
    """
    prompts = dict(candidate.prompts)
    for name, prompt in candidate.prompts.items():
        pool = rationales(study, name)
        if pool:
            drawn = study.rng.sample(pool, min(size, len(pool)))
            prompts[name] = reasoned(study, name, prompt.layout, _one_an_input(drawn))
    if not any(prompt.reasoning for prompt in prompts.values()):
        return None
    shown = counted_demos({name: prompt.demos for name, prompt in prompts.items()})
    layout = next(iter(prompts.values())).layout.name
    return replace(candidate, prompts=prompts, origin=f"{shown}, reasoning, {layout}")


def asked_to_reason(signature: Signature, prompt: FrozenPrompt, layout: Layout) -> FrozenPrompt:
    """Return a prompt that asks a teacher in words to reason, without demos."""
    reasoning = signature.with_reasoning()
    return FrozenPrompt(
        signature=reasoning,
        layout=layout,
        instructions=spelled_out(reasoning, layout),
        reasoning=True,
        decoding=Decoding(max_tokens=prompt.decoding.max_tokens + RATIONALE_TOKENS),
    )


def hinted(prompt: FrozenPrompt, row: Row) -> FrozenPrompt:
    """Return the prompt with the row's right answer shown as a hint, so that the rationale explains that answer.

    This is the rationalization of STaR (Zelikman et al. 2022, arXiv:2203.14465). The hint is part of the layout, not
    of the inputs, so a demo made from the answer does not contain it.
    """
    layout = prompt.layout
    told = []
    for name, (value, *_) in row.outputs.items():
        known = next((field for field in prompt.signature.outputs if field.name == name), None)
        said = layout.verbalizer(known.outcome_of(value)) if known and known.is_finite else str(value)
        told.append(f"the right {layout.word(name).lower()} is {said}")
    hint = f"({_HINT}: {', '.join(told)}.)"
    return prompt.model_copy(update={"layout": layout.model_copy(update={"reminder": hint})})


def gives_the_hint_away(rationale: str) -> bool:
    """Tell whether a rationale mentions the hint, which is missing when the rationale is shown as a demo.

    >>> gives_the_hint_away("The hint says positive.")
    True
    """
    return _HINT.casefold() in rationale.casefold()


def _one_an_input(demos: Sequence[Demo]) -> list[Demo]:
    return list({repr(sorted(demo.inputs.items())): demo for demo in demos}.values())
