# `make` alone prints what there is. Everything runs in environments made from locks/, none of them the machine's own Python.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENVS := $(or $(SLIPWAY_VENVS),.local/venvs)
DEV := $(VENVS)/dev/bin
LAPTOP := laptop
RUN = $(PYTHON) -m local.bootstrap
TESTS ?=
WORKERS ?= auto
OURS := .:layers/kit:layers/contracts:layers/serving:layers/routing:layers/access:layers/registry:layers/usage:serving_image:cli
PLATFORMS ?= 3
CORES := $(shell getconf _NPROCESSORS_ONLN)

.DEFAULT_GOAL := help
.PHONY: help up down status tail clean test unit functional contract architecture statemachines fabric replay borders emulator e2e soak fuzz check scan scanners sbom fix lint types templates \
        contracts openapi clients client-packages matrix lock images bench bench-router proof build deploy dev python cli

##@ Run
up: python ## start everything, create the first model, ask it a question
	@$(RUN) $(LAPTOP) -- local.up

down: python ## stop everything that `make up` started; state is kept
	@$(RUN) $(LAPTOP) -- local.down

status: python ## what runs
	@$(RUN) $(LAPTOP) -- local.status

tail: python ## follow the bus, one line an event
	@$(RUN) $(LAPTOP) -- local.tail

clean: python ## stop, and remove the state: models, tokens, everything deployed
	@$(RUN) $(LAPTOP) -- local.down --clean

##@ Test
# CHECKED=1 leaves out what `make check` has run.
test: dev client-packages ## every test, but for those of scan
	@$(DEV)/python scripts/run_tests.py --workers $(WORKERS) --platforms $(PLATFORMS) $(if $(CHECKED),--checked) $(TESTS)

unit functional contract architecture statemachines fabric borders emulator e2e: dev
	@$(DEV)/python -m pytest tests/$@ $(TESTS)
unit: ## rules and use cases, with fakes
functional: ## handlers, router and engine with real payloads
contract: ## messages, samples, producers and consumers
architecture: ## tree, template, imports and names agree
statemachines: ## every path of every machine
fabric: ## the whole, in one process, with faults
borders: ## bad input, wrong callers, hostile parsers
clients: dev client-packages ## the libraries that applications use, against a router with the mock engine
	@$(DEV)/python -m pytest tests/clients $(TESTS)
emulator: ## against the patched emulator
e2e: ## the README's own commands

soak: dev ## memory under traffic and change, for SLIPWAY_SOAK_MINUTES (20); for the night
	@$(DEV)/python -m bench.soak

# Atheris is of CPython 3.11 to 3.13; its environment holds nothing else, and is read behind the development one.
fuzz: dev ## parsers under libFuzzer, for SLIPWAY_FUZZ_SECONDS (600) together; for the night
	@$(RUN) fuzz
	@PYTHONPATH=$(OURS) $(DEV)/python -m scripts.fuzz $(TARGETS)

# Nightly: make proof SLIPWAY_PROOF_SCALE=40
proof: dev scanners client-packages ## everything, and what it has counted written into docs/reliability.md
	@$(RUN) scan checkov semgrep asl
	@SLIPWAY_PROOF_SCALE=$(or $(SLIPWAY_PROOF_SCALE),1) $(DEV)/python scripts/proof.py --workers $(WORKERS) $(PROOF)

replay: dev ## walk one seed of the fabric again, event by event: make replay SEED=76
	@test -n "$(SEED)" || { echo "Say which: make replay SEED=n"; exit 1; }
	@PYTHONPATH=$(OURS) $(DEV)/python -m tests.fabric.replay --seed $(SEED)

##@ Check
check: dev ## what CI checks fast: style, types, the rules of the tree and of the templates, what is generated
	@$(DEV)/ruff format --check .
	@$(DEV)/ruff check .
	@$(MAKE) --no-print-directory types
	@$(DEV)/python -m pytest -n $(WORKERS) --dist loadgroup tests/architecture tests/contract

