"""Refuse at once what certainly cannot be served: a type that the region lacks, a context that fits nowhere."""

from kit.errors import InvalidRequest, Violation
from serving.domain.feasibility import hint, refusals
from serving.domain.instances import gpus_of, room
from serving.domain.model import Spec
from serving.ports import Artifacts, Instances

_DECIDING = ("artifact", "engine", "accelerator")


class Feasible:
    """Asks AWS only where the wish says something that AWS may not have (any more), or a model's files where they may not suffice."""

    def __init__(self, artifacts: Artifacts, instances: Instances) -> None:
        self._artifacts, self._instances = artifacts, instances

    def __call__(self, spec: Spec, before: Spec | None = None) -> None:
        """InvalidRequest names every field that cannot be. What `before` held alike is not asked about again."""
        if spec["hosting"] != "hosted" or (spec["engine"]["kind"] == "mock" and not _names_instances(spec)):
            return
        if before is None or any(spec.get(name) != before.get(name) for name in _DECIDING):
            self._check_fit(spec)
        self._check_room(spec, before)

    def _check_fit(self, spec: Spec) -> None:
        asks_region = bool(gpus_of(spec)) or _names_instances(spec)
        offer = self._instances.offer(quotas=False, prices=False) if asks_region else self._instances.known()
        found = refusals(spec, self._artifacts.facts(spec), offer)
        if found:
            text = f"{len(found)} field(s) ask for what cannot be"
            raise InvalidRequest("validation-failed", text, hint(found), violations=[Violation(*complaint) for complaint in found])

    def _check_room(self, spec: Spec, before: Spec | None) -> None:
        """More copies on GPUs than quota and instance supply allow are refused now, not after a quarter of an hour of waiting."""
        present = int(before["capacity"]["desired"]) if before else 0
        more = int(spec["capacity"]["desired"]) - present
        if more <= 0 or not gpus_of(spec):
            return
        fits, why = room(spec, self._instances.offer(prices=False), more=more, beside=present)
        if not fits:
            advice = "Ask for fewer copies or other instance types, or have the quota raised."
            raise InvalidRequest("validation-failed", why, advice, violations=[Violation("capacity.desired", "no-room", why)])


def _names_instances(spec: Spec) -> bool:
    return bool(spec["accelerator"]["instance_types"])
