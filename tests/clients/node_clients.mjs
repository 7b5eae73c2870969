// Clients for Node.js that are installed beside this file, each driven through what it can do.
//
//     cp tests/clients/node_clients.mjs FOLDER_WITH_NODE_MODULES && node FOLDER_WITH_NODE_MODULES/node_clients.mjs http://127.0.0.1:8642
import { createRequire } from "node:module";

const address = process.argv[2];
const require = createRequire(import.meta.url);
const SHARED = "Let us share the well.";
const SCHEMA = { type: "object", properties: { well: { type: "string" } }, required: ["well"], additionalProperties: false };
const ASKED = [{ role: "user", content: "How deep is the north well?" }];

const cancelled = async () =>
  (await (await fetch(`${address}/metrics`)).text())
    .split("\n")
    .filter((line) => line.startsWith("mallku_cancelled_total"))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);

async function isCancelled(leave) {
  const before = await cancelled();
  await leave();
  for (let tries = 0; tries < 500; tries += 1) if ((await cancelled()) > before) return true;
  return false;
}

async function fails(work, test) {
  try {
    await work();
  } catch (error) {
    return test(error);
  }
  return false;
}

const isMissing = (error) => /not served/.test(error.message);

async function* openai() {
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: "none", maxRetries: 0 });
  const chat = (more = {}) => client.chat.completions.create({ model: "helper", messages: ASKED, ...more });
  yield ["whole", (await chat()).choices[0].message.content === SHARED];
  let said = "";
  for await (const chunk of await chat({ stream: true })) said += chunk.choices[0].delta.content ?? "";
  yield ["streamed", said === SHARED];
  const tool = { type: "function", function: { name: "depth", parameters: SCHEMA } };
  yield ["tools", JSON.parse((await chat({ tools: [tool] })).choices[0].message.tool_calls[0].function.arguments).well === "north"];
  const format = { type: "json_schema", json_schema: { name: "place", schema: SCHEMA, strict: true } };
  yield ["schema", JSON.parse((await chat({ response_format: format })).choices[0].message.content).well === "north"];
  yield ["errors", await fails(() => chat({ model: "none" }), (error) => error.status === 404 && error.code === "model_not_found")];
  const leave = async () => {
    for await (const _ of await chat({ model: "endless", stream: true })) break;
  };
  yield ["cancel", await isCancelled(leave)];
  yield ["responses", (await client.responses.create({ model: "helper", input: "How deep?" })).output_text === SHARED];
  yield ["bundled model", Boolean((await chat({ model: "tiny", max_tokens: 12 })).choices[0].message.content)];
}

async function* anthropic() {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: address, apiKey: "none", maxRetries: 0 });
  const asked = { model: "helper", max_tokens: 50, messages: ASKED };
  yield ["whole", (await client.messages.create(asked)).content[0].text === SHARED];
  yield ["streamed", (await client.messages.stream(asked).finalText()) === SHARED];
  const tools = [{ name: "depth", input_schema: SCHEMA }];
  yield ["tools", (await client.messages.create({ ...asked, tools })).content[0].input.well === "north"];
  const error = (found) => found.status === 404;
  yield ["errors", await fails(() => client.messages.create({ ...asked, model: "none" }), error)];
  const leave = async () => {
    const stream = await client.messages.create({ ...asked, model: "endless", stream: true });
    for await (const event of stream) if (event.type === "content_block_delta") break;
  };
  yield ["cancel", await isCancelled(leave)];
}

async function* vercel() {
  const { generateText, streamText, tool, jsonSchema, Output } = await import("ai");
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const provider = createOpenAICompatible({ name: "mallku", baseURL: `${address}/v1`, supportsStructuredOutputs: true });
  const model = provider("helper");
  const prompt = "How deep is the north well?";
  yield ["whole", (await generateText({ model, prompt, maxRetries: 0 })).text === SHARED];
  let said = "";
  for await (const part of streamText({ model, prompt, maxRetries: 0 }).textStream) said += part;
  yield ["streamed", said === SHARED];
  const depth = tool({ description: "Depth of a well", inputSchema: jsonSchema(SCHEMA) });
  yield ["tools", (await generateText({ model, prompt, tools: { depth }, maxRetries: 0 })).toolCalls[0].input.well === "north"];
  const output = Output.object({ schema: jsonSchema(SCHEMA) });
  yield ["schema", (await generateText({ model, prompt, output, maxRetries: 0 })).output.well === "north"];
  yield ["errors", await fails(() => generateText({ model: provider("none"), prompt, maxRetries: 0 }), isMissing)];
}

async function* langchain() {
  const { ChatOpenAI } = await import("@langchain/openai");
  const make = (model) => new ChatOpenAI({ model, apiKey: "none", maxRetries: 0, configuration: { baseURL: `${address}/v1` } });
  const model = make("helper");
  yield ["whole", (await model.invoke("How deep?")).content === SHARED];
  let said = "";
  for await (const chunk of await model.stream("How deep?")) said += chunk.content;
  yield ["streamed", said === SHARED];
  const tool = { type: "function", function: { name: "depth", parameters: SCHEMA } };
  yield ["tools", (await model.bindTools([tool]).invoke("How deep?")).tool_calls[0].args.well === "north"];
  yield ["errors", await fails(() => make("none").invoke("How deep?"), isMissing)];
}

const clients = { openai, "@anthropic-ai/sdk": anthropic, ai: vercel, "@langchain/openai": langchain };
let failed = 0;
for (const [name, drive] of Object.entries(clients)) {
  let version;
  try {
    version = require(`./node_modules/${name}/package.json`).version;
  } catch {
    console.log(`${name}: not installed`);
    continue;
  }
  const done = [];
  try {
    for await (const [step, passed] of drive()) {
      done.push(passed ? step : `${step} WRONG`);
      failed += passed ? 0 : 1;
    }
  } catch (error) {
    done.push(`BROKE OFF: ${error.name}: ${String(error.message).slice(0, 200)}`);
    failed += 1;
  }
  console.log(`${name} ${version}: ${done.join(", ")}`);
}
process.exit(failed ? 1 : 0);
