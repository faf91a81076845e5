"""The official client: chats, responses, and everything that is no conversation."""

import io
import json

import openai
from calling import BASE, KEY, WEATHER, failure, report

client = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)
messages = [{"role": "user", "content": "Hello there"}]
chunks = list(
    client.chat.completions.create(model="talker", messages=messages, stream=True, max_tokens=5, stream_options={"include_usage": True})
)
tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
called = client.chat.completions.create(model="talker", messages=messages, tools=tools, tool_choice="required")
form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER, "strict": True}}
shaped = client.chat.completions.create(model="talker", messages=messages, response_format=form)
thought = client.chat.completions.create(
    model="talker",
    messages=[{"role": "system", "content": "Be brief"}, *messages],
    reasoning_effort="low",
    logprobs=True,
    top_logprobs=1,
    n=2,
    max_tokens=8,
)
with client.responses.stream(model="talker", input="Hello there", max_output_tokens=4) as stream:
    events = [event.type for event in stream]
responded = client.responses.create(
    model="talker", input="Hello", tools=[{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
)
recording = ("talk.wav", io.BytesIO(b"RIFF" + bytes(32_000)), "audio/wav")
with client.audio.speech.with_streaming_response.create(model="speaker", input="Read this", voice="alloy", response_format="wav") as spoken:
    sound = spoken.read()
report(
    {
        "text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).strip(),
        "usage": chunks[-1].usage.completion_tokens,
        "tool": json.loads(called.choices[0].message.tool_calls[0].function.arguments),
        "shaped": json.loads(shaped.choices[0].message.content),
        "thought": {
            "choices": len(thought.choices),
            "logprobs": len(thought.choices[0].logprobs.content),
            "cached": thought.usage.prompt_tokens_details.cached_tokens,
            "reasoning": thought.usage.completion_tokens_details.reasoning_tokens,
        },
        "events": sorted(set(events)),
        "response_tool": json.loads(next(item for item in responded.output if item.type == "function_call").arguments),
        "embedded": [len(one.embedding) for one in client.embeddings.create(model="vectors", input=["one", "two"]).data],
        "drawn": len(client.images.generate(model="painter", prompt="A dot", n=2).data),
        "edited": client.images.edit(model="painter", prompt="A dot", image=("a.png", b"\x89PNG", "image/png")).data[0].b64_json[:8],
        "heard": client.audio.transcriptions.create(model="listener", file=recording).text,
        "heard_stream": [event.type for event in client.audio.transcriptions.create(model="listener", file=recording, stream=True)][-1],
        "translated": client.audio.translations.create(model="listener", file=recording).text,
        "spoken": [sound[:4].decode(), len(sound)],
        "judged": [one.flagged for one in client.moderations.create(model="judge", input=["fine", "forbidden"]).results],
        "listed": sorted(model.id for model in client.models.list()),
        "absent": failure(lambda: client.chat.completions.create(model="absent", messages=messages)),
        "wrong_task": failure(lambda: client.embeddings.create(model="talker", input="x")),
        "stored": failure(lambda: client.responses.retrieve("resp_1")),
        "deleted": failure(lambda: client.responses.delete("resp_1")),
        "fetched": failure(lambda: client.chat.completions.create(model="talker", messages=messages, extra_body={"api_base": "http://x"})),
        "unknown": failure(openai.OpenAI(base_url=f"{BASE}/v1", api_key="slp_x", max_retries=0).models.list),
        "limited": failure(lambda: client.chat.completions.create(model="crowded", messages=messages)),
        "broken": failure(lambda: client.chat.completions.create(model="broken", messages=messages)),
    }
)
