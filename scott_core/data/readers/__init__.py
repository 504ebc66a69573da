"""Readers that turn a data set, as its users have it on disk, into the pairs of `scott_core.pairs`.

    python -m scott_core.data.readers NAME ROOT --split train|val|test --out pairs.csv

Each reader is one module with `read(root, split, *, ...) -> list[Pair]`. None downloads anything: its docstring says
where the data comes from and on what terms. docs/data.md has them side by side.
"""
