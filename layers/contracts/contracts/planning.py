"""What is asked before doing: plans of commands."""

from typing import Self

from pydantic import Field, model_validator

from contracts.common import Contract, ModelId
from contracts.model import ModelSpec
from contracts.patch import ModelPatch


class PlanModel(Contract):
    """A change of a model that there is (`model_id` and `changes`), or a whole new model (`model`)."""

    model_id: ModelId | None = Field(default=None, examples=["smollm2-135m"])
    changes: ModelPatch | None = Field(default=None, description="a merge patch, as PATCH takes it")
    model: ModelSpec | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        change = self.model_id is not None and self.changes is not None
        if change == (self.model is not None) or (self.model is not None and (self.model_id or self.changes)):
            msg = "takes either model_id and changes, or model"
            raise ValueError(msg)
        return self
