"""A model's wish has changed: start the machine that carries it out."""

from serving.usecases.begin_operation import BeginOperation


class OnModelUpdated(BeginOperation):
    """Starts `update_model`; an update of a model that is not in service has ended already."""
