# make demo   sets up .venv, trains and audits a small model on phantoms, prints the report's path
# make test   sets up .venv, runs the checks and the tests but the slow ones
# make mutants SAMPLE=50   runs the tests on small changes of the code, score into docs/reference
# make browser   installs Chromium, in which tests/browser open the report (Debian, Ubuntu; needs root)
# make docs   builds the documentation into site
PYTHON ?= python3
BIN := .venv/bin
SETUP := .make/setup
## The demo needs less than the tests; where all is installed already, nothing is installed again.
DEMO_SETUP := $(if $(wildcard $(SETUP)),$(SETUP),.make/demo)
## Modules are compiled when first imported: compiling all of torch takes longer than installing it.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile -c constraints.txt

.PHONY: help setup demo check test test-slow mutants browser soak docs notebooks benchmark benchmark-smoke coverage-study planted-tags clean

help:
	@sed -n 's/^# //p' Makefile

setup: $(SETUP)

$(BIN)/python:
	$(PYTHON) scripts/require_python.py
	$(PYTHON) -m venv .venv

$(SETUP): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev,dicomweb,docs,jpeg,keras,neuro,onnx,pdf,readers,torch]'
	@mkdir -p .make && touch $@

.make/demo: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[torch]'
	@mkdir -p .make && touch $@

demo: $(DEMO_SETUP)
	$(BIN)/plexor demo --out demo

check: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile -m "not slow"

# make test-slow   runs the tests of studies, single attacks, examples, workers and browsers (minutes)
test-slow: $(SETUP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile -m slow

SAMPLE ?= 50
mutants: $(SETUP)
	$(BIN)/python -m scripts.mutants --sample $(SAMPLE)

browser:
	scripts/install-browser.sh

# make soak FLIPS=5000   draws the property tests anew, then damages images, run directories, plans and
#                        weights, and counts what comes of it (minutes); counts in docs/reference/trials.md
FLIPS := 5000
soak: $(SETUP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --hypothesis-profile=default tests/property
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BIN)/python tests/soak/bit_flips.py --flips $(FLIPS)
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BIN)/python tests/soak/run_directories.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BIN)/python tests/soak/plans.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BIN)/python tests/soak/weights.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BIN)/python tests/soak/models.py

docs: $(SETUP)
	$(BIN)/mkdocs build --strict

# make notebooks   runs the examples written in cells, keeps them with their output for the documentation
notebooks: $(SETUP)
	$(BIN)/python -m scripts.notebooks

# make benchmark   measures beside other libraries, in an environment of its own (about two hours);
#                  with HAM=HAM10000_metadata.csv HAM_WEIGHTS=weights, and FILMS=chest_xray_fullsize,
#                  on real images, too
PEERS := benchmarks/.venv/bin/python
ADV_LIB := git+https://github.com/jeromerony/adversarial-library@9dec220e418e2da8e799f682822209277ab8c31d
benchmark:
	test -x $(PEERS) || $(PYTHON) -m venv benchmarks/.venv
	$(PEERS) -m pip install --quiet -c constraints.txt -e .[jpeg,torch]
	$(PEERS) -m pip install --quiet -c constraints.txt -r benchmarks/requirements-peers.txt
	$(PEERS) -m pip install --quiet --no-deps torchattacks==3.5.1 confidenceinterval==1.0.5 captum==0.8.0 \
		grad-cam==1.5.7 ttach==0.0.3
	$(PEERS) -m pip install --quiet -c constraints.txt opencv-python-headless
	$(PEERS) -m pip install --quiet -c constraints.txt hypothesis pytest pytest-timeout
	$(PEERS) -m pytest -q tests/oracle/test_peers_*.py tests/oracle/test_universal_phantoms.py
	$(PEERS) benchmarks/pgd.py --architecture small-cnn --threats linf:2 l2:100 --longer 60 --result pgd_small
	for script in pgd attention volume regression_peers audit_overhead memory large_image source_manifest startup rounding \
			sparse pixel observer \
			statistics_speed; do \
		$(PEERS) benchmarks/$$script.py || exit 1; \
	done
	test -z "$(FILMS)" || $(PEERS) benchmarks/finder.py --films $(FILMS)
	test -z "$(HAM)" || for script in cascade nearest queries universal generative applied jpeg; do \
		$(PEERS) benchmarks/$$script.py --manifest $(HAM) --weights $(HAM_WEIGHTS) || exit 1; \
	done
	test -z "$(HAM)" || $(PEERS) benchmarks/cascade.py --manifest $(HAM) --side 32 --images 64 \
		--threats linf:4 l2:150
	test -z "$(HAM)" || $(PEERS) benchmarks/cascade.py --manifest $(HAM) --hardened --images 200 \
		--threats linf:12 l2:350 l1:5000
	if test -n "$(HAM)" && $(PEERS) -m pip install --quiet --no-deps attackbenchlib==2.0.2 cleverhans==4.0.0 $(ADV_LIB); \
	then $(PEERS) benchmarks/optimality.py --manifest $(HAM) --passes 200; \
	else echo "left out: optimality, which needs HAM and adv-lib from GitHub"; fi
	test -z "$(HAM)" || $(PEERS) benchmarks/seeds.py --manifest $(HAM)
	test -z "$(HAM)" || $(PEERS) benchmarks/unseen.py --manifest $(HAM) --weights $(HAM_WEIGHTS)
	$(PEERS) benchmarks/table.py

# make benchmark-smoke   runs each benchmark script for seconds, to see that it still runs
benchmark-smoke: $(SETUP)
	OMP_NUM_THREADS=1 $(BIN)/python scripts/benchmark_smoke.py

# make coverage-study   simulates every interval's coverage into docs/reference (half an hour; resumes)
coverage-study: $(SETUP)
	$(BIN)/python benchmarks/coverage_study.py --repeats 1000 --out docs/reference

# make planted-tags      trains tiny networks on planted tags, writes docs/reference/planted-tags.md
#                        (an hour; resumes); FILMS=manifest.csv adds real films without tags
planted-tags: $(SETUP)
	$(BIN)/python -m scripts.planted_tags --out runs/planted-tags
	test -z "$(FILMS)" || $(BIN)/python -m scripts.planted_tags --out runs/planted-tags --manifest $(FILMS)
	$(BIN)/python -m scripts.planted_tags.page --results runs/planted-tags --out docs/reference

clean:
	rm -rf .make .venv build site demo
