# Setting up, trying out, checking and deploying Orders. `make help` lists what there is.

# What Lambda runs the functions on. The checks run on it too, where this machine has it.
LAMBDA_PYTHON := 3.13
PYTHON ?= $(or $(shell for python in python$(LAMBDA_PYTHON) \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(LAMBDA_PYTHON).*/bin/python$(LAMBDA_PYTHON); do \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null && echo "$$python" && break; done),python3)
# What compiles the functions' code that is deployed. BYTECODE=no deploys it without: slower cold starts.
BYTECODE ?= $(shell for python in "$(PYTHON)" python$(LAMBDA_PYTHON); do "$$python" -c \
	'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(LAMBDA_PYTHON)")' 2>/dev/null && echo "$$python" && break; done)
ENV ?= dev
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
# jsii prints a banner for a Node release past its end of life; it still works there.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := $(shell node -p 'process.versions.node.split(".")[0]' 2>/dev/null)
CDK = cdk -c env=$(ENV) $(COMPILED)
# In CI, and without a terminal, nobody can be asked for an approval.
APPROVAL := $(if $(CI),never,$(shell test -t 0 && echo broadening || echo never))
# Make puts ORDERS into the environment, whatever the file's name is. An empty one is refused.
ORDERS_OPTION = $(if $(filter undefined,$(origin ORDERS)),,--orders "$$ORDERS")

.PHONY: help setup demo up chaos test all-tests check simulate every-fault model python lint types unit layout templates contracts synth-alone docs api-docs lock synth
.PHONY: lint-templates second-cloud preflight bytecode deploy smoke destroy clean pictures
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/installed node_modules/installed ## install what is needed, here and nowhere else

demo: setup ## the platform on this machine: feed it orders, see what happened (ORDERS=file.csv; KEEP=1 leaves it running)
	@python -m demo run $(ORDERS_OPTION) $(if $(KEEP),--keep) $(if $(PORT),--port $(PORT))

up: setup api-docs ## the platform on this machine, until Ctrl-C (ORDERS=file.csv)
	@python -m demo up $(ORDERS_OPTION) $(if $(PORT),--port $(PORT))

chaos: setup ## orders while all that lies between them and the local cloud fails, then everything put right (SEED=7 ORDERS=300 EXPRESS=1)
	@python -m demo chaos $(if $(SEED),--seed $(SEED)) $(if $(EXPRESS),--express) $(ORDERS_OPTION) $(if $(PORT),--port $(PORT))

check: setup python ## lint, types, contracts, and the tests that need neither the local cloud nor the simulation
	@$(MAKE) --jobs 2 unit types templates layout lint contracts

python:
	@python -c 'import sys; v = "%d.%d" % sys.version_info[:2]; v == "$(LAMBDA_PYTHON)" or print( \
		f"NOTE: Python {v} is tested here, but functions run on $(LAMBDA_PYTHON) in production. " \
		"Install Python $(LAMBDA_PYTHON), then run make clean setup.")'

lint:
	ruff check .
	ruff format --check .
	zizmor --offline --strict-collection --quiet .github

types:
	mypy

contracts: ## compare the events' contracts with the last release's; say which of two releases this is
	@python -m tools.contract_check

unit:
	pytest tests/unit

# What all sources have to keep: words, imports, sizes, links.
layout:
	pytest tests/test_*.py

# Tests of contracts look at the templates too: each is synthesized once.
templates:
	pytest tests/contracts tests/templates

# What all tests used of the platform's rights is looked at last.
test: setup python ## everything, the local cloud and the demo included; but not make updates
	rm -rf build/rights
	@$(MAKE) --jobs 2 all-tests lint types contracts synth-alone
	pytest tests/e2e/test_grants.py

UPDATES := tests/e2e/test_updates.py

# Three clouds at a time, on two cores: each waits for two fifths of its time.
all-tests:
	pytest --ignore tests/e2e/test_grants.py --ignore $(UPDATES) --numprocesses 3 --dist loadfile --no-loadscope-reorder

.PHONY: updates
updates: setup ## releases deployed over one another under load, failing and interrupted: some three minutes
	pytest $(UPDATES)

