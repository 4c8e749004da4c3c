// Sends spans of LLM calls by one of the official JavaScript exporters: client.mjs grpc|proto|json ENDPOINT COUNT
import { OTLPTraceExporter as Grpc } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as Json } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as Proto } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const [, , kind, url, count] = process.argv;
const exporter = new { grpc: Grpc, proto: Proto, json: Json }[kind]({ url, compression: "gzip" });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": `js-${kind}` }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer("otel_llmcost.js", "1");
for (let number = 0; number < Number(count); number++) {
  tracer.startSpan("chat gpt-4o", { attributes: {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "llmcost.usage.quality": "reported",
  } }).end();
}
await provider.forceFlush();
await provider.shutdown();
