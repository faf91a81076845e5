"""What is asked before doing: plans of commands, and instance types."""

from typing import Self

from pydantic import Field, model_validator

from contracts.common import Contract, ModelId, Page
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


class ListInstances(Page):
    """Query of `GET /instances`: types with GPUs, by name."""

    gpus_min: int | None = Field(default=None, ge=1, le=64, description="GPUs that an instance has at least")
    memory_min: float | None = Field(
        default=None, gt=0, le=65_536, description="GiB of GPU memory that an instance has at least, all together"
    )
    family: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,16}$", examples=["g6e"])
    fits_model: ModelId | None = Field(default=None, description="only types that hold this model, with the verdict")
    offered: bool | None = Field(default=None, description="only types that the region offers (true), or lacks (false)")
