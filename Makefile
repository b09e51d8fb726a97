# Two commands: `make demo` (from question to report) and `make test`. Both build .venv when it is missing.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test fuzz lint format speed faults clean

demo: .venv/installed
	$(BIN)/bench run suites/limited_data.yaml
	$(BIN)/bench report limited_data
	@echo "The report lies in reports/limited_data/README.md"

# tests of one group share what takes long to make, on one worker
test: .venv/installed-for-tests
	$(BIN)/pytest -n 2 --dist loadgroup $(PYTEST)

# what `make test` does with 200 generated cases, with 2,000: some minutes
fuzz: .venv/installed-for-tests
	BENCH_FUZZ_CASES=2000 $(BIN)/pytest -m slow tests/fuzz

lint: .venv/installed-for-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed-for-tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# on an idle machine; `paper` takes 8 GiB, `harness` a quarter of an hour, the rest minutes each
SPEED := sampling training paper metrics packing harness report

speed: .venv/installed-for-tests
	@for part in $(SPEED); do \
	  page=reports/speed/$$part.md; options=; script=$$part; \
	  if [ $$part = paper ]; then script=training; options=--paper; fi; \
	  { $(BIN)/python -c 'import sys; from benchmark.store.environment import *; print(f"# Speed: {sys.argv[1]}\n\nWritten by `make speed` at commit {git_commit()} on {processor()}.\n")' $$part; \
	    $(BIN)/python tests/speed/$$script.py $$options || exit 1; } > $$page.part || exit 1; \
	  mv $$page.part $$page && cat $$page; \
	done

# more than 50 kills at random moments and other faults; a quarter of an hour, and longer on a busy machine
faults: .venv/installed-for-tests
	@mkdir -p reports/faults
	@{ $(BIN)/python -c 'from benchmark.store.environment import *; print(f"# Faults\n\nWritten by `make faults` at commit {git_commit()} on {processor()}; " + ", ".join(f"{k} {v}" for k, v in versions().items() if k in ("python", "torch", "ray")) + ".\n")'; \
	  $(BIN)/python tests/faults/faults.py; } > reports/faults/README.md.part
	@mv reports/faults/README.md.part reports/faults/README.md && cat reports/faults/README.md

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  (echo "error: Python 3.11 or newer is needed; name one: make PYTHON=python3.12" && exit 2)
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/installed-for-tests: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
