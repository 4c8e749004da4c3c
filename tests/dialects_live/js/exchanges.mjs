// Asks what each line of stdin says through Vercel's AI SDK, and answers each with a line. At the end of stdin the
// spans are written to a file, as an ExportTraceServiceRequest.
//
//   node exchanges.mjs 6 spans
//   {"url": …, "provider": "openai", "path": "/v1/responses", "model": …, "isStream": true, "traceparent": …}
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { ROOT_CONTEXT, context, propagation } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

globalThis.AI_SDK_LOG_WARNINGS = false; // stdout is for the answers

const [version, file] = process.argv.slice(2);
const { embed, generateText, streamText } = await import(`ai${version}`);
const { createAnthropic } = await import(`ai${version}-anthropic`);
const { createOpenAI } = await import(`ai${version}-openai`);

const finished = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(finished)] });
provider.register();

const experimental_telemetry = { isEnabled: true };

async function ask({ url, provider: seller, path, model, isStream }) {
  const settings = { baseURL: `${url}/v1`, apiKey: 'test' };
  const openai = createOpenAI(settings);
  if (path === '/v1/embeddings') {
    await embed({ model: openai.textEmbeddingModel(model), value: 'sea', maxRetries: 0, experimental_telemetry });
    return;
  }
  const chosen =
    seller === 'anthropic' ? createAnthropic(settings)(model) : path === '/v1/responses' ? openai.responses(model) : openai.chat(model);
  const asked = { model: chosen, prompt: 'Tell me of the sea.', maxRetries: 0, experimental_telemetry };
  if (isStream) {
    await streamText({ ...asked, onError: () => {} }).consumeStream();
  } else {
    await generateText(asked);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const exchange = JSON.parse(line);
  const parent = propagation.extract(ROOT_CONTEXT, { traceparent: exchange.traceparent });
  let error = '';
  await context.with(parent, () => ask(exchange)).catch((caught) => (error = `${caught.name}: ${caught.message}`));
  console.log(JSON.stringify({ error }));
}
writeFileSync(file, ProtobufTraceSerializer.serializeRequest(finished.getFinishedSpans()));
