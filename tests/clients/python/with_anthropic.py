"""Anthropic's client, with its own header for the key."""

import anthropic
from calling import BASE, KEY, WEATHER, failure, report

client = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0)
asked = {"model": "talker", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello there"}]}
with client.messages.stream(**asked) as stream:
    text = "".join(stream.text_stream)
    last = stream.get_final_message()
tools = [{"name": "weather", "input_schema": WEATHER}]
with client.messages.stream(**asked, tools=tools) as stream:
    streamed_tool = next(block.input for block in stream.get_final_message().content if block.type == "tool_use")
called = client.messages.create(**asked, tools=tools, tool_choice={"type": "any"})
picture = [{"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}}]
report(
    {
        "text": text.strip(),
        "usage": last.usage.output_tokens,
        "tool": next(block.input for block in called.content if block.type == "tool_use"),
        "streamed_tool": streamed_tool,
        "counted": client.messages.count_tokens(model="talker", messages=asked["messages"]).input_tokens,
        "absent": failure(lambda: client.messages.create(**asked | {"model": "absent"})),
        "limited": failure(lambda: client.messages.create(**asked | {"model": "crowded"})),
        "refused": failure(lambda: client.messages.create(**asked | {"messages": [{"role": "user", "content": picture}]})),
        "unknown": failure(lambda: anthropic.Anthropic(base_url=BASE, api_key="slp_x", max_retries=0).messages.create(**asked)),
    }
)
