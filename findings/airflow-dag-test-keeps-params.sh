#!/usr/bin/env bash
# DAG.test of Airflow leaves the values of one run's `run_conf` in the DAG: the next run has them as its defaults.
#
# Seen with apache-airflow 3.3.2: a DAG with the param `day` (default "none") is tested with run_conf={"day": "monday"}, then
# without. The second run's task sees "monday", too. So tests that share a DagBag depend on their order; each has to give
# every param. A DAG that is parsed anew has its own default again.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2
mkdir "$folder/dags"
cat > "$folder/dags/days.py" <<'PYTHON'
from airflow.sdk import Param, dag, get_current_context, task


@dag(schedule=None, params={"day": Param(default="none", type="string")})
def days():
    @task
    def tell():
        return get_current_context()["params"]["day"]

    tell()


days()
PYTHON
export AIRFLOW_HOME="$folder" AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR PYTHONWARNINGS=ignore
"$folder/env/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from airflow.utils.db import initdb

initdb()
from airflow.dag_processing.dagbag import DagBag


def told(dag, **how):
    (task,) = dag.test(**how).get_task_instances()
    return task.xcom_pull(task_ids="tell")


shared = DagBag().dags["days"]
first, second = told(shared, run_conf={"day": "monday"}), told(shared)
fresh = told(DagBag().dags["days"])
print(f"apache-airflow {version('apache-airflow')}")
print(f"with run_conf: {first}; the same DAG without: {second}; parsed anew, without: {fresh}")
sys.exit((first, second, fresh) != ("monday", "monday", "none"))
PYTHON