# checkov's parsers unpickle files of known names in the temporary directory. Every user of the machine
# can write one into /tmp, with code in it.
lint-templates: setup build/lint/installed ## other people's checkers over the synthesized templates: cfn-lint, checkov
	cdk synth --quiet -c env=laptop --output build/templates/laptop
	cdk synth --quiet -c env=prod --output build/templates/prod
	build/lint/bin/cfn-lint build/templates/*/*.template.json
	mkdir -p build/lint/tmp
	TMPDIR="$(CURDIR)/build/lint/tmp" build/lint/bin/checkov --directory build/templates/prod
	build/lint/bin/python tools/replacing_properties.py

# checkov wants an older boto3 than the local cloud.
build/lint/installed: requirements-lint.txt
	@uv venv --quiet --clear --python $(VENV)/bin/python build/lint
	@uv pip install --quiet --system-certs --python build/lint/bin/python --require-hashes --only-binary :all: -r $<
	@touch $@

second-cloud: setup build/second-cloud/installed ## deploy in moto what it takes of the stacks, and list what it refuses
	cdk synth --quiet -c env=laptop --output build/templates/laptop
	build/second-cloud/bin/python tools/second_cloud.py build/templates/laptop

build/second-cloud/installed: requirements-second-cloud.txt
	@uv venv --quiet --clear --python $(VENV)/bin/python build/second-cloud
	@uv pip install --quiet --system-certs --python build/second-cloud/bin/python --require-hashes --only-binary :all: -r $<
	@touch $@

synth-alone: setup build/alone/installed ## prove that requirements.txt suffices for synthesis
	env -u PYTHONPATH cdk synth --quiet -c env=prod --app "build/alone/bin/python app.py" --output build/alone/cdk.out

build/alone/installed: requirements.txt
	@uv venv --quiet --clear --python $(VENV)/bin/python build/alone
	@uv pip install --quiet --system-certs --python build/alone/bin/python --require-hashes --only-binary :all: -r requirements.txt
	@touch $@

simulate: setup ## the platform in virtual time, with faults by chance (SEED=7 plays one; SEEDS=500 FROM=1234 many)
	@python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500) --from $(or $(FROM),1))

every-fault: setup ## one order's saga with every fault at every place (PAIRS=1: every two at its tasks; TRIPLES=1: a third after each two; ONE_IN=20 PART=3: a share; MINUTES=30)
	@python -m simulation.every_fault $(if $(PAIRS),--pairs) $(if $(TRIPLES),--triples) --one-in $(or $(ONE_IN),1) \
		--part $(or $(PART),0) $(if $(MINUTES),--minutes $(MINUTES))

model: setup ## all states of one order, whatever happens in whatever order; minutes
	@python -m simulation.model
	@python -m simulation.model --faults 2 --disputes 0

.PHONY: abuse mutation
mutation: setup ## remove each guard in turn, in code and templates; say which ones no test misses (ONLY=orders)
	python -m tests.mutation $(ONLY)
	python -m tests.mutation.templates $(ONLY)

abuse: setup ## every route and consumer under generated and mutated input, new in each run (EXAMPLES=2000)
	ABUSE_EXAMPLES=$(or $(EXAMPLES),2000) pytest tests/abuse

lock: setup ## pin everything that is installed, with hashes (UPGRADE=--upgrade for newer ones)
	@for name in requirements requirements-dev requirements-lint requirements-second-cloud; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(UPGRADE) \
			--custom-compile-command "make lock" $$name.in --output-file $$name.txt || exit 1; done
	@uv pip compile --quiet --universal --python-version $(LAMBDA_PYTHON) --generate-hashes $(UPGRADE) \
		--custom-compile-command "make lock" bench/cold-start.in --output-file bench/cold-start.txt

.PHONY: service
service: setup ## write a service that reads an event: NAME=loyalty EVENT=OrderDispatched
	@python -m tools.new_service "$(NAME)" "$(EVENT)"

docs: setup ## write the generated pages of docs/ again
	python -m tools.event_docs
	python -m tools.openapi
	python -m bench.costs --write
	python -m bench.scaling --write
	python -m bench.backlog --write
	python -m bench.order_path --write
	python -m bench.pictures
	python -m bench.shard_simulation --draw

PICTURES := map journey dead-letter views rebuild costs play
pictures: setup ## the console's pictures in docs/images, taken by its test in a browser
	PICTURES=1 pytest tests/e2e/test_console.py
	mkdir -p docs/images
	cp $(addprefix build/console/,$(addsuffix .png,$(PICTURES))) docs/images/

api-docs: setup ## a page that shows the HTTP API: prints its address
	@python -m tools.openapi --page

synth: setup ## the templates of ENV (dev or prod)
	$(CDK) synth --quiet

preflight deploy lint-templates: export VALIDATE := yes
preflight deploy: COMPILED = $(if $(filter-out no,$(BYTECODE)),-c bytecode=$(BYTECODE))

preflight: synth ## what would make a deployment of ENV fail, or lose data (ANYWAY=1: ends well in any case)
	python -m ops preflight --env $(ENV) $(if $(ANYWAY),--anyway)
	python -m ops contracts check --env $(ENV)

bytecode:
	@test -n "$(BYTECODE)" || { echo "Functions run on Python $(LAMBDA_PYTHON), which compiles what is deployed, and it is not here:" \
		"install it, or say BYTECODE=no. Then cold starts take up to twice as long." >&2; exit 1; }

deploy: bytecode preflight ## to the AWS account of your credentials (ENV=dev or prod; IMPORT=1 takes over a bus and archive that were kept)
	$(CDK) deploy --all --app cdk.out --require-approval $(APPROVAL) $(if $(IMPORT),--import-existing-resources)

smoke: setup ## use what is deployed in ENV as a customer and an operator do, and say whether it works
	python -m ops smoke --env $(ENV)

destroy: synth ## take ENV away again; prod keeps what holds data (YES=1 does not ask)
	python -m ops teardown --env $(ENV) $(if $(YES),--yes,--ask)
	$(CDK) destroy --all --force --app cdk.out

clean: ## remove all that was installed or built here
	rm -rf $(VENV) node_modules build cdk.out .local .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Orders needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "installing Python packages into $(VENV), for $$($(PYTHON) --version)"
	@[ ! -L $(VENV) ] || { echo "$(VENV) is a link: nothing is installed through it" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.txt
	@touch $@

node_modules/installed: package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || \
		{ echo "Orders needs Node 20 or newer for the CDK: install it from https://nodejs.org" >&2; exit 1; }
	@[ ! -L node_modules ] || { echo "node_modules is a link: nothing is installed through it" >&2; exit 1; }
	@echo "installing the CDK command line into node_modules"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
