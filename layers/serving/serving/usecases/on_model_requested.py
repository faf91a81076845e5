"""Somebody wants a model in service: start the machine that sees to it."""

from serving.usecases.begin_operation import BeginOperation


class OnModelRequested(BeginOperation):
    """Starts `provision_model`; a stop that was taken back is ended first."""
