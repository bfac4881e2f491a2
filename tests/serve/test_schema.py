"""The OpenAPI document describes the programs, and the server keeps to it."""

import subprocess
import sys
from pathlib import Path

import pytest
from compiled_server import CompiledServer

from cribsheet.serve.schema import MOST_ROWS

TOOL = Path(sys.executable).with_name("schemathesis")


def test_the_document_has_the_types_of_each_program(server: CompiledServer) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    body = paths["/v1/programs/qa"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]["inputs"]["properties"]) == ["question", "context"]
    reply = paths["/v1/programs/toy"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert reply["properties"]["outputs"]["properties"]["sentiment"]["enum"] == ["negative", "positive"]
    batch = paths["/v1/programs/toy:batch"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert batch["properties"]["inputs"]["maxItems"] == MOST_ROWS
    chat = paths["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert chat["properties"]["model"]["enum"][:2] == ["toy", "qa"]


@pytest.mark.slow
@pytest.mark.skipif(not TOOL.exists(), reason="The package schemathesis is not installed.")
@pytest.mark.parametrize(
    "checks",
    [
        # What a body of the other endpoints may hold depends on the program, which no schema says.
        ("--exclude-checks", "positive_data_acceptance"),
        ("--include-path-regex", "^/v1/programs"),
    ],
    ids=["all", "typed"],
)
def test_schemathesis_finds_nothing(server: CompiledServer, checks: tuple[str, ...], tmp_path: Path) -> None:
    command = [str(TOOL), "run", f"{server.address}/openapi.json", "--no-color", "--max-time", "8", *checks]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert found.returncode == 0, found.stdout[-4000:]
