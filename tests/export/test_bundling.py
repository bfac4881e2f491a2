"""Modules become one that Python 3.9 runs, or the build says why they cannot."""

import ast
import textwrap
from collections.abc import Mapping
from typing import Any

import pytest

from cribsheet.errors import BundleError
from cribsheet.export.bundling import Bundle, bundle
from cribsheet.export.bundling.scopes import global_names
from cribsheet.export.bundling.sources import read_installed


def bundled(sources: Mapping[str, str], *roots: str, public: str = "") -> Bundle:
    """Bundle names of the module `toy.main`."""
    texts = {f"toy.{name}": textwrap.dedent(source) for name, source in sources.items()}
    return bundle(
        [("toy.main", root) for root in roots or ("run",)],
        read=lambda name: texts.get(name) or read_installed(name),
        packages=("toy",),
        public=[("toy.main", public)] if public else (),
    )


def ran(bundle: Bundle) -> dict[str, Any]:
    source = f"from __future__ import annotations\n{bundle.imports}\n{bundle.text}"
    ast.parse(source, feature_version=(3, 9))
    names: dict[str, Any] = {"__name__": "builtins"}
    exec(compile(source, "bundle", "exec", dont_inherit=True), names)
    return names


def test_names_that_two_modules_have_stay_apart() -> None:
    sources = {
        "one": """
            import json
            _SIZE = 2
            def _split(text):
                _size = _SIZE
                return [json.dumps(text[at : at + _size]) for at in range(0, len(text), _size)]
            def pairs(text):
                return _split(text)
        """,
        "main": """
            from toy.one import pairs as two
            _SIZE = 3
            def _split(text, _SIZE=_SIZE):
                return text[:_SIZE]
            def run(text):
                json = _split(text)
                return json, two(text), [_split(two) for two in (text, text[1:])]
        """,
    }
    found = bundled(sources)
    assert ran(found)["run"]("abcd") == ("abc", ['"ab"', '"cd"'], ["abc", "bcd"])
    assert "def _one_split" in found.text
    assert found.modules == ("toy.one", "toy.main")


def test_what_nothing_needs_is_left_out() -> None:
    sources = {
        "main": """
            '''The main module.'''
            import heavy
            UNUSED = heavy.load()
            class Tool:
                '''A tool.'''
                def used(self):
                    return self.also_used
                @property
                def also_used(self):
                    return 1
                def unused(self):
                    return UNUSED
                def __len__(self):
                    return 2
            def run():
                tool = Tool()
                return tool.used() + len(tool)
        """
    }
    found = bundled(sources)
    assert ran(found)["run"]() == 3
    assert found.text.startswith("# From toy.main: The main module.\n")
    assert "unused" not in found.text
    assert "heavy" not in found.text + found.imports
    with pytest.raises(BundleError, match=r"uses heavy\.load, and a bundle has the standard library alone"):
        bundled(sources, public="Tool")


def test_models_become_plain_records() -> None:
    sources = {
        "main": """
            from functools import cached_property
            from typing import ClassVar, Literal, Self
            from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator
            class Base(BaseModel):
                model_config = ConfigDict(frozen=True)
                kind: str
                label: ClassVar[str] = "base"
            class Word(Base):
                kind: Literal["word"] = "word"
                text: str
                '''What it is.'''
                note: str | None = Field(default=None, description="more")
                @field_validator("text")
                @classmethod
                def _check(cls, text):
                    return text.strip()
                @cached_property
                def folded(self) -> str:
                    return self.text.casefold()
                def longer(self) -> Self:
                    return self.model_copy(update={"text": self.text * 2})
            class Pair(BaseModel):
                words: tuple[SerializeAsAny[Base], ...] = ()
            def run():
                word = Word(text="Ab")
                same = word == Word(text="Ab", note=None) != Word(text="b")
                return word.kind, word.folded, word.longer().text, word.note, same, Pair(words=(word,)), word.label
        """
    }
    run = ran(bundled(sources))["run"]
    assert run()[:5] == ("word", "ab", "AbAb", None, True)
    assert repr(run()[5]) == "Pair(words=(Word(kind='word', text='Ab', note=None),))"
    word = run()[5].words[0]
    with pytest.raises(AttributeError, match="text cannot be set"):
        word.text = "x"
    with pytest.raises(TypeError, match="Word takes kind, text, note but got wort"):
        type(word)(wort="x")
    assert hash(word) == hash(type(word)(text="Ab"))


def test_f_strings_with_strings_inside_are_formatted() -> None:
    source = """
        def run(names, width):
            return [
                f"{'|'.join(names)!r:>{width}} {{x}} {names[0]}",
                f"{len(names)}: it's",
                f"{f'{width:02}'}",
                f"{'%'}{1.5:.2f}",
            ]
    """
    found = bundled({"main": source})
    assert ran(found)["run"](["a", "b"], 8) == ["   'a|b' {x} a", "2: it's", "08", "%1.50"]
    assert "'{!r:>{}} {{x}} {}'.format('|'.join(names), width, names[0])" in found.text
    assert """f"{len(names)}: it's\"""" in found.text


