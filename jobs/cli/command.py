"""Reads the command line, runs one verb and turns errors into exit codes."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from jobs.cli import catalogue, history, models, pairs, review
from jobs.cli.text import printable
from jobs.cli.verbs import Verb
from jobs.errors import AuditError, JobError
from jobs.scoring.memory import keep_freed_memory
from scott_core.errors import ScottError

TRAINING = ("matplotlib", "sklearn", "torchvision", "yaml")  # libraries that setup.cfg has in the extra `train`


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb of `scott`; returns the exit code. Arguments that argparse refuses raise SystemExit(2)."""
    keep_freed_memory()
    arguments = _parse(argv)
    try:
        return int(arguments.verb(arguments))
    except AuditError as error:
        print(printable(f"scott: {error}"), file=sys.stderr)
        return 1
    except (JobError, ScottError) as error:
        print(printable(f"scott: {error}"), file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in TRAINING:
            raise  # a broken installation, or a mistake of ours
        more = "requirements-train.txt has what training and evaluation need"
        print(f"scott: {error.name} is not installed: {more}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("scott: interrupted; the same command can be run again", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # `scott ... | head`
        sys.stderr.close()
        return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; argparse would not take key=value overrides that come after an option."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and (any(each.startswith("-") for each in rest) or not hasattr(arguments, "overrides")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.overrides += rest
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scott", description="Do a product's documents show the product?")
    parser.add_argument("--version", action="version", version=f"scott {_version()}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, run: Verb) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=run.__doc__, description=run.__doc__)
        found.set_defaults(verb=run)
        return found

    for module in (catalogue, history, review, pairs, models):
        module.add_verbs(verb)
    return parser


def _version() -> str:
    """The installed version; a checkout runs without being installed (docs/gpu.md)."""
    try:
        return version("scott")
    except PackageNotFoundError:
        return "from a checkout that is not installed"
