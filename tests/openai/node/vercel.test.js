// The Vercel AI SDK against the running server.
import assert from "node:assert/strict";
import test from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, streamText, tool } from "ai";
import { z } from "zod";

const sumeru = createOpenAICompatible({ name: "sumeru", baseURL: `${process.env.SUMERU_URL}/v1`, includeUsage: true });
const small = sumeru("smollm2-135m-instruct");

test("generateText", async () => {
  const { text, usage, finishReason } = await generateText({ model: small, prompt: "Name a colour.", temperature: 0, maxOutputTokens: 12 });
  assert.ok(text.trim());
  assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
  assert.ok(["stop", "length"].includes(finishReason));
});

test("streamText says the same, and counts", async () => {
  const asked = { model: small, prompt: "Name three colours.", temperature: 0, maxOutputTokens: 24 };
  await generateText(asked); // a prompt found in the cache may differ in the last digits from one that is read
  const whole = await generateText(asked);
  const result = streamText(asked);
  let text = "";
  for await (const piece of result.textStream) text += piece;
  assert.equal(text, whole.text);
  assert.equal((await result.usage).outputTokens, whole.usage.outputTokens);
});

test("tools are passed", async () => {
  const add = tool({ description: "Add two numbers", inputSchema: z.object({ a: z.number(), b: z.number() }) });
  const asked = { model: sumeru("qwen2.5-coder-0.5b-instruct"), prompt: "What is 2 + 3?", temperature: 0, maxOutputTokens: 48 };
  const plain = await generateText(asked);
  const offered = await generateText({ ...asked, tools: { add } });
  assert.ok(offered.usage.inputTokens > plain.usage.inputTokens + 30);
});

test("a knowledge base answers", async () => {
  const { text } = await generateText({ model: sumeru("kb/sample"), prompt: "How long are access logs kept?", temperature: 0, maxOutputTokens: 60 });
  assert.match(text, /180/);
});

test("embedMany", async () => {
  const { embeddings } = await embedMany({ model: sumeru.embeddingModel("multilingual-e5-small"), values: ["one", "two"] });
  assert.equal(embeddings.length, 2);
  assert.equal(embeddings[0].length, 384);
});
