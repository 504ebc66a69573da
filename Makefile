# Everything here sets up its own environment in .venv/ first (Python 3.11 or newer).

PYTHON ?= python3
PORT ?= 8080
URL := http://127.0.0.1:$(PORT)
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help audit airflow fleet s3 label-studio test test-fleet test-labelstudio coverage fuzz chaos lint format bench train-smoke sample

AUDIT_ROOT := $(CURDIR)/.audit
INSTALLED := .venv/.installed
DEVELOPMENT := .venv/.development
FLEET := .venv/.fleet
LABELSTUDIO := .venv-labelstudio/.installed
PIP := pip install --quiet --disable-pip-version-check --progress-bar on
DATABASE := .airflow/.migrated

help:  ## lists the targets
	@awk -F ':.*  ## ' '/^[a-z0-9-]+:.*  ## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

audit: $(DATABASE) sample  ## audits the sample catalogue through Airflow and prints its verdicts
	@echo "catalogue_audit of $(AUDIT_ROOT)"
	@airflow dags test catalogue_audit
	@python -m jobs.sample.check $(AUDIT_ROOT)

airflow: $(DATABASE) sample  ## brings Airflow up on 127.0.0.1:8080 with both DAGs; Ctrl-C stops it
	@set -m; trap 'kill -TERM $$groups 2>/dev/null; wait' EXIT; trap 'exit 0' INT TERM; \
	airflow api-server & groups="-$$!"; \
	airflow dag-processor & groups="$$groups -$$!"; \
	airflow scheduler --skip-serve-logs & groups="$$groups -$$!"; \
	until python -c 'import urllib.request as r; r.urlopen("$(URL)/api/v2/version")' 2>/dev/null; do sleep 1; done; \
	echo "Airflow: $(URL)  users and passwords: $$(cat .airflow/passwords.json)"; \
	wait -n; echo "a service of Airflow has ended" >&2; exit 1

fleet: $(FLEET)  ## audits the sample through PostgreSQL, Redis and Celery workers on 127.0.0.1 (deploy/README.md)
	@python -m deploy.fleet .fleet
	@python -m jobs.sample.check .fleet/audit

s3: $(DEVELOPMENT)  ## starts an S3-compatible server on 127.0.0.1 to try s3:// storage with
	@python tests/s3_server.py

label-studio: $(INSTALLED) $(LABELSTUDIO)  ## starts Label Studio on 127.0.0.1 for TASKS=DIR of scott review export; Ctrl-C exports
	@python -m deploy.label_studio "$(TASKS)" $(if $(EMAIL),--user "$(EMAIL)")

test: $(DEVELOPMENT)  ## runs the tests; ARGS are pytest's: make test ARGS="tests/jobs -k plan"
	@python -m pytest $(ARGS)

test-fleet: $(DEVELOPMENT) $(FLEET)  ## starts a fleet and kills a worker; as root it installs Debian's PostgreSQL and Redis
	@command -v redis-server >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	{ apt-get update -qq && apt-get install -y -qq postgresql redis-server >/dev/null; }
	@python -m pytest tests/deploy $(ARGS)

test-labelstudio: $(DEVELOPMENT) $(LABELSTUDIO)  ## reviews an audit with a real Label Studio, over REST and in a browser where there is one
	@python -m pytest tests/deploy/test_label_studio.py $(ARGS)

coverage: $(DEVELOPMENT)  ## runs the tests (or ARGS) and prints which lines no test has run
	@coverage run -m pytest $(ARGS); status=$$?; coverage combine --quiet; coverage report; exit $$status

fuzz: $(DEVELOPMENT)  ## reads 2,000 flipped, all cut and all malformed documents: each ends in images or a reason
	@python -m tests.extractors.isolation.fuzz

lint: $(DEVELOPMENT)  ## checks style, format, types and the directions of imports
	@ruff check .
	@ruff format --check .
	@mypy
	@mypy dags
	@mypy deploy
	@lint-imports

format: $(DEVELOPMENT)  ## formats the code and sorts its imports
	@ruff check --quiet --fix --select I,F401 .
	@ruff format .

bench: $(DEVELOPMENT)  ## measures pairs a second, stage by stage, beside the baselines
	@scott bench

chaos: $(DEVELOPMENT)  ## audits disturbed at random and with faults of storage: an hour, each must end as if undisturbed
	@python -m tests.jobs.chaos.disturbed --times 1200
	@python -m tests.jobs.storage.faults --faults 1000

train-smoke: $(DEVELOPMENT)  ## trains for two minutes, is killed, resumes, and must have learned
	@python -m scott_core.training.smoke

sample: $(INSTALLED)
	@mkdir -p .audit && cp -R jobs/sample/catalogue .audit/

$(INSTALLED): requirements.txt constraints.txt setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(PIP) -c constraints.txt -r requirements.txt
	$(PIP) --no-deps -e .
	@touch $@

$(DEVELOPMENT): requirements-dev.txt requirements-train.txt requirements-baselines.txt $(INSTALLED)
	$(PIP) -c constraints.txt -r requirements-dev.txt
	$(PIP) --no-deps --ignore-requires-python -r requirements-baselines.txt
	@touch $@

$(FLEET): requirements-fleet.txt constraints-fleet.txt $(INSTALLED)
	$(PIP) -c constraints.txt -c constraints-fleet.txt -r requirements-fleet.txt
	@touch $@

$(LABELSTUDIO): requirements-labelstudio.txt constraints-labelstudio.txt
	$(PYTHON) -m venv .venv-labelstudio
	.venv-labelstudio/bin/$(PIP) -c constraints-labelstudio.txt -r requirements-labelstudio.txt
	@touch $@

$(DATABASE): $(INSTALLED)
	@mkdir -p .airflow
	@airflow db migrate
	@airflow pools set gpu 1 "accelerators" >/dev/null
	@touch $@

export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Airflow's embedded defaults: SQLite, local processes, storage in a folder.
audit airflow: export AIRFLOW_HOME := $(CURDIR)/.airflow
audit airflow: export AIRFLOW__CORE__DAGS_FOLDER := $(CURDIR)/dags
audit airflow: export AIRFLOW__CORE__LOAD_EXAMPLES := False
audit airflow: export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION := False
audit airflow: export AIRFLOW__CORE__PARALLELISM := 4
audit airflow: export AIRFLOW__CORE__EXECUTION_API_SERVER_URL := $(URL)/execution/
audit airflow: export AIRFLOW__API__BASE_URL := $(URL)
audit airflow: export AIRFLOW__API__HOST := 127.0.0.1
audit airflow: export AIRFLOW__API__PORT := $(PORT)
audit airflow: export AIRFLOW__API__WORKERS := 1
audit airflow: export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS := admin:admin
audit airflow: export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE := $(CURDIR)/.airflow/passwords.json
audit airflow: export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL := 15
audit airflow: export AIRFLOW__LOGGING__LOGGING_LEVEL := WARNING
audit airflow: export AIRFLOW__LOGGING__NAMESPACE_LEVELS := scott=INFO
audit airflow: export PYTHONWARNINGS := ignore
audit airflow: export SCOTT_ROOT := $(AUDIT_ROOT)
audit airflow: export SCOTT_BUCKETS := 3
