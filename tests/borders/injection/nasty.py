"""What people put where a program of ours makes something of it."""

from typing import Any, Final

from hypothesis import strategies as st

TRICKS: Final = (
    "; rm -rf /", "$(id)", "`id`", "| cat /etc/passwd", "&& id", "--trust-remote-code", "--", "-O3", "-c", "CMD-SHELL", "a\nb",
    "a\r\nX-Evil: 1", "\x00",
    "../../etc/passwd",
    "/etc/passwd", "..\\..", "%2e%2e%2f", "#", "MODEL#x", "LEDGER#000000000001", "*", "arn:aws:iam::123456789012:role/admin", "${AWS}",
    "{{ cycler.__init__.__globals__.os }}", "<img src=x onerror=alert(1)>", "'; DROP TABLE models; --", '","x":"', "\u2028", "\u202e",
    "\ud800", "\uff45\uff56\uff49\uff4c", "İ",
    "a" * 5000, "", " ", "\t", "=cmd|' /C calc'!A0", "CON", "nul.json", "data: x\n\ndata: y",
    '"} 1\nevil_metric{a="', "\x1b[2J", "\ufeff", "💥",
)  # fmt: skip

NAMES: Final = (
    "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GLIBC_TUNABLES", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT",
    "NODE_OPTIONS", "BASH_ENV",
    "ENV", "PERL5OPT", "RUBYOPT", "JAVA_TOOL_OPTIONS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL", "AWS_REGION",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "ECS_CONTAINER_METADATA_URI_V4", "HTTP_PROXY",
    "https_proxy", "ALL_PROXY",
    "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HF_TOKEN", "HF_ENDPOINT", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE", "PATH",
    "HOME", "IFS", "PS4", "ENGINE_API_KEY", "VLLM_API_KEY", "VLLM_PLUGINS", "VLLM_ALLOW_INSECURE_SERIALIZATION",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING",
    "VLLM_SERVER_DEV_MODE", "VLLM_USE_MODELSCOPE", "VLLM_CONFIGURE_LOGGING", "VLLM_LOGGING_CONFIG_PATH", "VLLM_CACHE_ROOT",
    "CUDA_VISIBLE_DEVICES",
    "SLIPWAY_MODEL_ID", "SLIPWAY_ARTIFACT_URI", "SLIPWAY_MANIFEST_SHA256", "SLIPWAY_ENGINE_ARGUMENTS", "SLIPWAY_BAKED_DIR",
    "SLIPWAY_LISTEN_HOST",
    "SLIPWAY_CACHE_DIR", "TZ\n", "TZ=x", "tz", "\uff34\uff3a", "TZ\x00", " TZ", "TZ ", "OMP_NUM_THREADS\nLD_PRELOAD",
    "NCCL_DEBUG=INFO\nX", "",
    "=", "VLLM_", "TZ;x",
)  # fmt: skip

texts = st.sampled_from(TRICKS) | st.text(max_size=40) | st.sampled_from(TRICKS).map(lambda trick: "a" + trick)
names = (
    st.sampled_from(NAMES)
    | st.text(max_size=30)
    | st.sampled_from(NAMES).map(str.lower)
    | st.sampled_from(NAMES).map(lambda name: name + "\u0130")
)


def everything() -> dict[str, Any]:
    """A wish that says something in every field that takes a text."""
    return {
        "model_id": "tiny",
        "hosting": "hosted",
        "version": "1.0.0",
        "description": "d",
        "allowed_groups": ["research"],
        "tags": {"team": "ml"},
        "features": {"summarization": {"enabled": True, "description": "s"}, "tool_calls": True},
        "generation_defaults": {"stop": ["END"]},
        "artifact": {"uri": "s3://slipway-artifacts/tiny/1.0.0/", "manifest_sha256": "0" * 64},
        "engine": {
            "kind": "vllm",
            "image": "registry.example/vllm@sha256:" + "0" * 64,
            "arguments": {
                "quantization": "awq",
                "tool_call_parser": "hermes",
                "reasoning_parser": "x",
                "chat_template_arguments": {"a": "b"},
            },
        },
        "accelerator": {"gpus": 1, "instance_types": ["g6.xlarge"]},
        "container": {"environment": {"TZ": "UTC"}, "health_check": {"command": ["/app/health", "--quick"]}},
        "schedule": {"time_zone": "Europe/Berlin", "windows": [{"days": ["mon"], "opens": "08:00", "closes": "18:00"}]},
    }


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where texts stand in a document."""
    if isinstance(value, str):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [leaf for key, inner in items for leaf in leaves(inner, (*path, key))]


def put(document: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Replace what stands there."""
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value
