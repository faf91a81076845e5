"""LiteLLM, imported once, with the warnings of its own import left out."""

import os
import warnings

import pytest


@pytest.fixture(scope="session")
def litellm() -> None:
    """LiteLLM is imported, and asked nobody for prices."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm  # noqa: F401
