import OpenAI from 'openai';
import { base, failure, key, report, weather } from './calling.mjs';

const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const messages = [{ role: 'user', content: 'Hello there' }];
const chunks = [];
for await (const chunk of await client.chat.completions.create({
  model: 'talker', messages, stream: true, max_tokens: 5, stream_options: { include_usage: true },
})) chunks.push(chunk);
const tools = [{ type: 'function', function: { name: 'weather', parameters: weather } }];
const called = await client.chat.completions.create({ model: 'talker', messages, tools });
const events = [];
for await (const event of await client.responses.create({ model: 'talker', input: 'Hello there', stream: true, max_output_tokens: 4 }))
  events.push(event.type);
const responded = await client.responses.create({
  model: 'talker', input: 'Hello', tools: [{ type: 'function', name: 'weather', parameters: weather, strict: true }],
});
report({
  text: chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join('').trim(),
  usage: chunks.at(-1).usage.completion_tokens,
  tool: JSON.parse(called.choices[0].message.tool_calls[0].function.arguments),
  events: [events[0], events.at(-1)],
  response_tool: JSON.parse(responded.output.find((item) => item.type === 'function_call').arguments),
  absent: await failure(() => client.chat.completions.create({ model: 'absent', messages })),
  limited: await failure(() => client.chat.completions.create({ model: 'crowded', messages })),
  refused: await failure(() => client.responses.create({ model: 'talker', input: 'x', previous_response_id: 'resp_1' })),
  unknown: await failure(() => new OpenAI({ baseURL: `${base}/v1`, apiKey: 'slp_x', maxRetries: 0 }).models.list()),
});
