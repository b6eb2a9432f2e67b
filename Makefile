# Two commands: `make run` starts everything, `make test` checks everything. PYTHON= chooses the Python for .venv.
.POSIX:
.PHONY: run test check lint bench lock clean environment test-environment

PY = .venv/bin/python
# Tests start the product dozens of times. Where Python is told to keep no compiled code, each start would compile anew.
PYTEST = PYTHONDONTWRITEBYTECODE= $(PY) -m pytest
LOCK = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml

run: environment
	@exec $(PY) -m assistant.cli up --with-parent

# The browser by itself: it shares no processor with tests that kill and start servers. Its folders are named, so that
# the rest is not collected a second time.
test: lint
	@$(PYTEST) -m "not browser" -n 2 --dist loadscope
	@$(PYTEST) -m browser tests/acceptance tests/assistant/chat

# For the minutes between commits: under two of them.
check: lint
	@$(PYTEST) -m "not slow and not browser" -n 2 --dist loadscope

lint: test-environment
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

bench: test-environment
	@$(PY) -m tests.benchmarks

# Needs uv and the network. The locks hold versions and hashes, and no address.
lock:
	@$(LOCK) --output-file requirements.lock
	@$(LOCK) --group dev --output-file tests/requirements.lock
	@if grep -nE 'https?://' requirements.lock tests/requirements.lock; then echo "A lock names an address."; exit 1; fi

# What can be made again; never a person's data, which lies in TABLETALK_HOME.
clean:
	rm -rf .venv .venv.log .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .files
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@PYTHON="$(PYTHON)" .ci/environment requirements.lock tests/requirements.lock

test-environment:
	@PYTHON="$(PYTHON)" .ci/environment tests/requirements.lock
