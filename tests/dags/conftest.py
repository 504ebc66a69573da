"""Airflow for these tests: a home and a database of their own, set before Airflow is first imported."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests import ROOT

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

DAGS = ROOT / "dags"
HOME = tempfile.TemporaryDirectory(prefix="scott-airflow-")
os.environ["AIRFLOW_HOME"] = HOME.name
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{HOME.name}/airflow.db"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(DAGS)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> Iterator[None]:
    """Airflow's tables, and the pool that scoring asks for."""
    from airflow.models import Pool
    from airflow.utils.db import initdb

    initdb()
    Pool.create_or_update_pool("gpu", slots=1, description="accelerators", include_deferred=False)
    yield
    HOME.cleanup()


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    """The DAGs of this repository, as Airflow parses them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(DAGS)
