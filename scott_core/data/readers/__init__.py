"""Readers, each of which turns a data set as it is distributed into pairs of `scott_core.pairs`.

    python -m scott_core.data.readers NAME ROOT --split train|val|test --out pairs.csv

A reader is a module with `read(root, split, *, ...) -> list[Pair]`. It downloads nothing: its docstring names where the
data comes from, and its terms. docs/data.md compares all of them.
"""
