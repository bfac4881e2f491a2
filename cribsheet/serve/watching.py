"""Do a server's work beside the requests: open the models, and take up files that change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cribsheet.errors import ModelError
from cribsheet.serve.engines import Engine
from cribsheet.serve.log import LOG
from cribsheet.serve.serving import Serving

_EVERY = 1.0
"""How many seconds lie between two looks at the files."""
_AGAIN = 5.0
"""How many seconds lie between two attempts to reach a model."""


@asynccontextmanager
async def watching(serving: Serving) -> AsyncIterator[None]:
    """Watch the files and open the models as long as the server runs."""
    serving.unready |= {engine.model.name: "It is being opened." for engine in serving.engines.all()}
    tasks = [asyncio.ensure_future(_open(engine, serving)) for engine in serving.engines.all()]
    tasks.append(asyncio.ensure_future(_watch(serving)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        serving.close()


async def _open(engine: Engine, serving: Serving) -> None:
    """Load the weights, or reach the server, before the first request needs them."""
    name = engine.model.name
    while name in serving.unready:
        try:
            await asyncio.to_thread(_touch, engine)
        except ModelError as error:
            LOG.warning("%s cannot answer yet: %s", name, error)
            serving.unready[name] = str(error)
            await asyncio.sleep(_AGAIN)
        else:
            del serving.unready[name]
            LOG.info("%s is ready", name)


def _touch(engine: Engine) -> None:
    """Make an embedded model load its weights, and a served one ask its server."""
    _ = engine.model.digest
    engine.model.count_tokens("ready")


async def _watch(serving: Serving) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        for line in await asyncio.to_thread(serving.programs.reload):
            LOG.warning("%s", line)
