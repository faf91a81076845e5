"""LangChain's chat model, over chat completions and over responses."""

from calling import BASE, KEY, WEATHER, failure, report
from langchain_openai import ChatOpenAI

seen = {}
tool = {"title": "weather", "description": "The weather", **WEATHER}
for name, over in (("chat", False), ("responses", True)):
    model = ChatOpenAI(
        base_url=f"{BASE}/v1", api_key=KEY, model="talker", max_retries=0, max_tokens=5, use_responses_api=over, stream_usage=True
    )
    pieces = list(model.stream("Hello there"))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    called = model.bind_tools([tool]).invoke("Hello")
    shaped = model.with_structured_output(tool, method="json_schema").invoke("Hello")
    seen[name] = {
        "text": whole.text.strip() if isinstance(whole.text, str) else whole.text().strip(),
        "usage": whole.usage_metadata["output_tokens"],
        "tool": called.tool_calls[0]["args"],
        "shaped": shaped,
    }
for name, model_id, key, more in (
    ("absent", "absent", KEY, {}),
    ("limited", "crowded", KEY, {}),
    ("unknown", "talker", "slp_x", {}),
    ("refused", "talker", KEY, {"extra_body": {"api_base": "http://x"}}),
):
    asking = ChatOpenAI(base_url=f"{BASE}/v1", api_key=key, model=model_id, max_retries=0, **more)
    seen[name] = failure(lambda asking=asking: asking.invoke("Hello"))
report(seen)
