"""The steps of an audit, storage, tables and the command line; no Airflow import."""
