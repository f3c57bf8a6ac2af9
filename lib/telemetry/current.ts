/**
 * The trace that this process is in, read without loading OpenTelemetry: its API keeps what is registered under a symbol that all its versions 1
 * share, so an app's own SDK is found there as well as ours. Without either it costs one look-up.
 */
interface SpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
}
interface RegisteredApi {
  trace?: unknown;
  context?: { active(): { getValue(key: symbol): unknown } };
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
const SAMPLED = 1;

// What the API keeps there is its own business: each step is looked at before it is taken.
const registered = (): RegisteredApi | undefined => (globalThis as { [API]?: RegisteredApi })[API];

/** Whether an SDK has been registered in this process. */
export function isTraced(): boolean {
  return registered()?.trace !== undefined;
}

function currentSpan(): SpanContext | undefined {
  const span = registered()?.context?.active().getValue(SPAN) as { spanContext?(): SpanContext } | undefined;
  return span?.spanContext?.();
}

/** W3C `traceparent` of the current span: https://www.w3.org/TR/trace-context/#traceparent-header */
export function currentTraceparent(): string | undefined {
  const span = currentSpan();
  return span && formatTraceparent(span);
}

export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string | undefined {
  const text = `00-${traceId}-${spanId}-0${traceFlags & SAMPLED}`;
  return parseTraceparent(text) && text;
}

/** Undefined for what is none: it may come from anybody. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(text ?? '') ?? [];
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & SAMPLED };
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Of the current span, where its trace is kept: what a log line and a trace have in common. */
export function currentTraceId(): string | undefined {
  const span = currentSpan();
  return span && span.traceFlags & SAMPLED ? span.traceId : undefined;
}
