// The @langchain/ollama package: a chat model, whole and streamed, and embeddings. Prints what it got as JSON.
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama';
import { base, greedy, model, prompt, print, texts } from './common.mjs';

const chat = new ChatOllama({ baseUrl: base, model, temperature: 0, numPredict: greedy });
const whole = await chat.invoke([['human', prompt]]);
let streamed = '';
for await (const chunk of await chat.stream([['human', prompt]])) streamed += chunk.content;
const embeddings = new OllamaEmbeddings({ baseUrl: base, model, truncate: false });
const embedded = await embeddings.embedDocuments(texts);

print({
  embedded,
  query: await embeddings.embedQuery(texts[0]),
  chat: whole.content,
  chatStreamed: streamed,
  outputTokens: whole.usage_metadata?.output_tokens,
});
