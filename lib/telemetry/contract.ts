// What the parts of Hivepulse know of tracing. Imports nothing, so that whoever is not traced loads nothing.

/** By OpenTelemetry's names where it has them. Never payloads, texts, tokens, or values of a query. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Span {
  set(attributes: Attributes): void;
  event(name: string, attributes?: Attributes): void;
  /** `error.type` and the status: the code or name of the error alone, for messages may quote what users wrote. */
  fail(error: unknown): void;
}

export interface SpanOptions {
  /**
   * `client` and `internal` are steps of something larger: outside of a trace they make no span, so that polling and chores do not begin
   * a trace each time.
   */
  kind: 'server' | 'producer' | 'client' | 'internal';
  attributes?: Attributes;
  /** W3C `traceparent` of the span to go on from, instead of the surrounding one. One that cannot be read counts for nothing. */
  parent?: string | undefined;
}

/** Ended by whoever began it. */
export interface OpenSpan extends Span {
  /** To be handed to whoever goes on from here; absent where nothing is traced. */
  readonly traceparent: string | undefined;
  /** Whatever `work` sets off belongs to this span. */
  run<T>(work: () => T): T;
  end(): void;
}

export interface Tracer {
  /** A span around `work`; what it throws marks the span and is thrown on. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  begin(name: string, options: SpanOptions): OpenSpan;
  /** The surrounding span; whatever is told to it outside of one is lost. */
  current(): Span;
  /** Of the surrounding span, to go along with what is stored or sent. */
  traceparent(): string | undefined;
}

const noSpan: OpenSpan = {
  set: () => {},
  event: () => {},
  fail: () => {},
  traceparent: undefined,
  run: (work) => work(),
  end: () => {},
};

/** Tracing that is off. */
export const noTracer: Tracer = {
  span: (_name, _options, work) => work(noSpan),
  begin: () => noSpan,
  current: () => noSpan,
  traceparent: () => undefined,
};