def test_dataclasses_become_records() -> None:
    sources = {
        "main": """
            from dataclasses import dataclass, field, replace
            @dataclass(frozen=True)
            class Place:
                x: int
                y: int = field(default=2)
                @property
                def sum(self):
                    return self.x + self.y
            @dataclass
            class Count:
                number: int = 0
            def run():
                place, count = Place(1), Count()
                count.number += place.sum
                return repr(replace(place, x=5)), count.number, Place(1, y=2) == place, hash(place) == hash(Place(1))
        """
    }
    found = bundled(sources, "run", "Place")
    run, place = ran(found)["run"], ran(found)["Place"]
    assert run() == ("Place(x=5, y=2)", 3, True, True)
    assert "dataclasses" not in found.imports
    for given in ((), (1, 2, 3)):
        with pytest.raises(TypeError, match="Place takes x, y but got"):
            place(*given)
    with pytest.raises(TypeError, match="Place takes x, y but got 1, x"):
        place(1, x=1)


def test_newer_python_is_written_in_an_older_way() -> None:
    sources = {
        "main": """
            from collections.abc import Callable, Mapping
            from typing import TypeVar
            class Kind: pass
            Value = str | int | None | Kind
            Ask = Callable[[str], Mapping[str, float] | None]
            Entry = TypeVar("Entry", bound=str | int)
            def run(value: "Value | None") -> list[Entry | None]:
                both = {1} | {2}
                pairs = list(zip("ab", "cd", strict=True))
                return [isinstance(value, str | int | None), pairs, both, {"a": 1} | {"b": 2}]
        """
    }
    found = bundled(sources, "run", "Value", "Ask", "Entry")
    assert "Value = Union[str, int, None, Kind]" in found.text
    assert "Ask = Callable[[str], Union[Mapping[str, float], None]]" in found.text
    assert "isinstance(value, (str, int, type(None)))" in found.text
    assert "def run(value: Value | None)" in found.text
    assert ran(found)["run"](None) == [True, [("a", "c"), ("b", "d")], {1, 2}, {"a": 1, "b": 2}]


REFUSED = {
    "a match statement": ("def run(x):\n    match x:\n        case 1: pass", "line 2: it uses a match statement"),
    "except*": ("def run():\n    try: pass\n    except* ValueError: pass", r"uses except\*, which Python 3.9 lacks"),
    "slots": (
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass run: pass",
        r"uses dataclass\(slots=True\), and only dataclass\(frozen=True\) can be a record",
    ),
    "a derived dataclass": (
        "from dataclasses import dataclass\nclass A: pass\n@dataclass\nclass run(A): pass",
        "has a dataclass with a base or a __post_init__",
    ),
    "a newer name": ("from itertools import pairwise\ndef run(): return pairwise", "uses itertools.pairwise"),
    "a newer attribute": ("import math\ndef run(): return math.cbrt(8)", "uses math.cbrt, which Python 3.9 lacks"),
    "a newer module": ("import tomllib\ndef run(): return tomllib", "uses tomllib, which Python 3.9 lacks"),
    "a newer builtin": ("def run(): raise ExceptionGroup", "uses ExceptionGroup, which Python 3.9 lacks"),
    "another package": ("import numpy\ndef run(): return numpy", "uses numpy, and a bundle has the standard library"),
    "more of pydantic": (
        "from pydantic import TypeAdapter\ndef run(): return TypeAdapter",
        "uses pydantic.TypeAdapter",
    ),
    "a default factory": (
        "from pydantic import BaseModel, Field\nclass run(BaseModel):\n    x: list = Field(default_factory=list)",
        "has a field that is described without a plain default",
    ),
    "a name that does not show": ("def run(x, name): return getattr(x, name)", "getattr of a name that does not show"),
    "globals": ("def run(): return globals()", "uses globals, which may need what the bundle leaves out"),
    "a global statement": ("X = 1\ndef run():\n    global X\n    X = 2", "line 3: `global X` cannot be bundled"),
    "what runs on import": (
        "import sys\nsys.path.append('x')\ndef run(): pass",
        "line 2: a statement that defines nothing",
    ),
    "a name from nowhere": ("def run(): return missing", "uses 'missing', which nothing in it defines"),
    "a module as a name": ("from toy import other\ndef run(): return other.x", "uses the module toy.other as a name"),
    "model_dump": (
        "from pydantic import BaseModel\nclass A(BaseModel): pass\ndef run(): return A().model_dump()",
        "uses model_dump",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_written_so_ends_the_build(what: str) -> None:
    source, message = REFUSED[what]
    with pytest.raises(BundleError, match=message):
        bundled({"main": source, "other": "x = 1"})


def test_modules_that_need_each_other_are_refused() -> None:
    sources = {
        "one": "from toy.main import run\ndef helper(): return run",
        "main": "from toy.one import helper\ndef run(): return helper()",
    }
    with pytest.raises(BundleError, match=r"need each other: toy.main -> toy.one -> toy.main"):
        bundled(sources)


SCOPES = {
    "def f(a, *b, c=D, **e): return a, b, c, e, G": ["D", "G"],
    "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = Y\n    return g": ["Y"],
    "class A(B):\n    x = C\n    y = x\n    def m(self): return x": ["B", "C", "x"],
    "def f(): return [y for x in X for y in x if y > Z]": ["X", "Z"],
    "def f(): return any((last := x) for x in X) and last": ["X", "any"],
    "def f():\n    import os.path\n    from a import b as c\n    return os, c, D": ["D"],
    "def f():\n    try: pass\n    except E as error: return error": ["E"],
    "f = lambda x, y=Y: x + Z": ["Y", "Z", "f"],
    "def f():\n    with X as (a, b): return a\n    for i, *j in Y: del i": ["X", "Y"],
    "def f(x: A = B) -> C: ...": ["A", "B", "C"],
}


@pytest.mark.parametrize("source", SCOPES)
def test_global_names_are_told_from_local_ones(source: str) -> None:
    assert sorted(name.id for name in global_names(ast.parse(source).body[0])) == SCOPES[source]
