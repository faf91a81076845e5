"""Which versions of a model there are, and the evidence that they may be served."""
