"""Somebody wants a model gone: start the machine that removes it."""

from serving.usecases.begin_operation import BeginOperation


class OnModelDeletionRequested(BeginOperation):
    """Starts `retire_model`; what works on the model is ended first."""
