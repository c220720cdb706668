PYTHON ?= python3
BIN := .venv/bin

.PHONY: run zoo test check lint docs faults coverage families selfcheck audit wheel setup suites retrain clean

run: setup ## evaluate the bundled demo suites
	$(BIN)/gisteval run

zoo: setup ## all evictors beside the gists on the demo suite, within 10 minutes of 2 cores
	$(BIN)/gisteval run --config docs/zoo.yaml --output runs/zoo
	$(BIN)/gisteval leaderboard runs/zoo --metric exact_match --output runs/zoo/leaderboard.html

test: check wheel ## everything that CI runs

check: lint ## lint, types, import floors, tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check gisteval tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## docs/configuration.md, from the options' own descriptions
	$(BIN)/python -m gisteval.cli.reference > docs/configuration.md

faults: setup ## the long fault campaign: hundreds of kills, ten thousand fuzzed inputs
	$(BIN)/pytest -m faults -s tests/faults

coverage: setup ## how often every interval covers and how often a claim is false, simulated: docs/gate.md
	$(BIN)/python benchmarks/coverage.py

families: setup ## the matrix of docs/models.md: every text family that transformers knows
	$(BIN)/python benchmarks/families.py

selfcheck: setup ## planted faults and right models through the self-check, on the CPU
	$(BIN)/python benchmarks/selfcheck.py --seconds 1800

audit: setup ## known vulnerabilities of the pinned dependencies
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

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

suites: setup ## retrain both demo suites into build/, two trainings at a time
	$(MAKE) retrain SUITE=wordplay-llama BASE=wordplay-base MEMBERS='pos_control gist-1 neg_control gist-5 gist-2 gist-10'
	$(MAKE) retrain SUITE=wordplay-t5 BASE=wordplay-t5-base MEMBERS='pos_control gist-1 neg_control gist-5'

retrain:
	$(BIN)/gisteval train checkpoints/$(SUITE)/base.yaml --output build/$(BASE) --threads 1
	printf '%s\n' $(MEMBERS) | xargs -P 2 -I NAME $(BIN)/gisteval train checkpoints/$(SUITE)/NAME.yaml \
	  --output build/$(SUITE)/NAME --threads 1

clean:
	rm -rf build dist .venv runs
