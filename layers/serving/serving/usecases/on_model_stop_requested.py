"""Somebody wants a model out of service: start the machine that sees to it."""

from serving.usecases.begin_operation import BeginOperation


class OnModelStopRequested(BeginOperation):
    """Starts `stop_model`; what works on the model is ended first."""
