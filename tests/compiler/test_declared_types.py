"""Every type that a dspy signature declares becomes a kind of value, and users get their own types back."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import itertools
import re
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple

import dspy
import pytest
from pydantic import BaseModel, Field, RootModel, computed_field, field_validator
from typing_extensions import NotRequired, TypedDict  # noqa: UP035  # pydantic takes no other before Python 3.12

from cribsheet import Task, Unanswerable
from cribsheet.compiler.annotations import Kinds
from cribsheet.compiler.bridge import DspyProgram, as_module, signature_of
from cribsheet.compiler.own_types import metric_of
from cribsheet.dataset.examples import Row
from cribsheet.errors import DataError, SignatureError
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.frozen import Decoding
from cribsheet.layout.parsing import ParseFailure
from cribsheet.layout.rendering import render_outputs
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Value
from cribsheet.signature import Field as Declared
from cribsheet.signature import Signature
from frozen_toys import toy_prompt


class Mood(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Address(BaseModel):
    street: str
    city: str = "Oslo"


class Person(BaseModel):
    """A person."""

    name: str = Field(min_length=1, description="the full name")
    born: datetime.date | None = None
    addresses: list[Address] = []
    mood: Mood = Mood.LOW
    full: str = Field(default="", alias="fullName")


@dataclasses.dataclass
class Price:
    amount: decimal.Decimal
    tags: list[str] = dataclasses.field(default_factory=list)


class Point(NamedTuple):
    x: int
    y: float


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Names(RootModel[list[str]]):
    pass


class Even(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def _even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("it is odd")
        return number


class Node(BaseModel):
    name: str
    children: list[Node]


class Branch(NamedTuple):
    name: str
    next: Branch | None


class Entry(BaseModel):
    tags: set[str] = {"d", "b", "a", "c"}
    copied: list[str] = Field(default_factory=lambda data: sorted(data["tags"]))
    at: decimal.Decimal = Field(default_factory=lambda: decimal.Decimal(next(_ticks)))
    age: int = None  # type: ignore[assignment]  # pydantic does not check defaults


class Order(BaseModel):
    count: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def boxes(self) -> int:
        return -(-self.count // 6)


_ticks = itertools.count()


class Nothing(enum.Enum):
    pass


def made(annotation: Any) -> type[dspy.Signature]:
    return dspy.Signature(
        {"text": (str, dspy.InputField()), "out": (annotation, dspy.OutputField(desc="told"))}, "Find."
    )


def declared(annotation: Any) -> Declared:
    return signature_of(made(annotation)).outputs[0]


PERSON = {"name": "Ann", "born": "1990-01-02", "addresses": [{"street": "Low 1", "city": "Rome"}], "mood": "high"}

CASES: list[tuple[Any, Value, Any]] = [
    (list[str], ["a", "b"], ["a", "b"]),
    (list[int], [1, 2], [1, 2]),
    (tuple[str, int], ["a", 1], ("a", 1)),
    (tuple[str, ...], ["a"], ("a",)),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (set[Literal["x", "y"]], ["x", "y"], {"x", "y"}),
    (frozenset[Mood], ["low"], frozenset({Mood.LOW})),
    (list[Mood], ["low", "high"], [Mood.LOW, Mood.HIGH]),
    (Mood, "high", Mood.HIGH),
    (Person, PERSON | {"full": "x"}, Person.model_validate(PERSON | {"fullName": "x"})),
    (list[Person], [{**PERSON, "born": None, "full": ""}], [Person.model_validate(PERSON | {"born": None})]),
    (list[Order], [{"count": 7}], [Order(count=7)]),
    (Price, {"amount": "1.50", "tags": []}, Price(decimal.Decimal("1.50"))),
    (Point, [1, 2.5], Point(1, 2.5)),
    (Movie, {"title": "Up"}, {"title": "Up"}),
    (Names, ["a"], Names(["a"])),
    (datetime.date, "2024-05-01", datetime.date(2024, 5, 1)),
    (datetime.datetime, "2024-05-01T10:30:00", datetime.datetime(2024, 5, 1, 10, 30)),
    (decimal.Decimal, "12.50", decimal.Decimal("12.50")),
    (int | str, "a", "a"),
    (Person | list[str], ["a"], ["a"]),
    (list[str] | None, None, None),
    (list[str] | Unanswerable, Unanswerable(), Unanswerable()),
    (Annotated[int, Field(ge=1, le=5)], 3, 3),
    (list[Annotated[str, Field(max_length=3)]], ["abc"], ["abc"]),
    (Literal["a", None], None, None),
    (list[Annotated[str, Field(pattern=r"^\p{L}+$")]], ["abc"], ["abc"]),
    (list[Annotated[str, Field(pattern=re.compile("^[a-c]+$"))]], ["abc"], ["abc"]),
    (Annotated[float, Field(ge=decimal.Decimal("1.5"))], 2.5, 2.5),
    (Annotated[decimal.Decimal, Field(ge=0, lt=100)], "12.50", decimal.Decimal("12.50")),
]


@pytest.mark.parametrize(("annotation", "value", "own"), CASES, ids=[str(case[0])[:40] for case in CASES])
def test_a_value_is_json_inside_and_the_users_type_outside(annotation: Any, value: Value, own: Any) -> None:
    field = declared(annotation)
    assert field.coerce(value) == value
    program = DspyProgram(dspy.Predict(made(annotation)))
    assert Signature.model_validate(program.signature.model_dump(mode="json")) == program.signature
    typed = program.own_types.typed("out", value)
    assert typed == own
    assert type(typed) is type(own)


@pytest.mark.parametrize(("annotation", "value", "own"), CASES, ids=[str(case[0])[:40] for case in CASES])
def test_a_programs_code_gets_its_own_types_and_may_return_them(annotation: Any, value: Value, own: Any) -> None:
    seen: list[Any] = []

    class Look(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.find = dspy.Predict(made(annotation))

        def forward(self, text: str) -> dspy.Prediction:
            found = self.find(text=text)
            seen.append(found.out)
            return dspy.Prediction(out=found.out)

    program = DspyProgram(Look())
    prompt = toy_prompt(program.signature)
    prompt = prompt.model_copy(update={"decoding": Decoding(max_tokens=200)})
    said = render_outputs(prompt.layout, program.signature, {"out": value})
    run = program.run({"find": prompt}, {"text": "fine"}, ScriptedModel({"fine": said}))
    assert not isinstance(run.outputs, ParseFailure), run.outputs.reason
    assert seen == [own]
    assert run.outputs == {"out": value}


def test_an_input_comes_to_the_programs_code_in_its_own_type() -> None:
    class Greet(dspy.Signature):
        """Greet."""

        person: Person = dspy.InputField()
        at: datetime.date | None = dspy.InputField()
        greeting: str = dspy.OutputField()

    seen: list[Any] = []

    class Look(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.greet = dspy.Predict(Greet)

        def forward(self, person: Person, at: datetime.date | None) -> dspy.Prediction:
            seen.append((person, at))
            return self.greet(person=person, at=at)

    Greet.__annotations__  # noqa: B018  # they are resolved when the program is made
    program = DspyProgram(Look())
    prompt, asked = toy_prompt(program.signature), PERSON | {"full": ""}
    model = ScriptedModel({'"name": "Ann"': " Hi"})
    run = program.run({"greet": prompt}, {"person": asked, "at": "2024-05-01"}, model)
    assert run.outputs == {"greeting": "Hi"}
    assert seen == [(Person.model_validate(PERSON), datetime.date(2024, 5, 1))]
    assert run.calls[0].inputs == {"person": asked, "at": "2024-05-01"}


def test_a_value_that_the_users_class_refuses_is_a_parse_failure_and_a_row_of_it_an_error() -> None:
    class Look(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.find = dspy.Predict(made(Even))

        def forward(self, text: str) -> dspy.Prediction:
            return self.find(text=text)

    program = DspyProgram(Look())
    prompts = {"find": toy_prompt(program.signature)}
    run = program.run(prompts, {"text": "fine"}, ScriptedModel({"fine": ' {"number": 3}'}))
    assert isinstance(run.outputs, ParseFailure)
    assert "odd" in run.outputs.reason
    with pytest.raises(DataError, match=r"line 7: out is not accepted by its type at number: .*odd.*Correct the row"):
        program.own_types.check([Row({"text": "x"}, {"out": ({"number": 3},)}, where="rows.jsonl, line 7")])


def test_constraints_and_defaults_and_descriptions_are_kept() -> None:
    person: Any = declared(Person).type
    assert [member.name for member in person.members] == ["name", "born", "addresses", "mood", "full"]
    assert person.members[0].description == "the full name"
    assert person.coerce({"name": "Ann"}) == {"name": "Ann", "born": None, "addresses": [], "mood": "low", "full": ""}
    for wrong in ({"name": ""}, {}, {"name": "Ann", "age": 3}, "Ann", ["Ann"]):
        with pytest.raises(ValueError, match=r"must|has"):
            person.coerce(wrong)
    stars = dspy.Signature({"text": (str, dspy.InputField()), "out": (int, dspy.OutputField(ge=1, le=5))}, "Rate.")
    with pytest.raises(ValueError, match="at most 5"):
        signature_of(stars).outputs[0].coerce(6)


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (dspy.Image, "Image, which is not supported"),
        (list[dspy.Image], "Image, which is not supported"),
        (bytes, "bytes, which is not supported"),
        (dict[int, str], "which is not supported"),
        (Nothing, "Nothing, which has no values"),
        (Node, "Node, which contains itself"),
        (Branch, "Branch, which contains itself"),
        (list[str | Unanswerable], "Unanswerable inside another type"),
        (Annotated[list[str], Field(min_length=3, max_length=1)], "at least 3 and at most 1, which none"),
        (Annotated[int, Field(ge=5, le=2)], "at least 5 and at most 2"),
    ],
)
def test_a_type_that_no_prompt_can_hold_is_refused_with_its_field(annotation: Any, told: str) -> None:
    with pytest.raises(SignatureError, match=rf"The field 'out' has .*{told}"):
        declared(annotation)


def test_a_type_alias_that_contains_itself_is_refused() -> None:
    tree: Any = SimpleNamespace(__name__="Tree")  # only the `type` statement of Python 3.12 can write such an alias
    tree.__value__ = list[tree]
    with pytest.raises(SignatureError, match="Tree, which contains itself"):
        Kinds("out").kind(tree)


def test_an_empty_literal_is_refused() -> None:  # dspy itself cannot make a signature of it
    with pytest.raises(SignatureError, match=r"'out' has the type .*Literal.*no values. Give its Literal"):
        Kinds("out").kind(Literal[()])


def test_a_default_that_is_not_the_same_for_all_records_is_left_to_the_users_class() -> None:
    field = declared(Entry)
    assert field == declared(Entry)
    assert field.coerce({}) == field.coerce({"at": None, "age": None}) == {"tags": ["a", "b", "c", "d"]}
    own = DspyProgram(dspy.Predict(made(Entry))).own_types.typed("out", {"tags": ["b", "a"]})
    assert (own.copied, own.age) == (["a", "b"], None)


def test_a_metric_gets_fields_that_are_named_like_methods() -> None:
    class Named(dspy.Signature):
        inputs: str = dspy.InputField()
        items: decimal.Decimal = dspy.OutputField()
        outputs: datetime.date = dspy.OutputField()

    seen: list[Any] = []

    def metric(example: Any, prediction: Any, trace: object = None) -> float:
        seen.append((example["inputs"], example["items"], prediction["items"], prediction["outputs"]))
        return 1.0

    task = Task(Named, metric=metric, trainset="x.jsonl")
    typed = metric_of(task, DspyProgram(as_module(Named)).own_types)
    row = Row({"inputs": "x"}, {"items": ("1.50",), "outputs": ("2024-05-01",)})
    assert apply_metric(typed, row, {"items": "1.5", "outputs": "2024-05-01"}) == 1.0
    assert seen == [("x", decimal.Decimal("1.50"), decimal.Decimal("1.5"), datetime.date(2024, 5, 1))]
