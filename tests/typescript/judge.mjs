// Asks one service with one TypeScript SDK, many times over, and says what the SDK read.
//
// In, on stdin:  {"sdk": "openai chat", "jobs": [{"url", "mode", "tools", "extra"}, ...]}
// Out, per job:  one line of JSON, {"said": {text, reasoning, refusal, calls, finish, usage}}, or
//                {"error"}, with what was said before it
//
// "mode" is "whole", "stream", or "helper" (what the SDK's own collector makes of a stream).
// "extra" goes into the body of the request beside what the SDK writes.

const AT_ONCE = 8;
const MODEL = "builtin/echo";
const QUESTION = "один two three";
const MESSAGES = [{ role: "user", content: QUESTION }];

class Said {
  text = "";
  reasoning = "";
  refusal = "";
  calls = [];
  finish = null;
  usage = null;

  call(id, name, text) {
    this.calls.push({ id, name, arguments: parsed(text) });
  }
}

/** Arguments as a program would see them; as text where they are no JSON. */
function parsed(text) {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return text;
  }
}

/** An event by which an SDK tells that the answer failed, where it raises nothing. */
function failure(told) {
  return new Error(told?.message ?? JSON.stringify(told));
}

/** A fetch that asks for more than the SDK knows how to ask for. */
function fetchWith(extra = {}) {
  return (url, options) => {
    const body = JSON.stringify({ ...JSON.parse(options.body), ...extra });
    const headers = new Headers(options.headers);
    headers.delete("content-length");
    return fetch(url, { ...options, headers, body });
  };
}

// OpenAI chat

async function openaiChat() {
  const { default: OpenAI } = await import("openai");
  return async (job, said) => {
    const client = new OpenAI(clientOptions(job, "/v1"));
    const asked = { model: MODEL, messages: MESSAGES };
    const streamed = { ...asked, stream_options: { include_usage: true } };
    if (job.mode === "stream") {
      const calls = new Map();
      for await (const chunk of await client.chat.completions.create({ ...streamed, stream: true }))
        readChunk(chunk, said, calls);
      for (const call of calls.values()) said.call(call.id, call.name, call.text);
      return;
    }
    const completions = client.chat.completions;
    const answer =
      job.mode === "whole"
        ? await completions.create(asked)
        : await completions.stream(streamed).finalChatCompletion();
    readCompletion(answer, said);
  };
}

function readChunk(chunk, said, calls) {
  said.usage = chunk.usage ?? said.usage;
  for (const { delta, finish_reason } of chunk.choices) {
    said.text += delta.content ?? "";
    said.refusal += delta.refusal ?? "";
    said.reasoning += delta.reasoning_content ?? "";
    said.finish = finish_reason ?? said.finish;
    const legacy = delta.function_call ? [{ index: -1, function: delta.function_call }] : [];
    for (const piece of [...(delta.tool_calls ?? []), ...legacy]) {
      const call = calls.get(piece.index) ?? { id: piece.id ?? "", name: "", text: "" };
      calls.set(piece.index, call);
      const said = piece.function ?? piece.custom;
      call.name += said.name ?? "";
      call.text += said.arguments ?? said.input ?? "";
    }
  }
}

function readCompletion({ choices: [{ message, finish_reason }], usage }, said) {
  said.text = message.content ?? "";
  said.refusal = message.refusal ?? "";
  said.reasoning = message.reasoning_content ?? "";
  said.finish = finish_reason;
  said.usage = usage;
  for (const call of message.tool_calls ?? []) {
    const { name, arguments: text, input } = call.function ?? call.custom;
    said.call(call.id, name, text ?? input);
  }
  if (message.function_call)
    said.call("", message.function_call.name, message.function_call.arguments);
}

// OpenAI Responses

async function openaiResponses() {
  const { default: OpenAI } = await import("openai");
  return async (job, said) => {
    const client = new OpenAI(clientOptions(job, "/v1"));
    const asked = { model: MODEL, input: QUESTION };
    if (job.mode === "stream") {
      const calls = new Map();
      for await (const event of await client.responses.create({ ...asked, stream: true }))
        readResponseEvent(event, said, calls);
      for (const call of calls.values()) said.call(call.call_id, call.name, call.text);
      return;
    }
    const response =
      job.mode === "whole"
        ? await client.responses.create(asked)
        : await client.responses.stream(asked).finalResponse();
    if (response.status === "failed") throw failure(response.error);
    readResponse(response, said);
  };
}

function readResponseEvent(event, said, calls) {
  switch (event.type) {
    case "response.output_text.delta":
      said.text += event.delta;
      break;
    case "response.refusal.delta":
      said.refusal += event.delta;
      break;
    case "response.reasoning_summary_text.delta":
    case "response.reasoning_text.delta":
      said.reasoning += event.delta;
      break;
    case "response.output_item.added":
      if (event.item.type === "function_call" || event.item.type === "custom_tool_call")
        calls.set(event.output_index, { ...event.item, text: "" });
      break;
    case "response.function_call_arguments.delta":
    case "response.custom_tool_call_input.delta":
      calls.get(event.output_index).text += event.delta;
      break;
    case "error":
      throw failure(event);
    case "response.failed":
      throw failure(event.response.error);
    case "response.completed":
    case "response.incomplete":
      readResponseEnd(event.response, said);
  }
}

function readResponse(response, said) {
  for (const item of response.output) {
    if (item.type === "message") for (const part of item.content) readPart(part, said);
    else if (item.type === "function_call") said.call(item.call_id, item.name, item.arguments);
    else if (item.type === "custom_tool_call") said.call(item.call_id, item.name, item.input);
    else if (item.type === "reasoning")
      for (const { text } of [...item.summary, ...(item.content ?? [])])
        said.reasoning += text;
  }
  if (response.output_text !== said.text) throw new Error("output_text differs from its parts");
  readResponseEnd(response, said);
}

