// The ollama package: chat, generate, embed, lists and errors. Prints what it got as JSON.
import { Ollama } from 'ollama';
import { base, greedy, model, prompt, print, texts } from './common.mjs';

const client = new Ollama({ host: base });
const request = { model, messages: [{ role: 'user', content: prompt }], options: { temperature: 0, num_predict: greedy } };

const whole = await client.chat(request);
let streamed = '';
let last = null;
for await (const part of await client.chat({ ...request, stream: true })) {
  streamed += part.message.content;
  last = part;
}
const generated = await client.generate({ model, prompt, options: request.options });
const failure = async (run) => run().then(() => ({ wrong: 'nothing was thrown' }), (error) => (error.name === 'ResponseError' ? { message: error.message, status: error.status_code } : { wrong: String(error) }));

print({
  chat: whole.message.content,
  chatStreamed: streamed,
  generated: generated.response,
  embedded: (await client.embed({ model, input: texts })).embeddings,
  embeddedOld: (await client.embeddings({ model, prompt: texts[0] })).embedding,
  doneReasons: [whole.done_reason, last.done_reason],
  evalCounts: [whole.eval_count, last.eval_count],
  models: (await client.list()).models.map((entry) => entry.name),
  running: (await client.ps()).models.map((entry) => entry.name),
  capabilities: (await client.show({ model })).capabilities,
  unknown: await failure(() => client.chat({ ...request, model: 'absent' })),
  range: await failure(() => client.chat({ ...request, options: { temperature: -1 } })),
});
