import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { type BullMQOTelSpan, BullMQOtel } from 'bullmq-otel';
import type { QueueTelemetry } from '../queue/backend.ts';
import { contextOf, TRACER_NAME } from './tracer.ts';

type BullTracer = QueueTelemetry['tracer'];
type BullSpan = ReturnType<BullTracer['startSpan']>;

/** BullMQ's names for what is worth telling, and OpenTelemetry's. Left out: results, options and reasons of failures, which hold what users wrote. */
const NAMES: Readonly<Record<string, string>> = {
  'bullmq.queue.name': 'messaging.destination.name',
  'bullmq.job.id': 'messaging.message.id',
  'bullmq.job.name': 'hivepulse.job.name',
};
const PROCESS = { 'messaging.system': 'bullmq', 'messaging.operation.type': 'process', 'messaging.operation.name': 'process' };

/**
 * bullmq-otel for workers: one span for each attempt, below the one that sent the job (`lib/queue/publish.ts`). What BullMQ does besides
 * (fetching, locks, counting, moving jobs about) makes none, and a retry leaves the job what its sender gave it, so that all attempts stand side by side.
 */
export function createQueueTelemetry(): QueueTelemetry {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: TRACER_NAME });
  return {
    tracer: {
      startSpan: (name, options, parent) =>
        options?.kind === SpanKind.CONSUMER ? attemptSpan(tracer.startSpan(name, options, parent ?? ROOT_CONTEXT)) : silentSpan,
    },
    contextManager: {
      with: (context, work) => contextManager.with(context, work),
      active: () => contextManager.active(),
      root: () => ROOT_CONTEXT,
      getMetadata: () => '',
      fromMetadata: (surrounding: Context, metadata) => contextOf(traceparentIn(metadata), surrounding),
    },
  };
}

/** Undefined for what was put there by others. */
function traceparentIn(metadata: string): string | undefined {
  try {
    const { traceparent } = JSON.parse(metadata);
    return typeof traceparent === 'string' ? traceparent : undefined;
  } catch {
    return undefined;
  }
}

function attemptSpan(bull: ReturnType<BullMQOtel['tracer']['startSpan']>): BullSpan {
  // Its type says less than it is: the span of OpenTelemetry itself is needed for the status.
  const { span } = bull as BullMQOTelSpan;
  span.setAttributes(PROCESS);
  return {
    setSpanOnContext: (surrounding) => bull.setSpanOnContext(surrounding),
    setAttribute: (key, value) => {
      const name = NAMES[key];
      if (name !== undefined && typeof value === 'string') span.setAttribute(name, value);
    },
    setAttributes(attributes) {
      for (const [key, value] of Object.entries(attributes)) if (value !== undefined) this.setAttribute(key, value);
    },
    addEvent: () => {},
    recordException: (exception) => {
      span.setAttribute('error.type', exception instanceof Error ? exception.name : 'unknown');
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    end: () => bull.end(),
  };
}

const silentSpan: BullSpan = {
  setSpanOnContext: (surrounding: Context) => surrounding,
  setAttribute: () => {},
  setAttributes: () => {},
  addEvent: () => {},
  recordException: () => {},
  end: () => {},
};
