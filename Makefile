# Two commands: `make demo` and `make test`. Both make .venv and install what constraints.txt pins.
PYTHON ?= python3
BIN := .venv/bin
RUN := PYTHONWARNINGS=ignore $(BIN)/precepts

.PHONY: demo test check model install results clean

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "precepts needs Python 3.11 or newer; give one with: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt -e '.[train,evals,serve]' --group dev
	@touch $@

model: install
	$(RUN) models pull

demo: model
	$(RUN) align starter --limit 5000 --rl --out runs/demo

# What docs/results/main-job.md holds: three seeds, fine-tuned, reinforced, and reinforced alone; then all arms paired. Hours on two cores; goes on where it stopped.
results: model
	for s in 0 1 2; do $(RUN) align data starter --seed $$s --out runs/s$$s && $(RUN) align sft runs/s$$s && $(RUN) align rl runs/s$$s && $(RUN) align rl runs/s$$s --start base || exit 1; done
	$(RUN) align ablate runs/s0 runs/s1 runs/s2 --limit 320 --out runs/ablation

test: model
	$(BIN)/pytest -q -n 2

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

clean:
	rm -rf .venv runs
