"""The secrets of an installation, made anew: python -m deploy.secrets HOST > secrets.env

HOST is the machine of PostgreSQL and Redis. Which machine needs which of them is in deploy/README.md.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import sys


def new_secrets(host: str, *, database_port: int = 5432, broker_port: int = 6379) -> dict[str, str]:
    """The secrets by variable. The database `airflow` is its user's, too; Redis has one password.

    SQLAlchemy 2.1 reads postgresql:// as psycopg 3, so the URL names psycopg2.
    """
    database, broker = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://airflow:{database}@{host}:{database_port}/airflow",
        "AIRFLOW__CELERY__BROKER_URL": f"redis://:{broker}@{host}:{broker_port}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"redis://:{broker}@{host}:{broker_port}/1",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(64),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m deploy.secrets", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("host", help="the machine of PostgreSQL and Redis")
    sys.stdout.writelines(f"{name}={value}\n" for name, value in new_secrets(parser.parse_args().host).items())
