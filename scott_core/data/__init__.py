"""Data that the model trains on: real pairs and procedural toys."""
