import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ChatCompletionRequest, LLMock } from '@copilotkit/aimock';

/**
 * OpenAI and Anthropic for tests, over real HTTP: aimock, which nobody here wrote, builds the vendors' answers; a thin front before
 * it keeps the requests as they came over the wire and makes the faults that aimock cannot make on command.
 *
 *     const llm = await startLlm();
 *     // OPENAI_BASE_URL=llm.openaiBaseUrl  ANTHROPIC_BASE_URL=llm.anthropicBaseUrl  (also for other processes), any key
 *     llm.answerWith({ hypeScore: 3 });              // from now on; without it every request gets a minimal answer to its own schema
 *     llm.fail(429, { 'retry-after': '2' });         // the next request only
 *     llm.fail(500);                                 // and the one after that: faults queue up, then answers come again
 *     expect(llm.requests()).toHaveLength(2);
 *     await llm.stop();
 *
 * Faults hit every kind of request: answers, embeddings, and `GET /v1/models/…` with which a key is tested.
 */
export interface LlmServer {
  readonly url: string;
  /** For `OPENAI_BASE_URL`. */
  readonly openaiBaseUrl: string;
  /** For `ANTHROPIC_BASE_URL`. */
  readonly anthropicBaseUrl: string;
  /** What the model says from now on: JSON, a text, or either made from the request. `usage` defaults to 100 tokens in, 20 out. */
  answerWith(answer: LlmAnswer, usage?: { input_tokens: number; output_tokens: number }): void;
  /** The smallest answer that fits a request's schema: what is said without `answerWith`. */
  minimal(request: LlmRequest): unknown;
  /** From now on every request of this kind gets status 400; undefined: none. */
  rejectWhere(condition: ((request: LlmRequest) => boolean) | undefined): void;
  /** The next `times` requests get this status, in the vendor's own error shape with `error`'s code and type. */
  fail(status: number, headers?: Readonly<Record<string, string>>, times?: number, error?: { code?: string; type?: string; message?: string }): void;
  /** The next `times` answers are a sentence instead of JSON. */
  garbage(times?: number): void;
  /** The next request gets exactly this body with status 200: refusals, truncation, malformed JSON. */
  raw(body: unknown): void;
  /** The next request's connection is cut: before any answer, or in the middle of its body. */
  disconnect(when?: 'before-answer' | 'in-body'): void;
  /** The next request gets no answer until `release()`; `arrived` tells when it is there, `aborted` when its client has hung up. */
  hold(): { readonly arrived: Promise<LlmRequest>; readonly aborted: Promise<void>; release(): void };
  /** Every request since the start or the last `reset`, oldest first. */
  requests(): readonly LlmRequest[];
  /** Forgets requests, faults and answers. */
  reset(): void;
  stop(): Promise<void>;
}

export type LlmAnswer = unknown | ((request: LlmRequest) => unknown);

export interface LlmRequest {
  vendor: 'openai' | 'anthropic';
  method: string;
  path: string;
  /** Without the keys. */
  headers: Readonly<Record<string, string>>;
  /** As sent. */
  body: Readonly<Record<string, unknown>>;
  model: string;
  /** The instructions. */
  system: string;
  /** The last user message. */
  user: string;
  /** The JSON schema the answer must fit; undefined for embeddings. */
  schema: Readonly<Record<string, unknown>> | undefined;
  /** When it arrived, in milliseconds since the epoch. */
  at: number;
  /** Undefined while it is not answered. */
  status: number | undefined;
  /** Its client hung up before the answer was whole. */
  aborted: boolean;
}

type Exchange = { request: LlmRequest; text: string; response: ServerResponse };
/** True when the fault has answered; false lets the request go on to the model. */
type Fault = (exchange: Exchange) => boolean | Promise<boolean>;

const NONE_REJECTED = { rejected: undefined as ((request: LlmRequest) => boolean) | undefined };
const DEFAULT_USAGE = { input_tokens: 100, output_tokens: 20 };
const GARBAGE = 'I would rather tell you a story about a fox.';
const SECRET_HEADERS = new Set(['authorization', 'x-api-key']);

export async function startLlm(): Promise<LlmServer> {
  const state = { journal: [] as LlmRequest[], faults: [] as Fault[], answer: minimalAnswer as LlmAnswer, usage: DEFAULT_USAGE, ...NONE_REJECTED };
  const pending = new Map<string, string>();
  const model = await startModel(pending, () => state.usage);

  const forward = async ({ request, text, response }: Exchange, content: string) => {
    const id = randomUUID();
    pending.set(id, content);
    const headers = { 'content-type': 'application/json', 'x-aimock-context': id, authorization: 'Bearer test', 'x-api-key': 'test' };
    const answer = await fetch(model.url + request.path, { method: request.method, headers, body: text });
    pending.delete(id);
    send(request, response, answer.status, await answer.text());
  };
  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const text = await readBody(incoming);
    const request = describe(incoming, text);
    state.journal.push(request);
    response.on('close', () => {
      request.aborted ||= !response.writableFinished;
    });
    const exchange = { request, text, response };
    if (state.rejected?.(request)) {
      failure(400, {}, { message: 'refused' })(exchange);
      return;
    }
    const fault = state.faults.shift();
    if (fault && (await fault(exchange))) return;
    if (request.method === 'GET') sendModel(exchange);
    else
      await forward(exchange, request.schema === undefined ? '' : asText(typeof state.answer === 'function' ? state.answer(request) : state.answer));
  };
  const front = await listen((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });

  const reset = () => Object.assign(state, { journal: [], faults: [], answer: minimalAnswer, usage: DEFAULT_USAGE, ...NONE_REJECTED });
  return {
    url: front.url,
    openaiBaseUrl: `${front.url}/v1`,
    anthropicBaseUrl: front.url,
    answerWith: (answer, usage = DEFAULT_USAGE) => {
      Object.assign(state, { answer, usage });
    },
    minimal: minimalAnswer,
    rejectWhere: (condition) => {
      state.rejected = condition;
    },
    fail: (status, headers = {}, times = 1, error = {}) => {
      for (let count = 0; count < times; count += 1) state.faults.push(failure(status, headers, error));
    },
    garbage: (times = 1) => {
      for (let count = 0; count < times; count += 1) state.faults.push((exchange) => forward(exchange, GARBAGE).then(() => true));
    },
    raw: (body) => {
      state.faults.push(({ request, response }) => send(request, response, 200, asText(body)));
    },
    disconnect: (when = 'before-answer') => {
      state.faults.push(({ response }) => cut(response, when));
    },
    hold: () => {
      const held = holding();
      state.faults.push(held.fault);
      return held.handle;
    },
    requests: () => state.journal,
    reset,
    stop: async () => {
      await front.close();
      await model.stop();
    },
  };
}

