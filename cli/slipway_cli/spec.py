"""The fields of a model that have flags of their own, for create, update and plan. All others are reached by --set and --file."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from slipway_cli.api_types.model import HostedModelTask
from slipway_cli.documents import Document, assign, pairs, put, read

PANEL, SWITCHES = "Fields of the model", "Switches of the model"
EngineKind = Literal["vllm", "llama.cpp", "mock"]


@dataclass(frozen=True)
class Flag:
    """One flag: parameter name, words on the command line, dotted path in the model, type of the value. `pairs` gathers key=value."""

    name: str
    words: str
    path: str
    type: Any
    help: str
    pairs: Literal["", "text", "json"] = ""
    metavar: str | None = None


SPEC = (
    Flag("description", "--description", "description", str, "What it is for."),
    Flag(
        "group", "--group -g", "allowed_groups", list[str], "A group that may see and call it; * is everyone. Again for more; replaces all."
    ),
    Flag("tag", "--tag", "tags", list[str], "A tag.", pairs="text", metavar="KEY=VALUE"),
    Flag("version", "--version", "version", str, "Semantic version of the weights."),
    Flag("task", "--task", "task", HostedModelTask, "What it does: chat, completion or embedding.", metavar="TASK"),
    Flag("artifact", "--artifact", "artifact.uri", str, "Where the weights are.", metavar="S3-URI"),
    Flag("manifest_sha256", "--manifest-sha256", "artifact.manifest_sha256", str, "Digest of the artefact's manifest.json."),
    Flag("engine", "--engine", "engine.kind", EngineKind, "The program that answers: vllm, llama.cpp or mock.", metavar="KIND"),
    Flag(
        "engine_argument",
        "--engine-argument",
        "engine.arguments",
        list[str],
        "An argument of the engine.",
        pairs="json",
        metavar="KEY=VALUE",
    ),
    Flag("image", "--image", "engine.image", str, "The engine's container image, by digest."),
    Flag("gpus", "--gpus", "accelerator.gpus", int, "GPUs for each copy."),
    Flag("gpu_memory_gib", "--gpu-memory-gib", "accelerator.gpu_memory_gib", float, "Memory that each GPU must have, in GiB."),
    Flag("instance_type", "--instance-type", "accelerator.instance_types", list[str], "An instance type to run on. Again for more."),
    Flag(
        "env", "--env", "container.environment", list[str], "An environment variable of the container.", pairs="text", metavar="NAME=VALUE"
    ),
    Flag("shared_memory_mib", "--shared-memory-mib", "container.shared_memory_mib", int, "Shared memory of the container, in MiB."),
    Flag("min", "--min", "capacity.min", int, "The fewest copies."),
    Flag("max", "--max", "capacity.max", int, "The most copies."),
    Flag("desired", "--desired", "capacity.desired", int, "Copies wanted now."),
    Flag("idle_minutes", "--idle-minutes", "capacity.idle_minutes", int, "Minutes without a request after which it sleeps."),
    Flag("provider", "--provider", "provider.name", str, "The third party that answers, such as bedrock."),
    Flag("provider_model", "--provider-model", "provider.model", str, "Its name there."),
    Flag("api_base", "--api-base", "provider.api_base", str, "Address of the third party's API."),
    Flag("region", "--region", "provider.region", str, "Region of the third party's API."),
    Flag("secret", "--secret", "provider.secret", str, "The secret in Secrets Manager that holds its API key.", metavar="ARN"),
    Flag("streaming", "--streaming/--no-streaming", "features.streaming", bool, "Answers may be streamed."),
    Flag("tool_calls", "--tool-calls/--no-tool-calls", "features.tool_calls", bool, "It may call tools."),
    Flag("image_input", "--image-input/--no-image-input", "features.image_input", bool, "It takes images."),
    Flag("summarization", "--summarization/--no-summarization", "features.summarization.enabled", bool, "It may be used to summarise."),
    Flag("max_tokens", "--max-tokens", "generation_defaults.max_tokens", int, "Tokens of an answer, unless the request says."),
    Flag("temperature", "--temperature", "generation_defaults.temperature", float, "Temperature, unless the request says."),
    Flag("top_p", "--top-p", "generation_defaults.top_p", float, "Nucleus, unless the request says."),
    Flag("max_in_flight", "--max-in-flight", "limits.max_in_flight", int, "Requests at a time per router."),
    Flag("delete_protection", "--delete-protection/--no-delete-protection", "delete_protection", bool, "Refuse deletions."),
)
"""Every flag, in the order of the help."""
_METAVARS: dict[Any, str] = {str: "TEXT", int: "N", float: "NUMBER", list[str]: "TEXT", bool: ""}


def field_parameters() -> list[inspect.Parameter]:
    """The flags as parameters of a command."""
    return [
        inspect.Parameter(
            flag.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                flag.type | None,
                typer.Option(
                    *flag.words.split(),
                    help=flag.help,
                    rich_help_panel=SWITCHES if flag.type is bool else PANEL,
                    metavar=flag.metavar or _METAVARS.get(flag.type),
                    show_default=False,
                ),
            ],
        )
        for flag in SPEC
    ]


def patch(given: Mapping[str, Any], *, file: str | None, set_: list[str], set_text: list[str], unset: list[str]) -> Document:
    """The merge patch that files, flags and assignments say, in that order: what comes later wins."""
    document = read(file) if file else {}
    for flag in SPEC:
        value = given[flag.name]
        if value is None or value == []:
            continue
        if flag.pairs:
            for name, text in pairs(value, flag.words).items():
                put(document, f"{flag.path}.{name.replace('.', chr(92) + '.')}", _json_or_text(text) if flag.pairs == "json" else text)
        else:
            put(document, flag.path, value)
    assign(document, set_)
    assign(document, set_text, text=True)
    for path in unset:
        put(document, path, None)
    return document


def complete(document: Document, model_id: str | None) -> Document:
    """The wish for a new model: its id, and its hosting where the rest says which it is."""
    if model_id is not None:
        document = {"model_id": model_id} | document | {"model_id": model_id}
    if "hosting" not in document and ("provider" in document) != ("artifact" in document or "engine" in document):
        document["hosting"] = "provider" if "provider" in document else "hosted"
    return document


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
