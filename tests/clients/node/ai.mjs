// The ai package with @ai-sdk/openai-compatible: text, streams, embeddings and errors. Prints what it got as JSON.
import { APICallError, embedMany, generateText, streamText } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { base, greedy, model, prompt, print, texts, thrown } from './common.mjs';

const provider = createOpenAICompatible({ name: 'hearth', baseURL: `${base}/v1`, includeUsage: true });
const request = { model: provider(model), prompt, temperature: 0, maxOutputTokens: greedy, maxRetries: 0 };

const whole = await generateText(request);
const stream = streamText(request);
let streamed = '';
for await (const piece of stream.textStream) streamed += piece;
const embedded = await embedMany({ model: provider.textEmbeddingModel(model), values: texts, maxRetries: 0 });

print({
  chat: whole.text,
  chatStreamed: streamed,
  embedded: embedded.embeddings,
  embeddedTokens: embedded.usage.tokens,
  finishReasons: [whole.finishReason, await stream.finishReason],
  outputTokens: [whole.usage.outputTokens, (await stream.usage).outputTokens],
  unknown: await thrown(() => generateText({ ...request, model: provider('absent') }), APICallError),
});
