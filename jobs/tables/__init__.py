"""The data of an audit: keys, schemas and rows, the plan, the catalogue and its inputs."""
