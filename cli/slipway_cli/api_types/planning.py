"""What the management API takes and answers: planning. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import NotRequired, TypedDict

from slipway_cli.api_types.model import HostedModel, ProviderModel
from slipway_cli.api_types.patch import ModelPatch


class PlanModel(TypedDict):
    """A change of a model that there is (`model_id` and `changes`), or a whole new model (`model`)."""

    model_id: NotRequired[str | None]
    changes: NotRequired["ModelPatch | None"]
    model: NotRequired["HostedModel | ProviderModel | None"]
