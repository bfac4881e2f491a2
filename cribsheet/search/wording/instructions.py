"""Write instructions that state the allowed outcomes."""

from cribsheet.layout import Layout
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Signature


def spelled_out(signature: Signature, layout: Layout) -> str:
    """Return the signature's instructions, followed by the description and the allowed outcomes of each output.

    >>> from cribsheet.layout.catalogue import layout_named
    >>> from cribsheet.signature import Field
    >>> answer = Field(name="answer", abstains=True, description="a short phrase")
    >>> spelled_out(Signature(name="S", instructions="Answer.", inputs=(Field(name="q"),), outputs=(answer,)),
    ...             layout_named("message"))
    'Answer. Answer: a short phrase, or unanswerable.'
    """
    parts = [signature.instructions]
    for one in signature.outputs:
        told = [one.description] if one.description else []
        if one.closed_outcomes:
            told.append(f"one of {', '.join(map(layout.verbalizer, one.closed_outcomes))}")
        if one.type.is_structured:
            told.append(one.type.form_as(layout.verbalizer, layout.notation(one)))
        if one.abstains:
            told.append(f"or {layout.verbalizer(UNANSWERABLE)}")
        if told:
            parts.append(f"{layout.word(one.name)}: {', '.join(told)}.")
    return " ".join(part for part in parts if part)
