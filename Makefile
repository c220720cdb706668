PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check lint wheel setup suite clean

run: setup ## evaluate the bundled demo suite
	$(BIN)/gisteval run

test: check wheel ## everything that CI runs

check: lint ## lint, types, import floors, tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check gisteval tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: setup ## the built package works in an empty environment
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --outdir build/wheel
	$(PYTHON) -m venv build/wheel/env
	build/wheel/env/bin/pip install -q -c constraints.txt build/wheel/*.whl
	cd build/wheel && env/bin/gisteval validate
	cd build/wheel && env/bin/gisteval run --limit 4 --output run

setup: .venv/ready ## the environment, from a bare Python

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $@

SUITE := checkpoints/wordplay-llama
MEMBERS := pos_control gist-1 neg_control gist-5 gist-2 gist-10

suite: setup ## retrain the demo suite into build/wordplay-llama, two trainings at a time
	$(BIN)/gisteval train $(SUITE)/base.yaml --output build/wordplay-base --threads 1
	printf '%s\n' $(MEMBERS) | xargs -P 2 -I NAME $(BIN)/gisteval train $(SUITE)/NAME.yaml \
	  --output build/wordplay-llama/NAME --threads 1

clean:
	rm -rf build dist .venv runs
