import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';
import { base, failure, key, report, weather } from './calling.mjs';

const provider = createOpenAI({ baseURL: `${base}/v1`, apiKey: key });
const seen = {};
for (const [name, model] of [['chat', provider.chat('talker')], ['responses', provider.responses('talker')]]) {
  const streamed = streamText({ model, prompt: 'Hello there', maxOutputTokens: 5, maxRetries: 0 });
  let text = '';
  for await (const piece of streamed.textStream) text += piece;
  const called = await generateText({
    model, prompt: 'Hello', maxRetries: 0, tools: { weather: tool({ inputSchema: jsonSchema(weather) }) },
  });
  const shaped = await generateText({ model, prompt: 'Hello', maxRetries: 0, output: Output.object({ schema: jsonSchema(weather) }) });
  seen[name] = { text: text.trim(), usage: (await streamed.usage).outputTokens, tool: called.toolCalls[0].input, shaped: shaped.output };
}
const stranger = createOpenAI({ baseURL: `${base}/v1`, apiKey: 'slp_x' });
const ask = (model) => failure(() => generateText({ model, prompt: 'x', maxRetries: 0 }));
seen.absent = await ask(provider.chat('absent'));
seen.limited = await ask(provider.chat('crowded'));
seen.unknown = await ask(stranger.chat('talker'));
seen.refused = await failure(() => generateText({
  model: provider.chat('vectors'), prompt: 'x', maxRetries: 0,
}));
report(seen);
