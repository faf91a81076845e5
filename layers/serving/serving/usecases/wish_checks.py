"""What is checked of a wish beyond its contract, whether it is new or changed."""

from collections.abc import Iterator

from kit.caller import Caller
from kit.errors import Forbidden, InvalidRequest, Violation
from serving.domain.model import Spec
from serving.domain.wishes import complaints
from serving.ports import AddressGuard
from serving.usecases.feasible import Feasible


class WishChecks:
    """Groups that the caller may grant, values that no contract can judge, addresses that must not be called, memory that is not there.

    Without `feasible`, what does not fit is let pass: a plan shows it instead.
    """

    def __init__(self, guard: AddressGuard, feasible: Feasible | None = None) -> None:
        self._guard, self._feasible = guard, feasible

    def __call__(self, caller: Caller, spec: Spec, before: Spec | None = None) -> None:
        """Forbidden for another's group; InvalidRequest names every field. What `before` held already is not asked about again."""
        foreign = list(_foreign_groups(caller, spec, before))
        if foreign:
            raise Forbidden(
                "group-not-yours",
                "a model may be given only to groups that you are in",
                "Name groups of your own, or ask an administrator.",
                {"errors": [vars(violation) for violation in foreign]},
            )
        violations = [Violation(*complaint) for complaint in complaints(spec)]
        address = (spec.get("provider") or {}).get("api_base")
        if address and (reason := self._guard.refusal(str(address))):
            violations.append(Violation("provider.api_base", "address-refused", reason))
        if violations:
            raise InvalidRequest("validation-failed", f"{len(violations)} field(s) are not acceptable", violations=violations)
        if self._feasible:
            self._feasible(spec, before)


def _foreign_groups(caller: Caller, spec: Spec, before: Spec | None) -> Iterator[Violation]:
    if caller.is_admin:
        return
    known = set((before or {}).get("allowed_groups", ()))
    for place, group in enumerate(spec["allowed_groups"]):
        if group not in caller.groups and group not in known:
            yield Violation(f"allowed_groups[{place}]", "group-not-yours", f"you are not in the group {group}")
