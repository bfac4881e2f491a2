"""A frozen program made by hand."""

from cribsheet.dataset.examples import Demo
from cribsheet.frozen import Decoding, FrozenProgram, FrozenPrompt, ModelIdentity, Provenance, Results
from cribsheet.frozen.running import direct_wiring
from cribsheet.frozen.score import Gain, Score
from cribsheet.layout.catalogue import layout_named
from cribsheet.signature import Signature
from toys import SENTIMENT


def toy_prompt(signature: Signature = SENTIMENT, layout: str = "plain", demos: tuple[Demo, ...] = ()) -> FrozenPrompt:
    """Return a prompt in one layout."""
    return FrozenPrompt(
        signature=signature,
        layout=layout_named(layout),
        instructions=signature.instructions,
        demos=demos,
        decoding=Decoding(decide_by="text", max_tokens=8),
    )


def toy_program(prompt: FrozenPrompt | None = None) -> FrozenProgram:
    """Return a program of one prompt."""
    prompt = prompt or toy_prompt()
    return FrozenProgram(
        task="toy",
        prompts={"predict": prompt},
        wiring=direct_wiring("predict", prompt.signature),
        model=ModelIdentity(name="scripted/student", digest=None),
        results=Results(
            metric="label_accuracy",
            baseline=Score(score=0.5, low=0.4, high=0.6, n=100),
            compiled=Score(score=0.9, low=0.8, high=0.95, n=100),
            gain=Gain(mean=0.4, low=0.3, high=0.5, n=100),
        ),
        provenance=Provenance(
            optimizer="race",
            seed=0,
            budget="40000 tokens",
            spent_tokens=39000,
            origin="8 demos, plain",
            evaluations=500,
            candidates=20,
            splits={"train": "a", "val": "b", "test": "c"},
            versions={"cribsheet": "0.1.0"},
        ),
    )
