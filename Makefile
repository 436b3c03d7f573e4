# Stepwise's commands. Each makes its own environment on the first call.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := $(CURDIR)
# uv installs in less than half of pip's time; pip does it where an index is known to pip alone.
define install
	$(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) || $(BIN)/python -m pip install --quiet $(1)
endef

.PHONY: run test bench picture train clean

run: $(VENV)/run  ## start the studio and open it in the browser
	$(BIN)/python app.py --open $(ARGS)

test: $(VENV)/test  ## lint, types, unit tests and the page in a real browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.browser.chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

bench: $(VENV)/test  ## speeds, as ratios measured side by side
	$(BIN)/python -m tests.bench $(ARGS)

picture: $(VENV)/test  ## paint the README's picture anew
	$(BIN)/python -m tests.browser.readme_picture

train: $(VENV)/test  ## train the embedded model anew; ARGS="--edition full" for a wider world, which wants a GPU
	$(BIN)/python -m studio.training all $(ARGS)

$(VENV)/run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip uv
	$(call install,-r requirements.txt)
	touch $@

$(VENV)/test: $(VENV)/run pyproject.toml
	$(call install,-e .[test])
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
