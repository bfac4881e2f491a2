"""The package `ollama` can be imported whatever the environment says."""

import subprocess
import sys

import pytest
from stand_in import StandIn

SCRIPT = """
import os, sys
from cribsheet.models import Sampling
from cribsheet.models.ollama import OllamaModel
from cribsheet.prompts import Prompt

VALUES = {
    "OLLAMA_HOST": ["http://[::1", "h:http", "my host"],
    "ALL_PROXY": ["socks5://127.0.0.1:9", "ftp://x"],
    "HTTP_PROXY": ["http://[::1"],
    "https_proxy": ["http://h:http"],
    "NO_PROXY": ["http://[::1", "a b:x,["],
    "SSL_CERT_FILE": ["/nowhere", "/dev/null"],
}
for name, value in [(name, value) for name, values in VALUES.items() for value in values]:
    for module in [one for one in sys.modules if one.partition(".")[0] == "ollama"]:
        del sys.modules[module]
    os.environ[name] = value
    answer = OllamaModel("ollama/model", api_base=sys.argv[1]).complete(Prompt(text="It is superb."), Sampling())
    print(name, value, answer.text.split()[0], os.environ.pop(name) == value, sep="|")
"""


@pytest.mark.slow
def test_a_variable_that_the_package_cannot_read_does_not_matter_and_stays_as_it_is() -> None:
    with StandIn() as server:
        done = subprocess.run([sys.executable, "-c", SCRIPT, server.url], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 11
    assert all(line.endswith("|positive|True") for line in lines), lines
