"""The code blocks of README and docs run."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cribsheet.cli._root import cli
from cribsheet.compiler.compile import Settings, compile_task
from cribsheet.frozen import save
from cribsheet.models import WAYS, Completion, Options, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import new_workspace
from toys import NOUNS, write_rows

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
RUNNABLE = [page for page in PAGES if re.search(r"^```(?:python|console)", page.read_text(encoding="utf-8"), re.M)]
_FENCES = re.compile(r"^(`{3,}).*?^\1$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "desk"))
    for prefix in ("embedded", "ollama_chat", "openai", "systemone"):
        monkeypatch.setitem(WAYS, prefix, willing)
    variables: dict[str, object] = {"__name__": "docs"}
    for language, code in steps(page):
        if language == "console":
            run_commands(code)
        elif language == "python":
            run_python(code, variables)


def desk(folder: Path) -> Path:
    """Make a workspace that has what pages take for granted: our own tasks, compiled ones, rows of a reader's own."""
    workspace = new_workspace(folder / "desk")
    for name in ("signatures", "programs", "trainsets"):
        shutil.copytree(ROOT / name, workspace.root / name, dirs_exist_ok=True)
    urgency = [{"message": f"The {noun} is {way}.", "urgency": "now"} for noun in NOUNS for way in ("burning", "wet")]
    urgency += [{"message": f"Buy a {noun}{way}.", "urgency": "later"} for noun in NOUNS for way in (" soon", "")]
    write_rows(workspace.root / "trainsets" / "urgency.jsonl", urgency)
    answers = [
        {"question": f"Where is the {noun}?", "context": f"The {noun} is in {place}.", "answer": place}
        for noun in NOUNS
        for place in ("Rome", "Bern", "Oslo", "Kyiv", "Lima")
    ]
    write_rows(workspace.root / "answers.jsonl", answers)
    for name in ("sentiment", "grounded_qa"):
        settings = Settings(optimizer="labeled", budget="100calls")
        task = workspace.task(name)[1]
        compiled = compile_task(task, settings, workspace=workspace, model=willing("embedded/willing", Options()))
        save(compiled.program, workspace.root / f"{name}.prompt.json")
    return workspace.root


def willing(name: str, options: Options) -> ScriptedModel:
    """Open a model that answers anything, so that what a page does is done in a moment."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        words = [f" {outcome}" for outcome in ("positive", "negative", "now", "later") if outcome in prompt.full_text]
        words = [option.word for option in prompt.question.options] if prompt.question else words
        text = words[len(prompt.full_text) % len(words)] if words else " Rome"
        usage = Usage(prompt_tokens=len(prompt.full_text.split()), cached_tokens=0, completion_tokens=1)
        first = {text: -0.3, " a": -2.0} if sampling.top_logprobs else None
        return Completion(text=text, first_token=first, usage=usage)

    model = ScriptedModel(answer, name=name)
    model.only_decides = name.startswith("systemone/")
    return model


def steps(page: Path) -> Iterator[tuple[str, str]]:
    """Yield a page's blocks, each with its language."""
    for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
        yield found.group(1), found.group(2)


def run_commands(console: str) -> None:
    """Run the lines that call us."""
    for line in re.findall(r"^\$ ((?:cribsheet|optimize) .*)", console, re.MULTILINE):
        call, _, then = line.partition("&&")
        name, *words = shlex.split(call, comments=True)
        words = ["optimize", *words, "--budget", "200calls"] if name == "optimize" else words
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == 0, f"{line}: {result.output}"
        if then:
            os.chdir(then.split()[1])
            shutil.copy("../trainsets/urgency.jsonl", "trainsets")


def run_python(code: str, variables: dict[str, object]) -> None:
    """Run a block; what is to be saved in a workspace is, and an optimizer compiles a task with it."""
    named = re.match(r"# ((?:signatures|programs|optimizers)/\w+\.py)\n", code)
    path = Path(named.group(1) if named else "optimizers/from_docs.py")
    if named or "def search(study)" in code:
        path.write_text(code, encoding="utf-8")
    if "def search(study)" in code:
        compile_task("sentiment", Settings(optimizer=path.stem, budget="200calls", teacher="embedded/teacher"))
    elif not named:
        exec(compile(code, "docs", "exec"), variables)


def test_links_between_pages_lead_to_a_page_and_a_heading() -> None:
    for page in (*PAGES, *sorted((ROOT / "docs" / "tasks").glob("*.md"))):
        prose = _FENCES.sub("", page.read_text(encoding="utf-8"))
        for path, heading in re.findall(r"\]\(([^)#:]+\.md)?(?:#([\w-]+))?\)", prose):
            target = page.parent / path if path else page
            assert target.is_file(), f"{page.name}: {path}"
            assert not heading or heading in anchors(target), f"{page.name}: {path}#{heading}"


def anchors(page: Path) -> list[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    prose = _FENCES.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_no_block_imports_litellm_itself_which_would_try_to_download_prices_and_warn_offline() -> None:
    for page in PAGES:
        blocks = [code for language, code in steps(page) if language == "python"]
        assert not [code for code in blocks if re.search(r"^import litellm", code, re.MULTILINE)], page.name
