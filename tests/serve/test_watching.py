"""A server is ready once its models are."""

from collections.abc import Callable

from compiled_server import CompiledServer, wait_until

from cribsheet.errors import UnreachableError
from cribsheet.models.scripted import ScriptedModel


class FarModel(ScriptedModel):
    """A model whose server does not answer."""

    def count_tokens(self, text: str) -> int:
        raise UnreachableError("Nothing answers at http://far.example.")


def test_a_server_is_not_ready_while_its_model_is_not(serve: Callable[..., CompiledServer]) -> None:
    server = serve(model=FarModel({}, name="far/model"))
    wait_until(lambda: "Nothing answers" in server.get("/ready").text)
    ready = server.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "starting")
    assert server.get("/health").status_code == 200


def test_a_server_is_ready_when_its_model_is(serve: Callable[..., CompiledServer]) -> None:
    server = serve()
    wait_until(lambda: server.get("/ready").json() == {"status": "ready", "models": {}, "files": {}})
