// The @anthropic-ai/sdk package: messages, streams, counting, models and errors. Prints what it got as JSON.
import Anthropic from '@anthropic-ai/sdk';
import { base, greedy, model, prompt, print, thrown } from './common.mjs';

const client = new Anthropic({ baseURL: base, apiKey: 'any', maxRetries: 0 });
const request = { model, max_tokens: greedy, temperature: 0, messages: [{ role: 'user', content: prompt }] };

const whole = await client.messages.create(request);
const events = [];
const stream = client.messages.stream(request).on('streamEvent', (event) => events.push(event.type));
const final = await stream.finalMessage();
const beta = await client.beta.messages.create({ ...request, betas: ['context-management-2025-06-27'], thinking: { type: 'adaptive' } });
const counted = await client.messages.countTokens({ model, messages: request.messages });
const models = [];
for await (const entry of client.models.list()) models.push(entry.id);

print({
  chat: whole.content[0].text,
  chatStreamed: final.content[0].text,
  beta: beta.content[0].text,
  stopReasons: [whole.stop_reason, final.stop_reason],
  usage: [whole.usage, final.usage],
  counted: counted.input_tokens,
  events,
  models,
  unknown: await thrown(() => client.messages.create({ ...request, model: 'absent' }), Anthropic.NotFoundError),
  range: await thrown(() => client.messages.create({ ...request, temperature: -1 }), Anthropic.BadRequestError),
  tools: await thrown(() => client.messages.create({ ...request, tools: [{ name: 'f', input_schema: { type: 'string' } }] }), Anthropic.BadRequestError),
});
