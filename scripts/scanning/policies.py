"""Judges policies with cloudsplaining: `policies.py < {"role": [document, …], …}` writes what each allows beyond its purpose, as JSON.

Runs in the environment `scan`, which has nothing of ours. Documents come with every reference resolved to some ARN.
"""

import json
import sys

from cloudsplaining.scan.policy_document import PolicyDocument

# Ways to become somebody else, to carry data or credentials away, to change what others may do, and whole services at once.
_RISKS = (
    "allows_privilege_escalation",
    "allows_data_exfiltration_actions",
    "credentials_exposure",
    "permissions_management_without_constraints",
    "write_actions_without_constraints",
    "service_wildcard",
    "infrastructure_modification",
)


def main() -> int:
    """Judge all; 0 always, since judging what is found is others' business."""
    found = []
    for role, documents in json.load(sys.stdin).items():
        for document in documents:
            judged = PolicyDocument(document)
            found += [{"rule": risk, "role": role, "said": str(said)} for risk in _RISKS if (said := getattr(judged, risk))]
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