fix: dev ## format, and mend what can be mended by a program
	@$(DEV)/ruff check --fix .
	@$(DEV)/ruff format .

lint: dev ## style
	@$(DEV)/ruff format --check .
	@$(DEV)/ruff check .

types: dev ## mypy --strict
	@$(DEV)/mypy -n $(CORES)

templates: dev ## cfn-lint alone, after a change to a template; part of scan
	@$(DEV)/python scripts/check_templates.py

scan: dev scanners ## what others' programs find: checkov, cloudsplaining, asl-validator, bandit, semgrep; and the locks
	@$(DEV)/python -m pytest -n $(WORKERS) --dist loadgroup tests/scans $(TESTS)

##@ Make
contracts: dev ## events/, catalogue, OpenAPI and the command line's types from layers/contracts
	@$(DEV)/python scripts/contracts.py

openapi: contracts ## the management API's document

matrix: dev ## docs/fault-matrix.md from the proofs in tests/fabric/matrix
	@$(DEV)/python scripts/fault_matrix.py

# The wheel is built by uv itself, so nothing is fetched for it.
cli: python ## the command line, built and installed: .local/venvs/cli/bin/slipway
	@$(RUN) cli uv
	@$(VENVS)/uv/bin/uv build --quiet --wheel --no-build-logs --out-dir .local/build/cli cli
	@$(VENVS)/uv/bin/uv pip install --quiet --offline --no-deps --reinstall --python $(VENVS)/cli/bin/python .local/build/cli/slipway_cli-*.whl
	@echo "$(VENVS)/cli/bin/slipway, $$($(VENVS)/cli/bin/slipway --version). For good: uv tool install ./cli"

sbom: python ## what each deployable consists of, in CycloneDX: .local/build/sbom/*.json
	@$(RUN) scan
	@$(VENVS)/scan/bin/python scripts/sbom.py

lock: ## resolve the dependency groups of pyproject.toml into locks/
	@scripts/lock

images: ## container images of the router and the engines (needs Docker)
	@scripts/images

bench: dev ## figures, with their conditions
	@$(DEV)/python -m bench

# QUICK=1: one small repetition. KEEP=1: into docs/benchmarks. More: BENCH="--rounds 5 --requests 200000". Needs wrk; nginx and node for their rows.
bench-router: dev ## the router beside LiteLLM's proxy, Portkey, nginx and bare ASGI, one core each
	@$(RUN) bench-litellm; $(RUN) node-portkey || true # who cannot be installed is reported as such
	@PYTHONPATH=.:layers/contracts $(DEV)/python -m bench.router $(if $(QUICK),--quick) $(if $(KEEP),--keep) $(BENCH)

##@ Ship
build: python ## sam build, as for AWS
	@$(RUN) uv sam
	@PATH="$(abspath $(VENVS))/sam/bin:$$PATH" SAM_CLI_TELEMETRY=0 sam build

deploy: build ## sam deploy to AWS: make deploy ENV=dev|staging|prod
	@test -n "$(ENV)" || { echo "Say where: make deploy ENV=dev|staging|prod"; exit 1; }
	@PATH="$(abspath $(VENVS))/sam/bin:$$PATH" SAM_CLI_TELEMETRY=0 sam deploy --config-env $(ENV)

python:
	@test -n "$(PYTHON)" || { echo "Slipway needs Python 3.11 or newer on the PATH (python3). Install it, or say where: make up PYTHON=/path/to/python3.12"; exit 1; }

scanners: python
	@$(RUN) scan checkov semgrep asl

# The applications' own libraries that tests/clients drives: two environments that nothing of ours imports.
client-packages: python
	@$(RUN) clients node-clients

# The tests start platforms of their own, so they need every environment.
dev: python
	@$(RUN) dev uv laptop emulator lambda-runtime sam router engine engine-llama-cpp cli

help: ## this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z0-9][a-z0-9 -]*:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
