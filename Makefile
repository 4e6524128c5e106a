# A newcomer needs two of these: `make run` and `make test`. Python 3.11 or later, git and make are all they ask for.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOGS ?= samples/logs
# Tests mostly wait for processes: more workers than cores.
PYTEST_ARGS ?= -n 4 --dist worksteal
# The sample station says its name and zone in its JSON lines, FFmpeg does not.
ifeq ($(LOGS),samples/logs)
run: export RADIOLOG_STATION := Nightdrive FM
run: export RADIOLOG_TIME_ZONE := Europe/Berlin
endif

.PHONY: run test nightly check lint soak mutants writers boot audit bench year docs sample-report lock install uninstall clean

run: $(VENV)/.runtime
	@$(BIN)/radiolog once --quiet $(LOGS)
	@$(BIN)/python -m reports.run_summary

test: $(VENV)/.dev
	$(BIN)/pytest $(PYTEST_ARGS)

# All tests, and the tailer's model with 2,000 examples instead of 100.
nightly: export RADIOLOG_TEST_TAILER_EXAMPLES ?= 2000
nightly: test

check: lint
	$(MAKE) test PYTEST_ARGS="$(PYTEST_ARGS) --cov --cov-report=term"

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The long fault campaign, and the seeded bugs that it must find (docs/testing.md). SOAK_MINUTES, SOAK_SEED.
soak: $(VENV)/.dev
	@cd tests && ../$(BIN)/python -m soak

mutants: $(VENV)/.dev
	@cd tests && ../$(BIN)/python -m soak.mutants

# Eight processes of RadioLogger, 50,000 lines each, killed at random. WRITERS_LINES, WRITERS_SEED.
writers: $(VENV)/.dev
	WRITERS_LINES=$${WRITERS_LINES:-50000} $(BIN)/pytest -n 0 -s tests/acceptance/test_writers.py

# Installed into a copy of this machine's root and started by a real systemd there (root, systemd-container).
boot:
	@bash tests/boot.sh

# A bill of materials (build/radiolog.cdx.json), then known faults of what is locked. Fails where nobody can be asked.
audit: $(VENV)/.audit
	@mkdir -p build
	$(VENV)/audit/bin/cyclonedx-py requirements --of JSON -o build/radiolog.cdx.json requirements/runtime.txt
	$(VENV)/audit/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off -r requirements/runtime.txt || \
		{ echo "audit: there are known faults, or whoever knows them could not be asked; see above" >&2; exit 1; }

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# docs/sample-report.txt, .html and (with Debian's chromium) .png; a test compares the first two.
sample-report: $(VENV)/.dev
	@cd tests && ../$(BIN)/python -m sample_report

# A synthetic station's year: 10 million metrics; every figure beside its recount, and what the answers cost (docs/testing.md).
year: $(VENV)/.dev
	$(BIN)/python -m benchmarks year

# Pages that are made from the code.
docs: $(VENV)/.runtime
	$(BIN)/python -m logging_module.reference > docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md

# Hash-locked requirement files, without any index address.
lock: $(VENV)/.dev
	$(BIN)/pip-compile -q --generate-hashes --no-strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate -o requirements/runtime.txt pyproject.toml requirements/build.in
	$(BIN)/pip-compile -q --generate-hashes --no-strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate -c requirements/runtime.txt -o requirements/dev.txt requirements/dev.in
	$(BIN)/pip-compile -q --generate-hashes --no-strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate -o requirements/audit.txt requirements/audit.in

# On a machine with systemd (docs/install.md). PREFIX, BINDIR, DESTDIR; PYTHON is what the virtual environment is made of.
export PREFIX BINDIR DESTDIR
install uninstall:
	@PYTHON=$(PYTHON) sh scripts/install.sh $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.audit: requirements/audit.txt | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
