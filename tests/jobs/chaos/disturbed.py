"""Audits that are disturbed at random, one or two at once: `python -m tests.jobs.chaos.disturbed --times 1000`.

A small catalogue is audited for two nights, the second of which carries over what is unchanged, by processes each of
which is disturbed in one way:

    killed    It and its readers are killed (-9) after a random time.
    full      None of its files may grow beyond a random size (RLIMIT_FSIZE): writes fail as on a full disk.
    clock     Its clock is off by up to two days, on either side.

One that ends well by itself must have made what an undisturbed audit makes, and one that does not must end in an error
of jobs/errors.py. Then each night is audited to its end, and must have the rows, the evidence and the images of an
audit that nothing disturbed, and leave nothing else behind. Exit status 1 where something is otherwise.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from jobs.audit.run import run_audit
from jobs.errors import JobError
from jobs.storage import Storage, open_storage
from jobs.tables.plan import planned_buckets
from jobs.tables.rows import read_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS
from tests.jobs.audit.steps import DAY, asked, key_of_any_issue
from tests.jobs.small_catalogue import add_product, picture, report

NIGHTS = (DAY, "2026-01-03")
WAYS = ("killed", "killed", "full", "clock")  # each as often as it is here
LONGEST = 4.0  # seconds until a kill; an audit of this catalogue takes 1 to 3
LARGEST = 1 << 17  # bytes of the file limit; the largest file of this audit has 100 kB
FURTHEST = 2 * 86400.0  # seconds by which a clock is off
TWO = 0.3  # share of the disturbances with two audits at once
RED = 3  # exit status of an audit that ended in an error of ours
OF_THE_RUN = ("run_id", "scored_at")  # differ between runs that decide the same


def write_night(storage: Storage, night: int) -> None:
    """The catalogue of a night: one product changes between the two."""
    add_product(storage, "P1", [picture(1), picture(2)], [report(picture(1))])
    add_product(storage, "P2", [picture(2)], [report(picture(3 + night))])


def outcome(storage: Storage, nights: Sequence[str] = NIGHTS) -> dict[str, Any]:
    """Rows without what tells the run, and every other object that an audit writes but plans and what storage said."""
    found: dict[str, Any] = {}
    for day in nights:
        for table in (DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS):
            rows = [row for n in planned_buckets(storage, day) for row in read_rows(storage, table, day, n)]
            found[f"{table.name} {day}"] = [{k: v for k, v in row.items() if k not in OF_THE_RUN} for row in rows]
    if nights != NIGHTS:
        return found
    by_bytes = [key for folder in ("evidence", "images", "extractions") for key in storage.keys(folder)]
    found |= {key: storage.read(key).data for key in by_bytes}
    written = [key for key in storage.keys("") if not key.startswith("audits/")]
    found["keys"] = [key_of_any_issue(key) for key in written]
    return found


@dataclass
class Audit:
    """An audit of one night in a forked process group of its own, disturbed in one of WAYS."""

    day: str
    way: str
    process: BaseProcess

    @classmethod
    def start(cls, root: str, day: str, name: str, rng: random.Random) -> Audit:
        way, size, off = rng.choice(WAYS), rng.randint(1, LARGEST), rng.uniform(-FURTHEST, FURTHEST)

        def audit() -> None:
            os.setpgid(0, 0)
            if way == "full":
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            elif way == "clock":
                seconds, nanoseconds = time.time, time.time_ns
                time.time = lambda: seconds() + off
                time.time_ns = lambda: nanoseconds() + int(off * 1e9)
            try:
                run_audit(root, day, **asked(name, n_buckets=2))
            except JobError:
                sys.exit(RED)

        process = multiprocessing.get_context("fork").Process(target=audit)
        process.start()
        return cls(day, way, process)

    def end(self) -> None:
        """Kill it if that is its way and it still runs; wait for its end."""
        if self.way == "killed" and self.process.is_alive() and self.process.pid is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def fault(self, storage: Storage, undisturbed: dict[str, Any], *, alone: bool) -> str | None:
        """What is wrong with how it ended; None where nothing is."""
        if self.process.exitcode not in (0, RED, -signal.SIGKILL):
            return f"{self.way}: exit status {self.process.exitcode}"
        if self.process.exitcode == 0 and alone:
            found = outcome(storage, (self.day,))
            differing = [name for name in found if found[name] != undisturbed[name]]
            return f"{self.way}: green with other rows: {differing}" if differing else None
        return None


def audit_disturbed(folder: Path, times: int, seed: int, say: Callable[[str], object] = lambda line: None) -> list[str]:
    """What is wrong after so many disturbed processes; `folder` gets the root of one round after another."""
    rng = random.Random(seed)
    root = folder / "root"  # evidence_uri names it
    storage = open_storage(str(root))
    for night, day in enumerate(NIGHTS):
        write_night(storage, night)
        run_audit(storage.root, day, **asked("last", n_buckets=2))
    undisturbed = outcome(storage)
    done: Counter[str] = Counter()
    wrong: list[str] = []
    while done.total() < times and not wrong:
        shutil.rmtree(root)
        for night, day in enumerate(NIGHTS):
            write_night(storage, night)
            for n in range(rng.randint(1, 4)):
                audits = [Audit.start(storage.root, day, f"{n}-{i}", rng) for i in range(1 + (rng.random() < TWO))]
                time.sleep(rng.uniform(0, LONGEST))
                for audit in audits:
                    audit.end()
                done.update(audit.way for audit in audits)
                faults = (audit.fault(storage, undisturbed, alone=len(audits) == 1) for audit in audits)
                wrong += [fault for fault in faults if fault]
            run_audit(storage.root, day, **asked("last"))
        found = outcome(storage)
        wrong += [name for name in {*found, *undisturbed} if found.get(name) != undisturbed.get(name)]
        say(", ".join(f"{count} {way}" for way, count in sorted(done.items())))
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how many were disturbed, and what is wrong; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.jobs.chaos.disturbed", description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="processes to disturb (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scott-disturbed-") as folder:
        wrong = audit_disturbed(Path(folder), given.times, given.seed, lambda line: print(line, flush=True))
    print("\n".join(f"WRONG: {each}" for each in wrong) or "every round ended as if nothing had disturbed it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
