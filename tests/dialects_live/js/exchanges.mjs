// Asks what each line of stdin says through Vercel's AI SDK, and answers each with a line. At the end of stdin the
// spans are written to a file, as an ExportTraceServiceRequest.
//
//   node exchanges.mjs 7 spans legacy
//   {"url": …, "asks": "streamText", "provider": "openai", "path": "/v1/responses", "model": …, "traceparent": …}
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { ROOT_CONTEXT, context, propagation } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { z } from 'zod';

globalThis.AI_SDK_LOG_WARNINGS = false; // stdout is for the answers

const [version, file, telling] = process.argv.slice(2);
const ai = await import(`ai${version}`);
const { createAnthropic } = await import(`ai${version}-anthropic`);
const { createOpenAI } = await import(`ai${version}-openai`);

const finished = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(finished)] });
provider.register();

if (version === '7') {
  const { LegacyOpenTelemetry, OpenTelemetry } = await import('ai7-otel');
  const switchedOn = telling === 'details' ? { usage: true, providerMetadata: true } : {};
  ai.registerTelemetry(telling === 'legacy' ? new LegacyOpenTelemetry() : new OpenTelemetry(switchedOn));
}

const experimental_telemetry = { isEnabled: true };
const schema = z.object({ name: z.string() });
const onError = () => {};

async function ask({ url, asks, provider: seller, path, model, maxRetries = 0 }) {
  const settings = { baseURL: `${url}/v1`, apiKey: 'test' };
  const openai = createOpenAI(settings);
  const asked = { prompt: 'Tell me of the sea.', maxRetries, experimental_telemetry };
  if (asks === 'embed') {
    return ai.embed({ ...asked, model: openai.textEmbeddingModel(model), value: 'sea' });
  }
  if (asks === 'embedMany') {
    return ai.embedMany({ ...asked, model: openai.textEmbeddingModel(model), values: ['sea', 'lake'] });
  }
  asked.model =
    seller === 'anthropic' ? createAnthropic(settings)(model) : path === '/v1/responses' ? openai.responses(model) : openai.chat(model);
  switch (asks) {
    case 'generateText':
      return ai.generateText(asked);
    case 'generateObject':
      return ai.generateObject({ ...asked, schema });
    case 'streamText':
      return ai.streamText({ ...asked, onError }).consumeStream();
    case 'streamObject':
      for await (const _ of ai.streamObject({ ...asked, schema, onError }).partialObjectStream); // until its end
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
