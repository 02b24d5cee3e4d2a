// The openai package: chat, completions, responses, embeddings, models and errors. Prints what it got as JSON.
import OpenAI from 'openai';
import { base, greedy, model, prompt, print, texts, thrown } from './common.mjs';

const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'any', maxRetries: 0 });
const chat = { model, messages: [{ role: 'user', content: prompt }], temperature: 0, max_tokens: greedy };

const whole = await client.chat.completions.create(chat);
let streamed = '';
let usage = null;
for await (const chunk of await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } })) {
  streamed += chunk.choices[0]?.delta?.content ?? '';
  usage = chunk.usage ?? usage;
}
const helper = client.chat.completions.stream(chat);
const final = await helper.finalContent();

const request = { model, input: prompt, temperature: 0, max_output_tokens: greedy };
const response = await client.responses.create(request);
const events = [];
let responseStreamed = '';
for await (const event of await client.responses.create({ ...request, stream: true })) {
  events.push(event.type);
  if (event.type === 'response.output_text.delta') responseStreamed += event.delta;
}
const again = await client.responses.retrieve(response.id);
const next = await client.responses.create({ ...request, input: 'Why?', previous_response_id: response.id });
await client.responses.delete(response.id);

const embedded = await client.embeddings.create({ model, input: texts }); // asks for base64 and decodes it
const plain = await client.embeddings.create({ model, input: texts, encoding_format: 'float' });

const models = [];
for await (const entry of client.models.list()) models.push(entry.id);

print({
  chat: whole.choices[0].message.content,
  chatStreamed: streamed,
  chatHelper: final,
  usage: [whole.usage, usage],
  responses: response.output_text,
  responsesStreamed: responseStreamed,
  events,
  retrieved: again.output[0].content[0].text,
  nextInput: next.usage.input_tokens > response.usage.input_tokens + response.usage.output_tokens,
  embedded: embedded.data.map((entry) => Array.from(entry.embedding)),
  embeddedPlain: plain.data.map((entry) => entry.embedding),
  models,
  unknown: await thrown(() => client.chat.completions.create({ ...chat, model: 'absent' }), OpenAI.NotFoundError),
  range: await thrown(() => client.chat.completions.create({ ...chat, temperature: -1 }), OpenAI.BadRequestError),
  tools: await thrown(() => client.chat.completions.create({ ...chat, tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'string' } } }] }), OpenAI.BadRequestError),
  gone: await thrown(() => client.responses.retrieve(response.id), OpenAI.NotFoundError),
});
