"""Names in ECS, made from the model alone, so that whoever asks twice finds what the first made."""

_LIMIT = 255


def service_prefix(environment: str) -> str:
    """What the name of every service of this environment begins with."""
    return f"slipway-{environment}-"


def service_name(environment: str, model_id: str, version: str, generation: int) -> str:
    """The service's name and its task definitions' family; the generation, which makes it unique, is never cut off."""
    end = f"-g{generation}"
    return f"{service_prefix(environment)}{model_id}-{version.replace('.', '-')}"[: _LIMIT - len(end)] + end
