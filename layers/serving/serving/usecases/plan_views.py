"""Plans and instance types as the management API shows them; `contracts.plan_views` says the same in types, and tests compare the two."""

from typing import Any

from serving.domain.cost import Cost, monthly
from serving.domain.feasibility import Feasibility, hint
from serving.domain.fit import Fit
from serving.domain.instances import InstanceType, Offer, Quota
from serving.domain.planning import Plan


def planned(found: Plan, model_id: str, generation: int, acknowledge: str | None) -> dict[str, Any]:
    """The body of `POST /models/plan`, and of every command with `?dry_run=true`."""
    return {
        "model_id": model_id,
        "generation": generation,
        "command": found.command,
        "changes": [vars(change) | {"change_class": change.change_class.value} for change in found.changes],
        "change_class": found.change_class.value if found.change_class else None,
        "restarts": found.restarts,
        "surge": {"fits": found.room[0], "reason": found.room[1]} if found.room else None,
        "copies": {"before": found.before.copies, "after": found.after.copies},
        "gpus": {"before": found.before.gpus, "after": found.after.gpus},
        "fit": _feasibility(found.feasibility) if found.feasibility else None,
        "cost": {
            "currency": "USD",
            "price_region": found.offer.price_region,
            "priced_on": found.offer.price_as_of,
            "source": found.offer.price_source,
            "before": _cost(found.cost_before),
            "after": _cost(found.cost_after),
        },
        "refused": [{"path": path, "code": code, "message": message} for path, code, message in found.refused],
        "hint": hint(list(found.refused)) or None,
        "warnings": list(found.warnings),
        "acknowledge": acknowledge,
    }


def instance_type(one: InstanceType, offer: Offer, found: Fit | None) -> dict[str, Any]:
    """One element of `GET /instances`."""
    return {
        "instance_type": one.instance_type,
        "family": one.family,
        "accelerator": one.accelerator,
        "accelerators": one.accelerators,
        "accelerator_memory_gib": one.memory_gib,
        "accelerator_usable_gib": one.usable_gib,
        "vcpus": one.vcpus,
        "memory_gib": one.ram_gib,
        "architecture": one.architecture,
        "usd_per_hour": one.usd_per_hour,
        "usd_per_month": monthly(one.usd_per_hour),
        "price_source": one.price_source,
        "offered": offer.has(one.instance_type),
        "bought_here": offer.buys(one.instance_type) and offer.capacity != "None",
        "quota_code": one.quota_code,
        "quota_left": offer.left(one),
        "fit": {"verdict": found.verdict, "reason": found.reason, **_figures(found)} if found else None,
    }


def quota(one: Quota) -> dict[str, Any]:
    """One of the quotas that the types count against."""
    return {"code": one.code, "limit_vcpus": one.limit, "used_vcpus": one.used, "left_vcpus": one.left}


def _feasibility(found: Feasibility) -> dict[str, Any]:
    return {
        "verdict": found.fit.verdict,
        "reason": found.fit.reason,
        "on": found.on,
        "lines": [vars(line) for line in found.fit.lines],
        "context_length": found.fit.context,
        "concurrency": found.fit.concurrency,
        "cache_tokens": found.fit.cache_tokens,
        **_figures(found.fit),
        "instance_types": [
            {
                "instance_type": one.instance_type,
                "verdict": one.verdict,
                "max_context_length": one.max_context,
                "max_concurrency": one.max_concurrency,
                "eligible": one.eligible,
            }
            for one in found.holding
        ],
    }


def _figures(found: Fit) -> dict[str, Any]:
    return {"max_context_length": found.max_context, "max_concurrency": found.max_concurrency}


def _cost(found: Cost) -> dict[str, Any]:
    amounts = {"min": found.minimum, "desired": found.desired, "max": found.maximum}
    return {
        "usd_per_hour": amounts,
        "usd_per_month": {name: monthly(amount) for name, amount in amounts.items()},
        "basis": found.basis,
    }
