"""A nested stack's unchanged resources keep their attributes when it is updated, and a nested stack that cannot be created is rolled back.

Stock: an update fails with `Requested attribute … does not exist in schema`, and a failed creation leaves its resources behind.
"""

from ministack.services.cloudformation import provisioners

from local.emulator.pin import rewrite

UPDATED = "                    name_seed = _NAME_SEED.get()\n"
KEEP_ATTRIBUTES = """                    if physical_id == prev.get("PhysicalResourceId"):
                        attrs = {**(prev.get("Attributes") or {}), **(attrs or {})}
"""
FAILED = """                       f"{status_prefix}_FAILED", str(exc))
            raise
"""
ROLLED_BACK = """                       f"{status_prefix}_FAILED", str(exc))
            if not is_update:
                _cfn_nested_stack_delete(child_name, props)
            raise
"""


def apply() -> None:
    """Rewrite the two places."""
    rewrite(provisioners, "_cfn_nested_stack_deploy", (UPDATED, UPDATED + KEEP_ATTRIBUTES), (FAILED, ROLLED_BACK))
