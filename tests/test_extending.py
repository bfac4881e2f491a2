"""docs/extending.md holds: a toy of each kind is added through public names alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from cribsheet import Settings, Task, compile_task, label_accuracy, load, load_rows, open_model
from cribsheet.corrections import CORRECTIONS, Answer, Asked, Correction
from cribsheet.dataset.examples import Demo
from cribsheet.dataset.formats import READERS, FileText, RawRow
from cribsheet.errors import DataError, ExportError
from cribsheet.export import TARGETS, Export, Source, export
from cribsheet.frozen import DEMO_SOURCES, DemoSource, Fixed, FrozenProgram, read, save
from cribsheet.models import WAYS, Completer, Options
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Value
from cribsheet.report.description import prompt_facts
from cribsheet.search import FITTERS, Candidate, Study
from cribsheet.signature import Signature
from cribsheet.workspace import new_workspace
from toys import SENTIMENT, sentiment_rows, student_model, write_rows

WORDS = "text -> sentiment: Literal['negative', 'positive']"


def compiled(folder: Path, *, optimizer: str = "labeled", source: str = "", model: str = "") -> FrozenProgram:
    """Compile the toy task, with an optimizer of the workspace's own if its source is given."""
    workspace = new_workspace(folder / "ws")
    trainset = write_rows(workspace.root / "trainsets" / "toy.jsonl", sentiment_rows())
    if source:
        (workspace.root / "optimizers" / f"{optimizer}.py").write_text(source)
    task = Task(WORDS, metric=label_accuracy, trainset=trainset)
    options = Settings(budget="500calls", optimizer=optimizer, model=model or "toy/x")
    opened = None if model else student_model()
    return compile_task(task, options, workspace=workspace, model=opened).program


# A format of rows


def read_arrows(file: FileText) -> Iterator[RawRow]:
    """Read lines of `text => label`."""
    for number, line in enumerate(file.text.splitlines(), 1):
        text, _, label = line.partition(" => ")
        yield RawRow(f"{file.path}, line {number}", {"text": text, "sentiment": label})


def test_a_format_of_rows_is_a_function_and_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, ".arrows", read_arrows)
    path = tmp_path / "x.arrows"
    path.write_text("It was fine. => positive\nIt was so. => so\n")
    with pytest.raises(DataError, match=r"x\.arrows, line 2: sentiment must be one of negative, positive but got 'so'"):
        load_rows(path, SENTIMENT)
    path.write_text("It was fine. => positive\n")
    assert load_rows(path, SENTIMENT)[0].values == {"text": "It was fine.", "sentiment": "positive"}


# A correction


class Contrary(Correction):
    """Answers the contrary of an outcome that is hardly likelier than the other."""

    kind: Literal["contrary"] = "contrary"
    least: float
    """The least probability that lets an answer stand."""

    label: ClassVar[str] = "contrary"

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        if answer.shares is None or answer.probability is None or answer.probability >= self.least:
            return answer
        other = min(answer.shares, key=answer.shares.__getitem__)
        return replace(answer, outputs={"sentiment": other}, probability=answer.shares[other])

    def describe(self) -> Mapping[str, str]:
        return {"contrary": f"below {self.least:.2f}"}

    def caveat(self, signature: Signature) -> str:
        return f"Cribsheet answers the contrary of what is less likely than {self.least:.2f}. This export does not."


class ContraryFitter:
    """Fits the toy correction."""

    kind = "contrary"

    def suits(self, results: Sequence[object]) -> bool:
        return bool(results)

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[object]) -> Contrary:
        return Contrary(least=0.6)


def test_a_correction_is_a_class_a_fitter_and_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CORRECTIONS, "contrary", Contrary)
    program = compiled(tmp_path)
    prompt = program.prompts["predict"]
    changed = prompt.with_corrections(*prompt.corrections, Contrary(least=0.6))
    path = tmp_path / "x.prompt.json"
    save(program.model_copy(update={"prompts": {"predict": changed}}), path)
    again = read(path).prompts["predict"]
    assert again.correction(Contrary) == Contrary(least=0.6)
    cells = [str(cell) for column in prompt_facts(again).columns for cell in column.cells]
    assert "below 0.60" in cells
    assert any("the contrary of what" in caveat for caveat in export(read(path), "openai").caveats)
    assert load(path, model=student_model())(text="The soup was lovely.").sentiment in ("negative", "positive")


FITS_CONTRARY = """
from test_extending import ContraryFitter

def search(study):
    trial = study.trial(study.bare())
    trial.allow(ContraryFitter())
    study.extend(trial, len(study.val))
"""


