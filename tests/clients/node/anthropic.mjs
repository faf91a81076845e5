import Anthropic from '@anthropic-ai/sdk';
import { base, failure, key, report, weather } from './calling.mjs';

const client = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });
const asked = { model: 'talker', max_tokens: 5, messages: [{ role: 'user', content: 'Hello there' }] };
const stream = client.messages.stream(asked);
let text = '';
stream.on('text', (piece) => { text += piece; });
const last = await stream.finalMessage();
const called = await client.messages.create({ ...asked, tools: [{ name: 'weather', input_schema: weather }] });
report({
  text: text.trim(),
  usage: last.usage.output_tokens,
  tool: called.content.find((block) => block.type === 'tool_use').input,
  counted: (await client.messages.countTokens({ model: 'talker', messages: asked.messages })).input_tokens,
  absent: await failure(() => client.messages.create({ ...asked, model: 'absent' })),
  limited: await failure(() => client.messages.create({ ...asked, model: 'crowded' })),
  refused: await failure(() => client.messages.create({ ...asked, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'https://example.org/x.png' } }] }] })),
  unknown: await failure(() => new Anthropic({ baseURL: base, apiKey: 'slp_x', maxRetries: 0 }).messages.create(asked)),
});
