# Each target makes and fills .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
PROXY := .venv/proxy/bin/litellm
FILLED := .venv/.filled

.PHONY: demo test slow lint bench versus doctor-matrix clean

demo: $(FILLED)  ## compile question answering from a context on the embedded model, then ask two questions
	@$(BIN)/optimize off_topic
	@echo
	@echo "# Who discovered penicillin?"
	@$(BIN)/cribsheet ask off_topic.prompt.json --question "Who discovered penicillin?" \
		--context "Penicillin was discovered in 1928 by Alexander Fleming in a London hospital."
	@echo "# Who was Anne Frank?"
	@$(BIN)/cribsheet ask off_topic.prompt.json --question "Who was Anne Frank?" \
		--context "Gravity is the force that pulls bodies towards each other. It keeps the planets on their orbits."

test: lint  ## everything but the slow tests; those of the embedded model, which takes all cores, one at a time
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m "not slow and not model"
	@$(BIN)/pytest -m "model and not slow"

slow: $(FILLED) $(PROXY)  ## the tests that take longer, a quarter of an hour in all
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m "slow and not model"
	@$(BIN)/pytest -m "slow and model"

lint: $(FILLED)
	@$(BIN)/ruff format --check -q . || { echo "run: ruff format ."; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy

bench: $(FILLED)  ## measure the figures of README and docs again; some hours, and a run that was stopped goes on
	@$(BIN)/python benchmarks/figures.py
	@$(BIN)/python benchmarks/tasks.py
	@$(BIN)/python benchmarks/tasks.py --model embedded/gemma-3-270m

versus: $(FILLED)  ## compare with DSPy's optimizers: many hours, can be stopped; ARGS=--quick for ten minutes
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[bench]"
	@$(BIN)/python benchmarks/versus_dspy.py $(ARGS)

doctor-matrix: $(FILLED) $(PROXY)  ## show what works with which server, real ones and stand-ins
	@$(BIN)/python benchmarks/doctor_matrix.py --proxy $(PROXY)

clean:
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache

$(FILLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cribsheet needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@echo "Making .venv and installing what pyproject.toml names (about a minute)…"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[embedded,hub,dev]" 2>.venv/pip.log \
		|| { cat .venv/pip.log; exit 1; }
	@touch $@

$(PROXY): $(FILLED)  # in an environment of its own: it holds other packages back to older versions
	@echo "Installing LiteLLM's proxy into .venv/proxy (about two minutes)…"
	@$(PYTHON) -m venv .venv/proxy
	@.venv/proxy/bin/pip install --quiet --disable-pip-version-check "litellm[proxy]" --editable ".[embedded]" \
		2>.venv/pip.log || echo "It cannot be installed here, so what needs it is skipped; .venv/pip.log says why."
