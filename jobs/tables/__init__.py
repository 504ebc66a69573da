"""What an audit reads and writes: keys, schemas and rows, the plan, the catalogue and its inputs."""
