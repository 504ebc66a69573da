"""The types of a verb of `scott`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Verb = Callable[[argparse.Namespace], int]  # runs with the parsed arguments; returns the exit code
AddVerb = Callable[[str, Verb], argparse.ArgumentParser]  # adds a verb by name; its docstring is its help
