// The official npm client against the running server.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI, { toFile } from "openai";

const SMALL = "smollm2-135m-instruct";
const client = new OpenAI({ baseURL: `${process.env.SUMERU_URL}/v1`, apiKey: "-", maxRetries: 0 });
const user = (content) => [{ role: "user", content }];

test("models are listed, knowledge bases among them", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes(SMALL) && names.includes("kb/sample"), names.join());
});

test("a chat answer", async () => {
  const answer = await client.chat.completions.create({ model: SMALL, messages: user("Say hello."), max_tokens: 12, temperature: 0 });
  assert.ok(answer.choices[0].message.content.trim());
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("a stream says the same as one answer, and counts", async () => {
  const asked = { model: SMALL, messages: user("Name three colours."), max_tokens: 24, temperature: 0 };
  await client.chat.completions.create(asked); // a prompt found in the cache may differ in the last digits from one that is read
  const whole = await client.chat.completions.create(asked);
  let text = "";
  let usage;
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the stream helper puts the answer together", async () => {
  const messages = user("Answer with one word: yes.");
  const runner = client.chat.completions.stream({ model: "qwen2.5-coder-0.5b-instruct", messages, max_tokens: 64, temperature: 0 });
  let heard = "";
  runner.on("content", (piece) => (heard += piece));
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].message.content, heard);
});

test("a completion with log-probabilities", async () => {
  const answer = await client.completions.create({ model: SMALL, prompt: "The capital of France is", max_tokens: 2, temperature: 0, logprobs: 3 });
  assert.match(answer.choices[0].text, /^ Paris/);
  assert.equal(answer.choices[0].logprobs.tokens.length, 2);
});

test("embeddings, as the client asks by itself", async () => {
  const answer = await client.embeddings.create({ model: "multilingual-e5-small", input: ["annual leave", "年假", "copper price"] });
  const [one, two, far] = answer.data.map((item) => item.embedding);
  const likeness = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  assert.equal(one.length, 384);
  assert.ok(likeness(one, two) > likeness(one, far));
});

test("an unknown model is a typed error", async () => {
  await assert.rejects(client.chat.completions.create({ model: "gpt-9", messages: user("hi") }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    return true;
  });
});

test("an unknown parameter is named", async () => {
  await assert.rejects(client.chat.completions.create({ model: SMALL, messages: user("hi"), temprature: 1 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "temprature");
    return true;
  });
});

test("a wrong key is a typed error", async () => {
  const guarded = new OpenAI({ baseURL: `${process.env.SUMERU_GUARDED_URL}/v1`, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(guarded.models.list(), OpenAI.AuthenticationError);
});

test("an aborted stream leaves the server well", async () => {
  for (let i = 0; i < 10; i++) {
    const stream = await client.chat.completions.create({ model: SMALL, messages: user("Tell a long story."), max_tokens: 2000, stream: true });
    for await (const chunk of stream) if (chunk.choices.length) break;
    stream.controller.abort();
  }
  assert.ok((await client.chat.completions.create({ model: SMALL, messages: user("Hi"), max_tokens: 2 })).choices.length);
});

test("an eval over given answers, and a run that is stopped", async () => {
  const item_schema = { type: "object", properties: { expected: { type: "string" } }, required: ["expected"] };
  const made = await client.evals.create({
    name: "node",
    data_source_config: { type: "custom", item_schema, include_sample_schema: true },
    testing_criteria: [{ type: "string_check", name: "same", input: "{{sample.output_text}}", reference: "{{item.expected}}", operation: "eq" }],
  });
  const content = [
    { item: { expected: "北京" }, sample: { output_text: "北京" } },
    { item: { expected: "Paris" }, sample: { output_text: "Rome" } },
  ];
  let run = await client.evals.runs.create(made.id, { data_source: { type: "jsonl", source: { type: "file_content", content } } });
  while (["queued", "in_progress"].includes(run.status)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    run = await client.evals.runs.retrieve(run.id, { eval_id: made.id });
  }
  assert.deepEqual(run.result_counts, { total: 2, passed: 1, failed: 1, errored: 0 });
  const statuses = [];
  for await (const item of client.evals.runs.outputItems.list(run.id, { eval_id: made.id, limit: 1 })) statuses.push(item.status);
  assert.deepEqual(statuses, ["pass", "fail"]);

  const rows = content.map((row) => JSON.stringify(row) + "\n").join("");
  const expires_after = { anchor: "created_at", seconds: 3600 };
  const file = await client.files.create({ file: await toFile(Buffer.from(rows), "行.jsonl"), purpose: "evals", expires_after });
  assert.deepEqual([file.filename, file.bytes, file.expires_at - file.created_at], ["行.jsonl", Buffer.byteLength(rows), 3600]);
  assert.equal(await (await client.files.content(file.id)).text(), rows);
  const named = await client.evals.runs.create(made.id, { data_source: { type: "jsonl", source: { type: "file_id", id: file.id } } });
  assert.deepEqual(named.data_source, { type: "jsonl", source: { type: "file_id", id: file.id } });
  assert.ok((await client.files.delete(file.id)).deleted);

  const template = [{ role: "user", content: "Tell a long story about {{item.expected}}." }];
  const source = { type: "file_content", content: Array.from({ length: 40 }, (_, n) => ({ item: { expected: `${n}` } })) };
  const long = await client.evals.runs.create(made.id, {
    data_source: { type: "completions", model: SMALL, source, input_messages: { type: "template", template }, sampling_params: { max_completion_tokens: 500 } },
  });
  assert.equal((await client.evals.runs.cancel(long.id, { eval_id: made.id })).status, "canceled");
  assert.ok((await client.evals.delete(made.id)).deleted);
});
