// Tool calls with the packages openai, anthropic, ollama and ai: every choice, whole and streamed, the loop to the answer, and
// reasoning that is asked for. Prints what it got as JSON; a call is [name, arguments].
import Anthropic from '@anthropic-ai/sdk';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { base, model, print } from './common.mjs';

const system = 'Call a tool when you need one. When its result is there, answer in plain words.';
const question = 'What is the weather in Paris?';
const result = '{"city": "Paris", "degrees": 18, "sky": "rain"}';
const definition = {
  name: 'get_weather',
  description: 'Tells the current weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string', description: 'Name of the city' } }, required: ['city'], additionalProperties: false },
};
const most = 60; // tokens

async function openaiChat() {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'any', maxRetries: 0 });
  const request = { model, messages: [{ role: 'system', content: system }, { role: 'user', content: question }], temperature: 0, max_tokens: most, tools: [{ type: 'function', function: definition }] };
  const called = (message) => (message.tool_calls ?? []).map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  const told = {};
  for (const [name, choice] of Object.entries({ auto: 'auto', required: 'required', none: 'none', named: { type: 'function', function: { name: 'get_weather' } } })) {
    const whole = await client.chat.completions.create({ ...request, tool_choice: choice, parallel_tool_calls: false });
    const stream = client.chat.completions.stream({ ...request, tool_choice: choice, parallel_tool_calls: false });
    told[name] = [called(whole.choices[0].message), called((await stream.finalChatCompletion()).choices[0].message)];
    if (name !== 'auto') continue;
    const message = whole.choices[0].message;
    const messages = [...request.messages, message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: result }];
    told.answer = (await client.chat.completions.create({ ...request, messages })).choices[0].message.content;
  }
  const runner = client.chat.completions.runTools({ ...request, tools: [{ type: 'function', function: { ...definition, function: () => result, parse: JSON.parse } }] });
  told.runner = await runner.finalContent();
  return told;
}

async function openaiResponses() {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'any', maxRetries: 0 });
  const request = { model, instructions: system, input: question, temperature: 0, max_output_tokens: most, tools: [{ type: 'function', strict: true, ...definition }] };
  const called = (response) => response.output.filter((item) => item.type === 'function_call').map((item) => [item.name, JSON.parse(item.arguments)]);
  const told = {};
  for (const [name, choice] of Object.entries({ auto: 'auto', required: 'required', none: 'none', named: { type: 'function', name: 'get_weather' } })) {
    const whole = await client.responses.create({ ...request, tool_choice: choice, parallel_tool_calls: false });
    const streamed = await client.responses.stream({ ...request, tool_choice: choice, parallel_tool_calls: false }).finalResponse();
    told[name] = [called(whole), called(streamed)];
    if (name !== 'auto') continue;
    const call = whole.output.find((item) => item.type === 'function_call');
    const input = [{ role: 'user', content: question }, ...whole.output, { type: 'function_call_output', call_id: call.call_id, output: result }];
    told.answer = (await client.responses.create({ ...request, input })).output_text;
  }
  return told;
}

async function anthropic() {
  const client = new Anthropic({ baseURL: base, apiKey: 'any', maxRetries: 0 });
  const { parameters, ...head } = definition;
  const request = { model, max_tokens: most, temperature: 0, system, messages: [{ role: 'user', content: question }], tools: [{ ...head, input_schema: parameters }] };
  const called = (message) => message.content.filter((block) => block.type === 'tool_use').map((block) => [block.name, block.input]);
  const told = {};
  for (const [name, choice] of Object.entries({ auto: { type: 'auto' }, required: { type: 'any' }, none: { type: 'none' }, named: { type: 'tool', name: 'get_weather' } })) {
    const single = name === 'none' ? choice : { ...choice, disable_parallel_tool_use: true };
    const whole = await client.messages.create({ ...request, tool_choice: single });
    told[name] = [called(whole), called(await client.messages.stream({ ...request, tool_choice: single }).finalMessage())];
    if (name !== 'auto') continue;
    const use = whole.content.find((block) => block.type === 'tool_use');
    const messages = [...request.messages, { role: 'assistant', content: whole.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: [{ type: 'text', text: result }] }] }];
    told.answer = (await client.messages.create({ ...request, messages })).content[0].text;
  }
  return told;
}

async function ollama() {
  const client = new Ollama({ host: base });
  const request = { model, messages: [{ role: 'system', content: system }, { role: 'user', content: question }], options: { temperature: 0, num_predict: most }, tools: [{ type: 'function', function: definition }] };
  const called = (message) => (message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]);
  const whole = await client.chat(request);
  const streamed = [];
  for await (const part of await client.chat({ ...request, stream: true })) streamed.push(...called(part.message));
  const messages = [...request.messages, whole.message, { role: 'tool', tool_name: 'get_weather', content: result }];
  return { auto: [called(whole.message), streamed], answer: (await client.chat({ ...request, messages })).message.content };
}

async function ai() {
  const provider = createOpenAICompatible({ name: 'hearth', baseURL: `${base}/v1`, includeUsage: true });
  const weather = tool({ description: definition.description, inputSchema: jsonSchema(definition.parameters), execute: async () => JSON.parse(result) });
  const request = { model: provider(model), system, prompt: question, temperature: 0, maxOutputTokens: most, maxRetries: 0, tools: { get_weather: weather } };
  const called = (calls) => calls.map((call) => [call.toolName, call.input]);
  const told = {};
  for (const [name, choice] of Object.entries({ auto: 'auto', required: 'required', none: 'none', named: { type: 'tool', toolName: 'get_weather' } })) {
    const whole = await generateText({ ...request, toolChoice: choice });
    const stream = streamText({ ...request, toolChoice: choice });
    told[name] = [called(whole.toolCalls), called(await stream.toolCalls)];
  }
  told.answer = (await generateText({ ...request, stopWhen: stepCountIs(3) })).text;
  return told;
}

print({ openaiChat: await openaiChat(), openaiResponses: await openaiResponses(), anthropic: await anthropic(), ollama: await ollama(), ai: await ai() });
