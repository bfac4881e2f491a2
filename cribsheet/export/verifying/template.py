"""Render a written Jinja template, and ask the model with the text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from cribsheet.corrections import Answer
from cribsheet.errors import ExportError
from cribsheet.export.verifying._base import Deployment, Inputs, one_by_one
from cribsheet.frozen.running import Run
from cribsheet.frozen.writing import written_answer
from cribsheet.prompts import Prompt


def render_template(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row; the stop strings and the token limit are those that the caveats of the export say."""
    try:
        import jinja2  # imported here because only this needs it
    except ImportError:
        raise ExportError(
            "--verify needs the package jinja2 to render the template, and it cannot be imported. Run `pip install "
            "jinja2`."
        ) from None
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    template = environment.from_string(deployment.text())
    source = deployment.source
    with closing(deployment.open_model()) as model:

        def answer(inputs: Mapping[str, str]) -> Answer:
            rendered, stop = template.render(inputs), source.opened.stop
            if source.opened.turns:
                prompt = Prompt(messages=json.loads(rendered), stop=stop)
            else:
                prompt = Prompt(text=rendered, stop=stop)
            return written_answer(source.prompt, prompt, model.complete(prompt, source.sampling))

        yield from one_by_one(deployment, rows, answer)
