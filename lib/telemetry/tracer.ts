import { type Context, context, type Span as OtelSpan, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { HivepulseError } from '../errors.ts';
import type { Attributes, OpenSpan, Span, SpanOptions, Tracer } from './contract.ts';
import { noTracer } from './contract.ts';
import { currentTraceparent, formatTraceparent, parseTraceparent } from './current.ts';

/** Of all our spans. */
export const TRACER_NAME = 'hivepulse';

const KINDS = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

/** Spans by whichever SDK is registered in this process: ours, or that of the app. */
export function createTracer(): Tracer {
  const tracer = trace.getTracer(TRACER_NAME);

  function begin(name: string, { kind, attributes = {}, parent }: SpanOptions): OpenSpan {
    const surrounding = parent === undefined ? active() : contextOf(parent, ROOT_CONTEXT);
    const isStep = kind === 'client' || kind === 'internal';
    if (isStep && trace.getSpanContext(surrounding) === undefined) return noTracer.begin(name, { kind });
    const span = tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, surrounding);
    const inside = trace.setSpan(surrounding, span);
    return {
      ...wrap(span),
      traceparent: formatTraceparent(span.spanContext()),
      run: (work) => context.with(inside, work),
      end: () => span.end(),
    };
  }

  async function span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
    const open = begin(name, options);
    try {
      return await open.run(() => work(open));
    } catch (error) {
      open.fail(error);
      throw error;
    } finally {
      open.end();
    }
  }

  return {
    begin,
    span,
    current: () => {
      const active = trace.getActiveSpan();
      return active ? wrap(active) : noTracer.current();
    },
    traceparent: currentTraceparent,
  };
}

/** An app's SDK of an older version is not seen by our copy of the API; the trace that the app is in goes on all the same. */
function active(): Context {
  const seen = context.active();
  return trace.getSpanContext(seen) ? seen : contextOf(currentTraceparent(), seen);
}

/** `surrounding` as it is where `traceparent` is none. */
export function contextOf(traceparent: string | undefined, surrounding: Context): Context {
  const parent = parseTraceparent(traceparent);
  return parent ? trace.setSpanContext(surrounding, { ...parent, isRemote: true }) : surrounding;
}

function wrap(span: OtelSpan): Span {
  return {
    set: (attributes: Attributes) => void span.setAttributes({ ...attributes }),
    event: (name, attributes = {}) => void span.addEvent(name, { ...attributes }),
    fail: (error) => {
      span.setAttribute('error.type', errorType(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
  };
}

function errorType(error: unknown): string {
  if (error instanceof HivepulseError) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
