"""One module per patch: `apply()` changes the pinned emulator, and asserts that it is what the patch was written against."""

import importlib

# Order matters only where a later patch builds on an earlier one.
NAMES = (
    "uncopied_states",
    "traces",
    "error_classes",
    "log_drain",
    "log_streams",
    "interpreter",
    "layer_cache",
    "forked_environments",
    "http_api",
    "http_errors",
    "sorted_queries",
    "table_streams",
    "asynchronous_invocations",
    "rule_matching",
    "rule_targets",
    "state_machines",
    "request_context",
    "role_use",
    "absent_services",
    "schedules",
    "resource_types",
    "nested_stacks",
    "task_lifecycle",
    "task_scheduling",
    "task_roles",
    "service_roles",
    "embedded_metrics",
    "queue_metrics",
    "stored_objects",
    "histories",
    "faults",
    "checkpoints",
)


def apply_patches(off: set[str]) -> list[str]:
    """Apply every patch not switched off; the names applied. Raises ValueError or PatchMismatchError."""
    unknown = off - set(NAMES)
    if unknown:
        raise ValueError(f"SLIPWAY_PATCHES_OFF names no patch: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    wanted = [name for name in NAMES if name not in off]
    for name in wanted:
        importlib.import_module(f"{__name__}.{name}").apply()
    return wanted
