"""Reads each document in a disposable process of its own; only this package decides what such a process may do."""
