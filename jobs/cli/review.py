"""The verb of people's answers: review export, import, dataset and measure."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jobs.cli.text import counted, interval, printable, progress_bar, rows_table, table
from jobs.cli.verbs import AddVerb, Verb
from jobs.errors import BadArgument


def add_verbs(verb: AddVerb) -> None:
    """Add review, with its four parts."""
    parts = verb("review", review).add_subparsers(metavar="PART", required=True)

    def part(name: str, run: Verb) -> argparse.ArgumentParser:
        found = parts.add_parser(name, help=run.__doc__, description=run.__doc__)
        found.set_defaults(part=run)
        found.add_argument("--root", required=True, metavar="URI", help="the storage root of the audit")
        return found

    v = part("export", export)
    v.add_argument("--out", type=Path, required=True, metavar="TASKS", help="folder for tasks.json and its images")
    v.add_argument("--audit-date", metavar="D", help="YYYY-MM-DD (default: the newest audit)")
    v.add_argument("--close-calls", type=int, metavar="N", help="N of the close calls, at random (default: all)")
    v.add_argument("--sample", type=int, metavar="N", help="products of the rest, at random (default: 60)")
    v.add_argument("--seed", metavar="TEXT", help="another one draws other products (default: the audit date)")

    v = part("import", import_)
    v.add_argument("export", type=Path, metavar="EXPORT.json", help="the project, exported from Label Studio as JSON")
    v.add_argument(
        "--reviewer",
        action="append",
        default=[],
        metavar="ID=NAME",
        help="who the reviewer is whom the export only numbers; may be given again (default: the number)",
    )

    v = part("dataset", dataset)
    v.add_argument("--out", type=Path, required=True, metavar="DIR")

    v = part("measure", measure)
    v.add_argument("--audit-date", metavar="D", help="YYYY-MM-DD (default: the newest audit that was asked about)")
    v.add_argument("--json", action="store_true", help="print one JSON object")


def review(arguments: argparse.Namespace) -> int:
    """Ask people about products with Label Studio, and use what they answer."""
    return int(arguments.part(arguments))


def export(arguments: argparse.Namespace) -> int:
    """Write close calls, and a random sample of the rest, as tasks for Label Studio."""
    from jobs.review.export import N_SAMPLE, export_tasks
    from jobs.storage import open_storage
    from jobs.tables.plan import latest_audit

    with progress_bar("export", "task") as bar:
        found = export_tasks(
            arguments.root,
            arguments.out,
            latest_audit(open_storage(arguments.root)) if arguments.audit_date is None else arguments.audit_date,
            n_close_calls=arguments.close_calls,
            n_sample=N_SAMPLE if arguments.sample is None else arguments.sample,
            seed=arguments.seed,
            progress=bar.update,
        )
    print(rows_table(("stratum", "products", "tasks", "weight"), found["strata"]))
    n_tasks = sum(each["tasks"] for each in found["strata"])
    known = f"; answered before: {counted(found['n_known'], 'product')}" if found["n_known"] else ""
    print(f"\n{counted(n_tasks, 'task')} about the audit of {found['audit_date']}, export {found['export_id']}{known}")
    for line in found["left_out"]:
        print(printable(f"left out: {line}"))
    print(f"{arguments.out}: to answer them, make label-studio TASKS={arguments.out}")
    return 0


def import_(arguments: argparse.Namespace) -> int:
    """Bring the answers back, all of them or none."""
    from jobs.review.importing import import_reviews

    names = dict(_name(text) for text in arguments.reviewer)
    found = import_reviews(arguments.root, arguments.export, names)
    counts = f"{counted(found['n_new'], 'new answer')}, {found['n_known']} known, {found['n_skipped']} skipped"
    print(f"{counted(found['n_tasks'], 'task')}: {counts}")
    if found["answers"]:
        print(table(("answer", "new"), sorted(found["answers"].items())))
    for product_id, said in found["conflicts"].items():
        who = ", ".join(f"{name} says {answer}" for name, answer in sorted(said.items()))
        print(printable(f"conflict: {product_id}: {who}"))
    return 0


def dataset(arguments: argparse.Namespace) -> int:
    """Write the pairs that people answered as training data, in the layout of TIC."""
    from jobs.review.dataset import write_dataset

    found = write_dataset(arguments.root, arguments.out)
    print(
        f"{found['match']} matching pairs ({found['with_masks']} with both masks), {found['no_match']} others; "
        f"left out: {found['ambiguous']} ambiguous, {found['conflicts']} conflicts\n{arguments.out}"
    )
    return 0


def measure(arguments: argparse.Namespace) -> int:
    """Measure how often the machine is right, from the answers and their weights."""
    from jobs.review.measure import measure_reviews

    found = measure_reviews(arguments.root, arguments.audit_date)
    if arguments.json:
        print(json.dumps(found.to_json(), indent=1))
        return 0
    print(f"audit of {found.audit_date}, export {found.export_id}, products with a pair to look at\n")
    strata = [(name, s.size, s.n, s.n_match, s.n_unsettled) for name, s in found.strata.items()]
    print(table(("stratum", "products", "answered", "a match", "unsettled"), strata))
    print()
    measures = [(each.name, each.value, interval(each.interval, 3)) for each in found.measures]
    print(table(("measure", "value", "95% interval"), measures))
    return 0


def _name(text: str) -> tuple[str, str]:
    number, equals, name = text.partition("=")
    if not (number and equals and name):
        raise BadArgument(f"reviewer {text!r}: expected ID=NAME, such as 1=anna")
    return number, name
