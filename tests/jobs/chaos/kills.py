"""Audits that are killed at random, one or two at once: `python -m tests.jobs.chaos.kills --kills 1000`.

A small catalogue is audited for two nights, the second of which carries over what is unchanged, by processes that are
killed (-9) after a random time, sometimes two of them at once. Then each night is audited to its end, and must have the
rows, the evidence and the images of an audit that nothing disturbed, and leave nothing else behind. Exit status 1 where
it has not.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobs.audit.run import run_audit
from jobs.errors import JobError
from jobs.storage import Storage, open_storage
from jobs.tables.plan import planned_buckets
from jobs.tables.rows import read_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS
from tests.jobs.audit.steps import DAY, asked
from tests.jobs.small_catalogue import add_product, picture, report

NIGHTS = (DAY, "2026-01-03")
LONGEST = 4.0  # seconds until a kill; an audit of this catalogue takes 1 to 3
TWO = 0.3  # share of the kills with two audits at once
OF_THE_RUN = ("run_id", "scored_at")  # differ between runs that decide the same


def write_night(storage: Storage, night: int) -> None:
    """The catalogue of a night: one product changes between the two."""
    add_product(storage, "P1", [picture(1), picture(2)], [report(picture(1))])
    add_product(storage, "P2", [picture(2)], [report(picture(3 + night))])


def outcome(storage: Storage) -> dict[str, Any]:
    """Rows without what tells the run, and every other object that an audit writes but plans and what storage said."""
    found: dict[str, Any] = {}
    for day in NIGHTS:
        for table in (DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS):
            rows = [row for n in planned_buckets(storage, day) for row in read_rows(storage, table, day, n)]
            found[f"{table.name} {day}"] = [{k: v for k, v in row.items() if k not in OF_THE_RUN} for row in rows]
    by_bytes = [key for folder in ("evidence", "images", "extractions") for key in storage.keys(folder)]
    found |= {key: storage.read(key).data for key in by_bytes}
    found["keys"] = [key for key in storage.keys("") if not key.startswith("audits/")]
    return found


def start(root: str, day: str, name: str) -> multiprocessing.process.BaseProcess:
    """An audit in a forked process group of its own."""

    def audit() -> None:
        os.setpgid(0, 0)
        with suppress(JobError):  # the other audit took its products; it is run again
            run_audit(root, day, **asked(name, n_buckets=2))

    process = multiprocessing.get_context("fork").Process(target=audit)
    process.start()
    return process


def audit_with_kills(
    folder: Path, kills: int, seed: int, say: Callable[[str], object] = lambda line: None
) -> list[str]:
    """What differs from an undisturbed audit after `kills` killed processes; a root for each round in `folder`."""
    rng = random.Random(seed)
    root = folder / "root"  # evidence_uri names it
    storage = open_storage(str(root))
    for night, day in enumerate(NIGHTS):
        write_night(storage, night)
        run_audit(storage.root, day, **asked("last", n_buckets=2))
    undisturbed = outcome(storage)
    done = rounds = 0
    broken: list[str] = []
    while done < kills and not broken:
        shutil.rmtree(root)
        for night, day in enumerate(NIGHTS):
            write_night(storage, night)
            for n in range(rng.randint(1, 4)):
                running = [start(storage.root, day, f"{n}-{each}") for each in range(1 + (rng.random() < TWO))]
                time.sleep(rng.uniform(0, LONGEST))
                for process in running:
                    if process.is_alive() and process.pid is not None:
                        os.killpg(process.pid, signal.SIGKILL)
                        done += 1
                    process.join()
            run_audit(storage.root, day, **asked("last"))
        rounds += 1
        found = outcome(storage)
        broken = [name for name in {*found, *undisturbed} if found.get(name) != undisturbed.get(name)]
        say(f"{rounds} rounds: {done} killed")
    return broken


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how many were killed; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.jobs.chaos.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="processes to kill (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scott-kills-") as folder:
        broken = audit_with_kills(Path(folder), given.kills, given.seed, lambda line: print(line, flush=True))
    print("\n".join(f"BROKEN: {name}" for name in broken) or "every round ended as if nothing had disturbed it")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
