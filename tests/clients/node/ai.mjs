// The ai package with @ai-sdk/openai-compatible: text, streams and errors. Prints what it got as JSON.
import { APICallError, generateText, streamText } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { base, greedy, model, prompt, print, thrown } from './common.mjs';

const provider = createOpenAICompatible({ name: 'hearth', baseURL: `${base}/v1`, includeUsage: true });
const request = { model: provider(model), prompt, temperature: 0, maxOutputTokens: greedy, maxRetries: 0 };

const whole = await generateText(request);
const stream = streamText(request);
let streamed = '';
for await (const piece of stream.textStream) streamed += piece;

print({
  chat: whole.text,
  chatStreamed: streamed,
  finishReasons: [whole.finishReason, await stream.finishReason],
  outputTokens: [whole.usage.outputTokens, (await stream.usage).outputTokens],
  unknown: await thrown(() => generateText({ ...request, model: provider('absent') }), APICallError),
});
