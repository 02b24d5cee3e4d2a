// The @langchain/ollama package: a chat model, whole and streamed. Prints what it got as JSON.
import { ChatOllama } from '@langchain/ollama';
import { base, greedy, model, prompt, print } from './common.mjs';

const chat = new ChatOllama({ baseUrl: base, model, temperature: 0, numPredict: greedy });
const whole = await chat.invoke([['human', prompt]]);
let streamed = '';
for await (const chunk of await chat.stream([['human', prompt]])) streamed += chunk.content;

print({ chat: whole.content, chatStreamed: streamed, outputTokens: whole.usage_metadata?.output_tokens });
