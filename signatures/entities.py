"""Find the people, organisations and places that a text names."""

import dspy


class Entities(dspy.Signature):
    """List the people, the organisations and the places that the text names, as they are written there."""

    text: str = dspy.InputField()
    people: list[str] = dspy.OutputField()
    organisations: list[str] = dspy.OutputField()
    places: list[str] = dspy.OutputField()
