import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atEndOfFile } from './end-of-file.ts';
import { eventually } from './world.ts';

/** A span as it came over the wire, its attributes as one object. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Undefined for the first of a trace. */
  parentSpanId: string | undefined;
  name: string;
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  attributes: Readonly<Record<string, unknown>>;
  events: readonly { name: string; attributes: Readonly<Record<string, unknown>> }[];
  failed: boolean;
  resource: Readonly<Record<string, unknown>>;
}

/** Takes OTLP over HTTP as JSON, which is what the SDK's exporter sends. */
export interface OtlpServer {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  spans(): ReceivedSpan[];
  /** The spans of a trace, once `ready` says that all that matter have come. */
  trace(traceId: string, ready: (spans: ReceivedSpan[]) => boolean): Promise<ReceivedSpan[]>;
  /** Every byte of every body, as text. */
  received(): string;
  /** Of the last request. */
  headers(): Readonly<Record<string, unknown>>;
  /** From now on requests are taken and never answered, or answered with this status; undefined: as they should be. */
  misbehave(how: 'silent' | number | undefined): void;
}

interface WireAttribute {
  key: string;
  value: Readonly<Record<string, unknown>>;
}
type WireSpan = Omit<ReceivedSpan, 'attributes' | 'events' | 'kind'> & {
  kind: number;
  attributes?: WireAttribute[];
  events?: { name: string; attributes?: WireAttribute[] }[];
  status?: { code?: number };
};
interface WireRequest {
  resourceSpans: { resource: { attributes: WireAttribute[] }; scopeSpans: { spans: WireSpan[] }[] }[];
}

/** Stopped at the end of the file. */
export async function startOtlp(): Promise<OtlpServer> {
  const bodies: string[] = [];
  let headers: Readonly<Record<string, unknown>> = {};
  let fault: 'silent' | number | undefined;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (fault === 'silent') return;
    if (fault === undefined) bodies.push(body);
    headers = request.headers;
    response.writeHead(fault ?? (request.url === '/v1/traces' ? 200 : 404), { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEndOfFile(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const spans = () => bodies.flatMap((body) => spansIn(JSON.parse(body)));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    trace: (traceId, ready) =>
      eventually(() => {
        const found = spans().filter((span) => span.traceId === traceId);
        return ready(found) && found;
      }),
    received: () => bodies.join('\n'),
    headers: () => headers,
    misbehave: (how) => {
      fault = how;
    },
  };
}

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const ERROR = 2;

function spansIn({ resourceSpans }: WireRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map(({ traceId, spanId, parentSpanId, name, kind, attributes, events = [], status }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId || undefined,
        name,
        kind: KINDS[kind] ?? 'internal',
        attributes: plain(attributes),
        events: events.map((event) => ({ name: event.name, attributes: plain(event.attributes) })),
        failed: status?.code === ERROR,
        resource: plain(resource.attributes),
      })),
    ),
  );
}

const plain = (attributes: readonly WireAttribute[] = []) => Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