/** aimock with one fixture for everything: it says what the front has put down under the request's id. */
async function startModel(pending: ReadonlyMap<string, string>, usage: () => typeof DEFAULT_USAGE): Promise<LLMock> {
  const model = new LLMock({ port: 0, host: '127.0.0.1' });
  model.on({ endpoint: 'chat' }, (request: ChatCompletionRequest) => ({ content: pending.get(request._context ?? '') ?? '', usage: usage() }));
  await model.start();
  return model;
}

async function listen(handler: (incoming: IncomingMessage, response: ServerResponse) => void): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the LLM server has no port');
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${address.port}`, close };
}

function describe(incoming: IncomingMessage, text: string): LlmRequest {
  const path = incoming.url ?? '/';
  const body = text === '' ? {} : asRecord(JSON.parse(text));
  const shown = Object.entries(incoming.headers).filter(([name]) => !SECRET_HEADERS.has(name));
  return {
    vendor: path.startsWith('/v1/messages') ? 'anthropic' : 'openai',
    method: incoming.method ?? 'POST',
    path,
    headers: Object.fromEntries(shown.map(([name, value]) => [name, String(value)])),
    body,
    model: String(body.model),
    system: String(body.instructions ?? body.system ?? ''),
    user: lastUserText(body),
    schema: schemaOf(body),
    at: Date.now(),
    status: undefined,
    aborted: false,
  };
}

function lastUserText(body: Readonly<Record<string, unknown>>): string {
  const turns: unknown = body.messages ?? body.input;
  const users = Array.isArray(turns) ? turns.map(asRecord).filter((turn) => turn.role === 'user') : [];
  return String(users.at(-1)?.content ?? '');
}

function schemaOf(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const format = asRecord(asRecord(body.text ?? body.output_config).format);
  return format.schema === undefined ? undefined : asRecord(format.schema);
}

/** The smallest value that fits the schema: empty lists, nulls where allowed, the first of an enum. */
function minimalAnswer({ schema }: LlmRequest): unknown {
  return minimalValue(schema ?? {});
}

function minimalValue(schema: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (Array.isArray(schema.anyOf)) return minimalValue(asRecord(schema.anyOf.at(-1)));
  if (schema.type === 'object') {
    return Object.fromEntries(Object.entries(asRecord(schema.properties)).map(([name, field]) => [name, minimalValue(asRecord(field))]));
  }
  const values: Readonly<Record<string, unknown>> = { array: [], string: 'text', number: 1, integer: 1, boolean: false, null: null };
  return values[String(schema.type)];
}

function failure(status: number, headers: Readonly<Record<string, string>>, error: { code?: string; type?: string; message?: string }): Fault {
  return ({ request, response }) => {
    const told = { message: 'made to fail', type: 'server_error', ...error };
    const body = request.vendor === 'anthropic' ? { type: 'error', error: told } : { error: { param: null, code: null, ...told } };
    return send(request, response, status, JSON.stringify(body), headers);
  };
}

function cut(response: ServerResponse, when: 'before-answer' | 'in-body'): boolean {
  if (when === 'before-answer') {
    response.socket?.destroy();
    return true;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"id":"resp_1",', () => response.socket?.destroy());
  return true;
}

function holding() {
  const arrived = Promise.withResolvers<LlmRequest>();
  const aborted = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const fault: Fault = async ({ request, response }) => {
    response.on('close', () => {
      if (!response.writableFinished) aborted.resolve();
    });
    arrived.resolve(request);
    await Promise.race([released.promise, aborted.promise]);
    return request.aborted;
  };
  return { fault, handle: { arrived: arrived.promise, aborted: aborted.promise, release: () => released.resolve() } };
}

function send(request: LlmRequest, response: ServerResponse, status: number, body: string, headers: Readonly<Record<string, string>> = {}): true {
  request.status = status;
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  return true;
}

/** aimock lists models but does not describe one. */
function sendModel({ request, response }: Exchange): void {
  const id = /^\/v1\/models\/(.+)$/.exec(request.path)?.[1];
  const body = id ? { id, object: 'model', created: 0, owned_by: 'test' } : { error: { message: 'not found', type: 'not_found', code: null } };
  send(request, response, id ? 200 : 404, JSON.stringify(body));
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
