"""Logger, tracer and metrics of the function that imports this; Powertools, configured once.

Metrics are named like the events; the namespace is `Slipway`, the dimension `service` is the context (POWERTOOLS_SERVICE_NAME).
"""

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger(use_rfc3339=True, utc=True)
metrics = Metrics(namespace="Slipway")
# Only botocore is patched: patching every known library costs cold start, and nothing else here calls out.
tracer = Tracer(patch_modules=["botocore"])
