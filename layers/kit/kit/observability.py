"""Logger, tracer and metrics of the function that imports this; Powertools, configured once.

Metrics lie in the namespace `Slipway` under two dimensions: `environment` (ENVIRONMENT) and `service`, the context
(POWERTOOLS_SERVICE_NAME). They are lines of the log in the embedded metric format, so that writing one calls nothing. Each costs
0.30 USD a month for the hours in which it is told, and nothing in others: tell what happens, and no zeros. What has many values (models,
codes) is a field of a log line, never a dimension.
"""

from dataclasses import dataclass

from aws_lambda_powertools import Logger, Metrics, Tracer

from kit.settings import Settings


@dataclass(frozen=True)
class _Place(Settings):
    environment: str = "unknown"


logger = Logger(use_rfc3339=True, utc=True)
metrics = Metrics(namespace="Slipway")
metrics.set_default_dimensions(environment=_Place.from_env().environment)
# Only botocore is patched: patching every known library costs cold start, and nothing else here calls out.
tracer = Tracer(patch_modules=["botocore"])


def count(name: str, number: float = 1) -> None:
    """So many more of this have happened; none of them is not worth telling."""
    if number:
        metrics.add_metric(name=name, unit="Count", value=number)


def gauge(name: str, value: float, unit: str) -> None:
    """How much of this there is now, in one of CloudWatch's units (`Seconds`, `Count`, `None`); nothing is not worth telling."""
    if value:
        metrics.add_metric(name=name, unit=unit, value=value)
