"""The cost of an audit's steps by the size of its catalogue: CPU seconds, and the largest resident set of a process.

    python -m jobs.bench.growth.audits WORKDIR PRODUCTS [BUCKETS] [--nights] [--plan]

audits a made catalogue of PRODUCTS under WORKDIR, step by step, each step in a process of its own. A product has one
image and one report of the sample's, made its own by bytes that show nothing. With --nights two more audits follow, one
of the same catalogue and one after CHANGED of the products have another image and another report. With --plan there are
no files: the catalogue is planned, then one product of it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.sample import SAMPLE
from jobs.storage import open_storage
from jobs.tables.plan import planned_buckets

DAY, SAME, CHANGED_DAY = "2026-01-02", "2026-01-03", "2026-01-04"
CHANGED = 0.01  # share of the products
REPORTS = ("TOY-0001", "TOY-0004", "TOY-0008", "TOY-0009", "TOY-0010")  # one photograph each, 38 to 68 kB
ARGUMENTS = {"run_name": "scale", "requested_at": f"{DAY}T00:00:00+00:00"}
BUCKET_STEPS = ("extract_bucket", "score_bucket", "publish_bucket")


def write_catalogue(root: Path, n: int, *, with_files: bool) -> None:
    """A feed of n products under `root`, and their files."""
    ids = [f"P{number:07d}" for number in range(n)]
    folder = root / "catalogue"
    (folder / "files").mkdir(parents=True, exist_ok=True)
    rows = {
        "product_id": ids,
        "title": [f"Toy number {name}, painted, from 3 years" for name in ids],
        "category": ["toys"] * n,
        "image_uris": [[f"catalogue/files/{name}.jpg"] for name in ids],
        "document_uris": [[f"catalogue/files/{name}.pdf"] for name in ids],
    }
    pq.write_table(pa.table(rows), folder / "products.parquet")
    for number, name in enumerate(ids if with_files else ()):
        write_files(folder / "files", name, number)


def write_files(folder: Path, name: str, number: int) -> None:
    """The image and the report of one product, unlike those of any other `name`."""
    shown = SAMPLE / "catalogue" / REPORTS[number % len(REPORTS)]
    image = min((shown / "images").iterdir()).read_bytes()
    comment = name.encode()
    own = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment  # a JPEG's comment segment
    (folder / f"{name}.jpg").write_bytes(image[:2] + own + image[2:])
    report = min((shown / "documents").iterdir()).read_bytes()
    (folder / f"{name}.pdf").write_bytes(report + b"\n%" + comment + b"\n")


def measure(code: str, *arguments: object) -> dict[str, float]:
    """CPU seconds and MB of `code`, in a process of its own with its children, which gets `arguments` as argv."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", f"{_REPORT}{code}\n_report()", *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu, "wall_s": time.perf_counter() - start, **json.loads(done.stdout.splitlines()[-1])}


# The largest resident set since the process's exec; that of getrusage may be its parent's.
_REPORT = """
import json, sys
def _report():
    with open("/proc/self/status") as status:
        kb = next(line for line in status if line.startswith("VmHWM")).split()[1]
    print(json.dumps({"mb": int(kb) / 1024}))
"""
_PLAN = """
from jobs.audit.plan import plan_audit
given = json.loads(sys.argv[2])
plan_audit(sys.argv[1], given.pop("audit_date"), **given)
"""
_STEP = """
import jobs.audit
root, day, run, name, *buckets = sys.argv[1:]
for bucket in buckets:
    getattr(jobs.audit, name)(root, day, int(bucket), run)
"""
_WHOLE = """
import jobs.audit
jobs.audit.reconcile_audit(*sys.argv[1:4])
"""
_PAGE = """
import jobs.audit
jobs.audit.write_report(*sys.argv[1:3])
"""


def plan(root: Path, audit_date: str = DAY, **more: object) -> dict[str, float]:
    """The cost of planning."""
    return measure(_PLAN, root, json.dumps({"audit_date": audit_date, **ARGUMENTS, **more}))


def audit(root: Path, audit_date: str, n_buckets: int | None) -> dict[str, dict[str, float]]:
    """The cost of each step of an audit of `root`, all buckets of a step in one process."""
    found = {"plan": plan(root, audit_date, n_buckets=n_buckets)}
    run_id, buckets = f"000001-{ARGUMENTS['run_name']}", planned_buckets(open_storage(str(root)), audit_date)
    for step in BUCKET_STEPS:
        found[step] = measure(_STEP, root, audit_date, run_id, step, *buckets)
    found["reconcile"] = measure(_WHOLE, root, audit_date, run_id)
    found["report"] = report(root, audit_date)
    return found


def report(root: Path, audit_date: str = DAY) -> dict[str, float]:
    """The cost of writing the report."""
    return measure(_PAGE, root, audit_date)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m jobs.bench.growth.audits", description=main.__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("products", type=int)
    parser.add_argument("buckets", type=int, nargs="?", help="default: by the number of products")
    parser.add_argument("--nights", action="store_true", help="audit again unchanged, and with changes")
    parser.add_argument("--plan", action="store_true", help="plan the catalogue and one product of it, with no files")
    asked = parser.parse_args(arguments)
    write_catalogue(asked.workdir, asked.products, with_files=not asked.plan)
    if asked.plan:
        show(asked.products, {"plan": plan(asked.workdir)})
        show(asked.products, {"one product": plan(asked.workdir, product_ids=["P0000007"], run_name="one")})
        return
    show(asked.products, audit(asked.workdir, DAY, asked.buckets))
    if asked.nights:
        show(asked.products, audit(asked.workdir, SAME, asked.buckets))
        for number in range(0, asked.products, round(1 / CHANGED)):
            write_files(asked.workdir / "catalogue" / "files", f"P{number:07d}", number + 1)
        show(asked.products, audit(asked.workdir, CHANGED_DAY, asked.buckets))


def show(products: int, costs: Mapping[str, Mapping[str, float]]) -> None:
    total = sum(cost["cpu_s"] for cost in costs.values())
    for step, cost in costs.items():
        line = "  ".join(f"{name} {value:9,.2f}" for name, value in cost.items())
        sys.stdout.write(f"{products:>9} products  {step:16}  {line}\n")
    sys.stdout.write(f"{products:>9} products  {'all':16}  cpu_s {total:9,.2f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