function readPart(part, said) {
  if (part.type === "output_text") said.text += part.text;
  else if (part.type === "refusal") said.refusal += part.refusal;
}

function readResponseEnd(response, said) {
  said.finish = response.incomplete_details?.reason ?? response.status;
  said.usage = response.usage;
}

// Anthropic Messages

async function anthropicMessages() {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  return async (job, said) => {
    const client = new Anthropic(clientOptions(job, ""));
    const asked = { model: MODEL, max_tokens: 100, messages: MESSAGES };
    if (job.mode === "stream") {
      const blocks = [];
      for await (const event of await client.messages.create({ ...asked, stream: true }))
        readMessageEvent(event, said, blocks);
      for (const block of blocks)
        if (block?.type === "tool_use") said.call(block.id, block.name, block.text);
      return;
    }
    const message =
      job.mode === "whole"
        ? await client.messages.create(asked)
        : await client.messages.stream(asked).finalMessage();
    readMessage(message, said);
  };
}

function readMessageEvent(event, said, blocks) {
  switch (event.type) {
    case "message_start":
      said.usage = event.message.usage;
      break;
    case "content_block_start":
      blocks[event.index] = { ...event.content_block, text: "" };
      break;
    case "content_block_delta":
      said.text += event.delta.text ?? "";
      said.reasoning += event.delta.thinking ?? "";
      blocks[event.index].text += event.delta.partial_json ?? "";
      break;
    case "message_delta":
      said.finish = event.delta.stop_reason;
      said.usage = { ...said.usage, ...event.usage };
  }
}

function readMessage(message, said) {
  for (const block of message.content) {
    if (block.type === "text") said.text += block.text;
    else if (block.type === "thinking") said.reasoning += block.thinking;
    else if (block.type === "tool_use")
      said.calls.push({ id: block.id, name: block.name, arguments: block.input });
  }
  said.finish = message.stop_reason;
  said.usage = message.usage;
}

// The Vercel AI SDK

const vercel = (load) => async () => {
  const { generateText, jsonSchema, streamText, tool } = await import("ai");
  const make = await load();
  globalThis.AI_SDK_LOG_WARNINGS = false;
  return async (job, said) => {
    const asked = {
      model: make(job),
      messages: MESSAGES,
      maxRetries: 0,
      tools: Object.fromEntries(
        (job.tools ?? []).map((name) => [name, tool({ inputSchema: jsonSchema({}) })]),
      ),
      onError: () => {},
    };
    if (job.mode === "whole") {
      const answer = await generateText(asked);
      said.text = answer.text;
      said.reasoning = answer.reasoning.map((part) => part.text).join("");
      for (const call of answer.toolCalls) readVercelCall(call, said);
      said.finish = answer.finishReason;
      said.usage = answer.usage;
      return;
    }
    for await (const part of streamText(asked).fullStream) readVercelPart(part, said);
  };
};

function readVercelPart(part, said) {
  switch (part.type) {
    case "text-delta":
      said.text += part.text;
      break;
    case "reasoning-delta":
      said.reasoning += part.text;
      break;
    case "tool-call":
      readVercelCall(part, said);
      break;
    case "error":
      throw part.error instanceof Error ? part.error : failure(part.error);
    case "finish":
      said.finish = part.finishReason;
      said.usage = part.totalUsage;
  }
}

function readVercelCall(call, said) {
  if (!call.providerExecuted)
    said.calls.push({ id: call.toolCallId, name: call.toolName, arguments: call.input });
}

function vercelOptions({ url, extra }, path) {
  return { baseURL: url + path, apiKey: "none", fetch: fetchWith(extra) };
}

const SDKS = {
  "openai chat": openaiChat,
  "openai responses": openaiResponses,
  anthropic: anthropicMessages,
  "ai openai chat": vercel(async () => {
    const { createOpenAI } = await import("@ai-sdk/openai");
    return (job) => createOpenAI(vercelOptions(job, "/v1")).chat(MODEL);
  }),
  "ai openai responses": vercel(async () => {
    const { createOpenAI } = await import("@ai-sdk/openai");
    return (job) => createOpenAI(vercelOptions(job, "/v1")).responses(MODEL);
  }),
  "ai anthropic": vercel(async () => {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    return (job) => createAnthropic(vercelOptions(job, "/v1"))(MODEL);
  }),
  "ai google": vercel(async () => {
    const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
    return (job) => createGoogleGenerativeAI(vercelOptions(job, "/v1beta"))(`models/${MODEL}`);
  }),
};

function clientOptions({ url, extra }, path) {
  return { baseURL: url + path, apiKey: "none", maxRetries: 0, fetch: fetchWith(extra) };
}

async function judged(read, job) {
  const said = new Said();
  try {
    await read(job, said);
    return { said };
  } catch (error) {
    const because = error?.cause ? `, because of ${error.cause.name}: ${error.cause.message}` : "";
    return { error: `${error?.name}: ${error?.message}${because}`, said };
  }
}

let input = "";
for await (const piece of process.stdin.setEncoding("utf8")) input += piece;
const { sdk, jobs } = JSON.parse(input);
const read = await SDKS[sdk]();
const answers = new Array(jobs.length);
const left = jobs.entries();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const [place, job] of left) answers[place] = await judged(read, job);
  }),
);
process.stdout.write(answers.map((answer) => JSON.stringify(answer) + "\n").join(""));
