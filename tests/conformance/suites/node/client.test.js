// Node clients as people use them: the `openai` package, and Vercel's AI SDK through its OpenAI-compatible provider.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";

const { CONFORMANCE_URL, CONFORMANCE_KEY, CONFORMANCE_MODEL, CONFORMANCE_EMBEDDING_MODEL } = process.env;
const client = new OpenAI({ baseURL: `${CONFORMANCE_URL}/v1`, apiKey: CONFORMANCE_KEY, maxRetries: 0 });
const provider = createOpenAICompatible({
  name: "appliance",
  baseURL: `${CONFORMANCE_URL}/v1`,
  apiKey: CONFORMANCE_KEY,
  includeUsage: true,
});

const hello = [{ role: "user", content: "Say hello." }];
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "The weather in a city", parameters: city };

test("openai: models.list has the model", async () => {
  const ids = (await client.models.list()).data.map((model) => model.id);
  assert.ok(ids.includes(CONFORMANCE_MODEL));
});

test("openai: a whole answer with its usage", async () => {
  const answer = await client.chat.completions.create({ model: CONFORMANCE_MODEL, messages: hello, max_tokens: 8 });
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("openai: a stream is the answer in pieces, with usage at its end", async () => {
  const request = { model: CONFORMANCE_MODEL, messages: hello, max_tokens: 8, temperature: 0 };
  const stream = await client.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
  let text = "";
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.ok(text.length > 0);
  assert.ok(usage.completion_tokens > 0);
});

test("openai: the stream helper collects a final message", async () => {
  const runner = client.chat.completions.stream({ model: CONFORMANCE_MODEL, messages: hello, max_tokens: 8 });
  assert.equal((await runner.finalMessage()).role, "assistant");
});

test("openai: a stream can be aborted, and the next request is answered", async () => {
  const stream = await client.chat.completions.create({ model: CONFORMANCE_MODEL, messages: hello, stream: true });
  for await (const _ of stream) break;
  const answer = await client.chat.completions.create({ model: CONFORMANCE_MODEL, messages: hello, max_tokens: 4 });
  assert.ok(answer.choices[0].finish_reason);
});

test("openai: a tool that must be called is called with arguments that fit", async () => {
  const answer = await client.chat.completions.create({
    model: CONFORMANCE_MODEL,
    messages: [{ role: "user", content: "What is the weather in Paris?" }],
    tools: [{ type: "function", function: weather }],
    tool_choice: "required",
    parallel_tool_calls: false,
  });
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(answer.choices[0].finish_reason, "tool_calls");
  assert.equal(call.function.name, "get_weather");
  assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
});

test("openai: responses.create and its output_text", async () => {
  const answer = await client.responses.create({ model: CONFORMANCE_MODEL, input: "Say hello.", max_output_tokens: 16 });
  assert.ok(answer.output_text.length > 0);
});

test("openai: embeddings, in both encodings the same", async () => {
  const request = { model: CONFORMANCE_EMBEDDING_MODEL, input: ["a cat", "a kitten"] };
  const floats = await client.embeddings.create({ ...request, encoding_format: "float" });
  const decoded = await client.embeddings.create(request); // base64 on the wire
  assert.equal(floats.data.length, 2);
  floats.data[0].embedding.forEach((value, i) => assert.ok(Math.abs(value - decoded.data[0].embedding[i]) < 1e-6));
});

test("openai: an unknown model is a NotFoundError with a message", async () => {
  const asked = client.chat.completions.create({ model: "no-such-model", messages: hello });
  await assert.rejects(asked, (error) => error instanceof OpenAI.NotFoundError && /no-such-model/.test(error.message));
});

test("ai sdk: generateText", async () => {
  const { text, usage } = await generateText({ model: provider(CONFORMANCE_MODEL), prompt: "Say hello.", maxOutputTokens: 8 });
  assert.ok(text.length > 0);
  assert.ok(usage.outputTokens > 0);
});

test("ai sdk: streamText", async () => {
  const { textStream, finishReason } = streamText({
    model: provider(CONFORMANCE_MODEL),
    prompt: "Say hello.",
    maxOutputTokens: 8,
  });
  let text = "";
  for await (const piece of textStream) text += piece;
  assert.ok(text.length > 0);
  assert.ok(["stop", "length"].includes(await finishReason));
});

test("ai sdk: a tool runs", async () => {
  const { toolResults } = await generateText({
    model: provider(CONFORMANCE_MODEL),
    prompt: "What is the weather in Paris?",
    tools: { get_weather: tool({ description: weather.description, inputSchema: jsonSchema(city), execute: () => "sunny" }) },
    toolChoice: "required",
  });
  assert.equal(toolResults[0].output, "sunny");
});

test("ai sdk: embedMany", async () => {
  const model = provider.embeddingModel(CONFORMANCE_EMBEDDING_MODEL);
  const { embeddings } = await embedMany({ model, values: ["a cat", "a kitten", "a market"] });
  assert.equal(embeddings.length, 3);
});
