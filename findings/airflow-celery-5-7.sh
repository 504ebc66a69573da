#!/usr/bin/env bash
# Airflow's Celery provider installs with a Celery that it cannot import, and then asks for an Airflow that one has.
#
# Seen with apache-airflow-providers-celery 3.26.0 and celery 5.7.0, which its requirements admit: celery.backends.database has
# no `retry` any more, which the provider imports. The worker does not say so, but "This feature is only available in Airflow
# versions >= 2.8.0"; the scheduler says that the module of the executor could not be loaded. With celery 5.6.3 both work.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pip() { "$folder/env/bin/pip" install --quiet --disable-pip-version-check "$@"; }
export AIRFLOW_HOME="$folder" AIRFLOW__CORE__EXECUTOR=CeleryExecutor AIRFLOW__LOGGING__LOGGING_LEVEL=CRITICAL PYTHONWARNINGS=ignore
pip apache-airflow==3.3.2 apache-airflow-providers-celery==3.26.0 celery==5.7.0
told=$("$folder/env/bin/airflow" celery worker --queues none 2>&1 | tail -1) || true  # it fails
pip celery==5.6.3
imports=$("$folder/env/bin/python" -c 'from airflow.providers.celery.executors.celery_executor_utils import app' 2>&1 && echo yes) || true
echo "apache-airflow 3.3.2, apache-airflow-providers-celery 3.26.0"
echo "a worker with celery 5.7.0: $told"
echo "imports with celery 5.6.3: $imports"
[[ $told == *"only available in Airflow versions >= 2.8.0"* && $imports == *yes ]]
