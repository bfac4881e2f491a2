"""Turn a free text into a record of a person."""

import dspy
from pydantic import BaseModel


class Person(BaseModel):
    """What a text says of one person."""

    name: str
    age: int | None = None
    city: str | None = None
    occupation: str | None = None


class Records(dspy.Signature):
    """Write down what the text says of the person: the name, the age in years, the city, the occupation."""

    text: str = dspy.InputField()
    person: Person = dspy.OutputField()
