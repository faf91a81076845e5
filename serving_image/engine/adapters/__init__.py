"""One adapter for each kind of engine, behind one interface."""

from contracts.engine import EngineKind
from engine.adapters.base import Adapter, Launch


def create_adapter(kind: EngineKind, launch: Launch) -> Adapter:
    """Build the adapter of a kind. Raises EngineError `configuration-invalid` where its arguments are not valid."""
    if kind is EngineKind.VLLM:
        from engine.adapters.vllm import VllmAdapter

        return VllmAdapter(launch)
    if kind is EngineKind.LLAMA_CPP:
        from engine.adapters.llama_cpp import LlamaCppAdapter

        return LlamaCppAdapter(launch)
    from engine.adapters.mock import MockAdapter

    return MockAdapter(launch)