def test_a_listed_fitter_takes_part_in_every_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(ContraryFitter):
        fits = 0

        def fit(self, predictor: str, candidate: Candidate, results: Sequence[object]) -> Contrary:
            self.fits += 1
            return super().fit(predictor, candidate, results)

    fitter = Counting()
    monkeypatch.setitem(CORRECTIONS, "contrary", Contrary)
    monkeypatch.setitem(FITTERS, "contrary", fitter)
    program = compiled(tmp_path)
    assert fitter.fits > 0
    assert {one.kind for one in program.prompts["predict"].corrections} <= {"calibration", "contrary"}


def test_a_fitter_takes_part_in_every_trial_that_allows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CORRECTIONS, "contrary", Contrary)
    program = compiled(tmp_path, optimizer="contrary", source=FITS_CONTRARY)
    kinds = [one.kind for one in program.prompts["predict"].corrections]
    assert set(kinds) <= {"calibration", "contrary"}  # kept only if it does better on rows it was not fitted on


# A demo source


class Nearest(DemoSource):
    """Shows the demos that share most words with the input, the nearest last."""

    kind: Literal["nearest"] = "nearest"
    shown: int
    """How many demos a prompt shows."""

    def choose(self, demos: Sequence[Demo], inputs: Mapping[str, Value]) -> Sequence[Demo]:
        words = set(str(inputs["text"]).lower().split())
        return sorted(demos, key=lambda demo: len(words & set(str(demo.inputs["text"]).lower().split())))[-self.shown :]

    def describe(self) -> Mapping[str, str]:
        return {"demos shown": f"the {self.shown} nearest"}


def test_a_demo_source_is_a_class_and_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEMO_SOURCES, "nearest", Nearest)
    program = compiled(tmp_path)
    prompt = program.prompts["predict"].model_copy(update={"demo_source": Nearest(shown=2)})
    path = tmp_path / "x.prompt.json"
    save(program.model_copy(update={"prompts": {"predict": prompt}}), path)
    again = read(path).prompts["predict"]
    twin = str(again.demos[0].inputs["text"])
    asked = again.render({"text": twin}).full_text
    assert asked.count(twin) == 2  # as the nearest demo, and as the input
    assert len(asked) < len(prompt.model_copy(update={"demo_source": Fixed()}).render({"text": twin}).full_text)
    assert "the 2 nearest" in [str(cell) for column in prompt_facts(again).columns for cell in column.cells]
    with pytest.raises(ExportError, match="chosen for each input, by 'nearest'"):
        export(read(path), "openai")
    assert load(path, model=student_model())(text=twin).sentiment in ("negative", "positive")


# An export


def to_toy(source: Source) -> Export:
    """Write the prompt's text with its slots."""
    marks = source.opened.placeholders()
    text = "".join(piece if isinstance(piece, str) else marks[piece.field] for piece in source.opened.asked)
    return Export(
        target="toy",
        text=text,
        file_name=source.saved_as("toy"),
        usage="cat x.toy",
        carriage="text",
        score=source.score("text"),
        caveats=(),
    )


def test_an_export_is_a_function_and_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "toy", to_toy)
    assert "{{text}}" in export(compiled(tmp_path), "toy").text


# An optimizer

PICKY = """
from cribsheet.search import Listed, Race, balanced

def search(study):
    def candidates():
        for size in (2, 4, 8):
            demos = {name: balanced(study.signatures[name], pool, size=size, rng=study.rng)
                     for name, pool in study.pools.items()}
            yield study.candidate(study.layouts[0], demos, origin=f"up to {size} demos")
    Race(study, study.ledger.left).run(Listed(candidates()), keep=1)
"""


def test_an_optimizer_is_a_file_in_the_workspace(tmp_path: Path) -> None:
    program = compiled(tmp_path, optimizer="picky", source=PICKY)
    assert program.provenance.optimizer == "picky"
    assert program.provenance.origin in ("up to 2 demos", "up to 4 demos", "up to 8 demos", "zero-shot")


# A model


def toy_way(name: str, options: Options) -> ScriptedModel:
    """Open the toy's student under any name."""
    model = student_model()
    model.name = name
    return model


def test_a_model_is_a_class_and_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WAYS, "toy", toy_way)
    assert open_model("toy/student").name == "toy/student"
    assert compiled(tmp_path, model="toy/student").model.name == "toy/student"


def test_the_search_facade_has_what_it_lists() -> None:
    import cribsheet.search

    assert all(getattr(cribsheet.search, name) is not None for name in cribsheet.search.__all__)
    assert Study.__module__ == "cribsheet.search.study"
