/** The official SDK, loaded only where traces are switched on: it batches spans and sends them as OTLP over HTTP. */
import { createRequire } from 'node:module';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import { messageOf } from '../errors.ts';
import { type Deadline, deadlineIn, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';

export interface SdkOptions {
  /** Without `/v1/traces`. */
  endpoint: string;
  /** `name=value,name=value`, values percent-encoded where they must be. */
  headers?: string | undefined;
  serviceName: string;
  instanceId: string;
  /** Of traces that begin here, from 0 to 1. What goes on from elsewhere is kept where its beginning is. */
  share: number;
  log: Logger;
}

/** Of a collector that does not answer, for one batch with its repeats. */
const EXPORT_TIMEOUT_MS = 5_000;
/** Of a shutdown, at most, for the last spans. */
const FLUSH_MS = 3_000;
/** Kept in memory while the collector is away (about a kilobyte each); what comes after them is dropped. */
const MAX_WAITING = 2_048;
const MAX_BATCH = 512;
const LONGEST_VALUE = 256;

/** Registers the SDK for this process. `stop` sends what is left, as far as that can be done in time, and never rejects. */
export function startSdk(options: SdkOptions): { stop(deadline: Deadline): Promise<void> } {
  const url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, headers: parseHeaders(options.headers), timeoutMillis: EXPORT_TIMEOUT_MS });
  // How often it sends is left to the SDK: every 5 s, or OTEL_BSP_SCHEDULE_DELAY.
  const processor = new BatchSpanProcessor(watched(exporter, options.log), {
    maxQueueSize: MAX_WAITING,
    maxExportBatchSize: MAX_BATCH,
    exportTimeoutMillis: 2 * EXPORT_TIMEOUT_MS,
  });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.version': ownVersion(),
      'service.instance.id': options.instanceId,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.share) }),
    spanProcessors: [processor],
    spanLimits: { attributeValueLengthLimit: LONGEST_VALUE },
  });
  // `traceparent` is read and written by `current.ts`, in whichever SDK's process.
  provider.register({ propagator: null });
  return {
    stop: async (deadline) => {
      const flushed = provider.shutdown().catch(() => undefined);
      await within(flushed, deadlineIn(Math.min(FLUSH_MS, deadline.remainingMs())), undefined);
    },
  };
}

const SUCCESS = 0;

/** One line when the collector is lost and one when it is back. */
function watched(exporter: SpanExporter, log: Logger): SpanExporter {
  let away = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== SUCCESS;
        if (failed && !away) log.warn({ error: messageOf(result.error) }, 'traces cannot be delivered; jobs go on without them');
        if (!failed && away) log.info('traces are delivered again');
        away = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}

function parseHeaders(text = ''): Record<string, string> {
  const pairs = text.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()] as const);
  return Object.fromEntries(pairs.filter(([name]) => name !== '').map(([name, value]) => [name, decoded(value)]));
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function ownVersion(): string {
  const { version }: { version: string } = createRequire(import.meta.url)('hivepulse/package.json');
  return version;
}
