"""The settings of audits: each is text under a name, and a mistyped one is an error.

scott_root            the URI of the storage root (required)
scott_weights         the scorer: a name or a .safetensors file (default: the weights that ship)
scott_risk            the share of decided products that may be wrong, or none for the paper's rule (default: 0.05)
scott_buckets         the number of buckets (default: by the size of the catalogue)
scott_inputs_from     URIs beside the root under which inputs may lie, separated by ";" or a JSON list (default: none)
scott_stop_at_match   true: no pair is scored after a product's first match (default: false)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypedDict

from jobs.audit.plan import PlanSummary, plan_audit
from jobs.errors import BadArgument
from jobs.storage import open_storage
from jobs.tables.allowed import check_prefix
from jobs.tables.catalogue.product import split_uris
from jobs.tables.plan import find_plan
from scott_core.product import NO_RISK, Risk, parse_risk

_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Settings:
    """The settings of one audit; None is the default."""

    root: str
    weights: str | None = None
    n_buckets: int | None = None
    risk: Risk | None = None
    stop_at_match: bool | None = None
    inputs_from: tuple[str, ...] | None = None

    @classmethod
    def read(cls, look_up: Callable[[str], str | None]) -> Settings:
        """The settings that `look_up` has by name; None and "" are not set.

        Raises BadArgument naming a setting that is missing or cannot be used.
        """
        root = look_up("scott_root")
        if not root:
            raise BadArgument("no storage: set Airflow's variable scott_root, or SCOTT_ROOT")
        buckets, stop = look_up("scott_buckets"), look_up("scott_stop_at_match")
        if buckets and not buckets.strip().isdecimal():
            raise BadArgument(f"scott_buckets is {buckets!r}: expected a number of buckets")
        if stop and stop.strip().lower() not in _BOOLEANS:
            raise BadArgument(f"scott_stop_at_match is {stop!r}: expected true or false")
        return cls(
            root,
            look_up("scott_weights") or None,
            int(buckets) if buckets else None,
            read_risk(look_up),
            _BOOLEANS[stop.strip().lower()] if stop else None,
            read_inputs_from(look_up),
        )


def read_risk(look_up: Callable[[str], str | None]) -> Risk | None:
    """The setting scott_risk, None where it is not set. Raises BadArgument where it is mistyped."""
    text = look_up("scott_risk")
    try:
        return parse_risk(text) if text else None
    except ValueError as error:
        raise BadArgument(f"scott_risk is {text!r}: expected a number or none") from error


def read_inputs_from(look_up: Callable[[str], str | None]) -> tuple[str, ...] | None:
    """The setting scott_inputs_from, None where it is not set. Raises BadArgument, for a mistyped place, too."""
    text = look_up("scott_inputs_from")
    try:
        found = split_uris(text or "")
    except ValueError as error:
        raise BadArgument(f"scott_inputs_from: {error}") from error
    if not all(isinstance(uri, str) for uri in found):
        raise BadArgument(f"scott_inputs_from is {text!r}: expected URIs separated by ';', or a JSON list of them")
    return tuple(check_prefix(uri.strip()) for uri in found if uri.strip()) or None


def plan_with_settings(
    settings: Settings,
    audit_date: str,
    *,
    run_name: str,
    requested_at: str,
    product_ids: Iterable[str] | None = None,
    risk: str | float | None = None,
    full: bool = False,
    verify: bool = False,
) -> PlanSummary:
    """`plan_audit`, configured by `settings`; `risk`, `full` and `verify` are those of this run alone.

    Raises what plan_audit raises.
    """
    own_risk = None if risk is None else read_risk({"scott_risk": str(risk)}.get)
    return plan_audit(
        settings.root,
        audit_date,
        run_name=run_name,
        requested_at=requested_at,
        product_ids=product_ids,
        full=full,
        verify=verify,
        **configured(settings, audit_date, product_ids, risk=own_risk),
    )


class Configured(TypedDict):
    """The arguments of `plan_audit` that settings decide."""

    weights: str | None
    threshold: float | None
    risk: Risk | None
    stop_at_match: bool | None
    inputs_from: Iterable[str] | None
    n_buckets: int | None


def configured(
    settings: Settings,
    audit_date: str,
    product_ids: Iterable[str] | None,
    *,
    weights: str | None = None,
    threshold: float | None = None,
    risk: Risk | None = None,
    stop_at_match: bool | None = None,
    inputs_from: Iterable[str] | None = None,
) -> Configured:
    """The arguments of `plan_audit`: what is given for this run alone, and for the rest `settings`.

    An audit that exists keeps its buckets, and single products keep its configuration, whatever the settings are. A
    risk that is given for a run outweighs the setting of the paper's rule, and the other way round.
    """
    is_planned = find_plan(open_storage(settings.root), audit_date) is not None
    of_audit = settings if product_ids is None or not is_planned else Settings(settings.root)
    is_papers = threshold is not None or bool(stop_at_match)
    may_stop = risk in (None, NO_RISK)
    return {
        "weights": of_audit.weights if weights is None else weights,
        "threshold": threshold,
        "risk": of_audit.risk if risk is None and not is_papers else risk,
        "stop_at_match": of_audit.stop_at_match if stop_at_match is None and may_stop else stop_at_match,
        "inputs_from": of_audit.inputs_from if inputs_from is None else inputs_from,
        "n_buckets": None if is_planned else settings.n_buckets,
    }
