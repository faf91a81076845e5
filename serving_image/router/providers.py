"""Third parties, through LiteLLM: a request of OpenAI's or Anthropic's API in, that API's answer out, with a key fetched by reference."""

import asyncio
import contextlib
import os
import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol

import orjson

from contracts.inference import CHAT
from contracts.model import Provider
from contracts.routing import Route
from router.addresses import Guard
from router.aws import SecretUnavailable
from router.errors import ApiError
from router.provider_calls import call_for, events, fields_for, whole
from router.provider_errors import ProviderFailure, translate
from router.surface.answers import Whole

_INHERITED: Final = (
    "OPENAI_",
    "ANTHROPIC_",
    "AZURE_",
    "LITELLM_PROXY",
    "COHERE_",
    "MISTRAL_",
    "GEMINI_",
    "GOOGLE_",
    "GROQ_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
)


class Secrets(Protocol):
    """Secrets by reference."""

    async def get(self, arn: str) -> str:
        """The secret's text; SecretUnavailable otherwise."""
        ...


def disinherit() -> None:
    """Forget keys and proxies that the environment holds for other programs."""
    for name in [name for name in os.environ if name.upper().startswith(_INHERITED)]:
        del os.environ[name]


def prepare_litellm(guard: Guard) -> None:
    """Import LiteLLM (seconds): no prices fetched, no content logged, no keys inherited, no connection but through the guard."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    disinherit()
    import logging

    import litellm

    from router import guarded_transport

    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.telemetry = False
    litellm.drop_params = False
    # Messages go to OpenAI and its like as chats, which they all know and which nobody keeps, and not as responses.
    litellm.use_chat_completions_url_for_anthropic_messages = True
    for logger in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "openai"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    guarded_transport.install(guard)
    _know_no_tool_servers()


class _NoToolServers:
    """What LiteLLM asks, before each response, whether some tool stands for a server that it would call itself."""

    @staticmethod
    def should_use_litellm_mcp_gateway(*_asked: Any, **_by_name: Any) -> bool:
        return False


def _know_no_tool_servers() -> None:
    """LiteLLM's own answer to that question needs a package that is not installed, and must be no: no server of tools is called here."""
    name = "litellm.responses.mcp.litellm_proxy_mcp_handler"
    module = types.ModuleType(name)
    vars(module)["LiteLLM_Proxy_MCP_Handler"] = _NoToolServers
    sys.modules[name] = module


async def _nothing_to_load() -> None:
    """LiteLLM is there already."""


class ProviderClient:
    """Calls third parties, when LiteLLM has been `loaded`. `own` are the ARNs of secrets that the router reads for itself."""

    def __init__(
        self,
        secrets: Secrets,
        timeout_seconds: float,
        own: Collection[str] = (),
        loaded: Callable[[], Awaitable[None]] = _nothing_to_load,
    ) -> None:
        self._secrets, self._timeout, self._loaded = secrets, timeout_seconds, loaded
        # Secrets Manager takes an ARN without its last six characters too.
        self._own = {*own, *(arn.rpartition("-")[0] for arn in own)}

    async def answer(self, route: Route, path: str, document: Mapping[str, Any]) -> Whole:
        """The whole answer; ProviderFailure (or ApiError 400 for a field that is not the API's) otherwise."""
        key = await self._key(_provider(route))
        try:
            async with asyncio.timeout(self._timeout):  # some of LiteLLM's calls know none
                response = await self._call(route, path, fields_for(path, document), key)
            return whole(response, path, document, route.model_id)
        except Exception as error:
            raise translate(error, key) from error

    async def stream(self, route: Route, path: str, document: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """Server-sent events, the last one included. A failure before the first is raised here, a later one while iterating."""
        key = await self._key(_provider(route))
        try:
            response = await self._call(route, path, fields_for(path, document), key)
        except Exception as error:
            raise translate(error, key) from error
        return self._events(response, path, route.model_id, key)

    async def _events(self, response: Any, path: str, model_id: str, key: str | None) -> AsyncGenerator[bytes, None]:
        try:
            async for event in events(response, path, model_id):
                yield event
        except Exception as error:
            raise translate(error, key) from error
        finally:
            with contextlib.suppress(Exception):
                await response.aclose()

    async def _call(self, route: Route, path: str, fields: dict[str, Any], key: str | None) -> Any:
        await self._loaded()
        provider = _provider(route)
        where: dict[str, Any] = {"api_key": key, "api_base": provider.api_base, "aws_region_name": provider.region}
        if path == CHAT:  # with tools LiteLLM would look for tool servers to call itself, and fail for want of a package
            where["_skip_mcp_handler"] = True
        return await call_for(path)(
            model=f"{provider.name}/{provider.model}",
            **fields,
            **{name: value for name, value in where.items() if value is not None},
            timeout=self._timeout,
            num_retries=0,
            max_retries=0,
        )

    async def _key(self, provider: Provider) -> str | None:
        if provider.secret is None:
            return None
        if provider.secret in self._own:  # whoever registers a model could have it sent to an address of theirs
            raise ProviderFailure(502, "provider-secret-refused", "The provider's secret is one of the platform's own.", final=True)
        try:
            text = await self._secrets.get(provider.secret)
        except SecretUnavailable as error:
            raise ProviderFailure(502, "provider-secret-unavailable", "The provider's key cannot be read.", final=error.denied) from error
        return _key_in(text)


def _provider(route: Route) -> Provider:
    if route.provider is None:
        raise ApiError(503, "model_not_ready", "The model has no provider.", param="model")
    return route.provider


def _key_in(text: str) -> str:
    """The key in a secret: the text itself, or `api_key` of a JSON object."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.strip()
    if not isinstance(content, dict):
        return text.strip()
    key = content.get("api_key")
    if not isinstance(key, str) or not key:
        raise ProviderFailure(502, "provider-secret-malformed", "The provider's secret holds no `api_key`.", final=True)
    return key
