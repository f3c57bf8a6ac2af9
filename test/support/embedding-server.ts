import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * OpenAI's embeddings API for tests that count: `POST /v1/embeddings` as documented, with the vendor's limits, over real HTTP. Vectors are made from the
 * text, so that equal texts have equal ones. (`test/support/llm.ts` answers embeddings too, but cannot count, delay or refuse them.)
 *
 *     const server = await startEmbeddingServer({ latencyMs: 300 });
 *     // OPENAI_BASE_URL=server.baseUrl
 *     server.next(status(429, { 'retry-after': '2' }));   // what becomes of the next request; the ones after are answered
 *     server.gate(4);                                     // nobody is answered before four requests are there at the same time
 */
export interface EmbeddingServer {
  readonly baseUrl: string;
  /** Every request that came, oldest first. */
  requests(): readonly EmbeddingRequest[];
  /** Texts of all requests that were answered with vectors, oldest first. */
  answered(): string[];
  /** The largest number of requests that were there at the same time. */
  mostAtOnce(): number;
  next(...faults: Fault[]): void;
  gate(size: number): void;
  reset(): void;
  stop(): Promise<void>;
}

export interface EmbeddingRequest {
  texts: readonly string[];
  /** `base64` or `float`. */
  format: string;
  /** Undefined while it is not answered, and when it was cut. */
  status: number | undefined;
}

/** Instead of the answer; it gets what the answer would have been. */
export type Fault = (response: ServerResponse, answer: EmbeddingAnswer) => void;
export interface EmbeddingAnswer {
  object: 'list';
  model: string;
  data: { object: 'embedding'; index: number; embedding: number[] | string }[];
  usage: { prompt_tokens: number; total_tokens: number };
}

export const DIMENSIONS = 16;
const MOST_INPUTS = 2_048;
const MOST_TOKENS_OF_INPUT = 8_192;
const MOST_TOKENS = 300_000;

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, error: { code?: string; type?: string } = {}): Fault =>
  (response) =>
    sendError(response, code, error, headers);

export const cut: Fault = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100000' });
  response.write('{"object":"list","data":[', () => response.socket?.destroy());
};

/** The answer, changed. */
export const changed =
  (change: (data: EmbeddingAnswer['data']) => unknown): Fault =>
  (response, answer) =>
    send(response, 200, { ...answer, data: change(answer.data) });

export async function startEmbeddingServer({ latencyMs = 0, tokensOf = countTokens, dimensions = DIMENSIONS } = {}): Promise<EmbeddingServer> {
  const state = { requests: [] as EmbeddingRequest[], faults: [] as Fault[], here: 0, most: 0, gate: createGate(0) };

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    state.here += 1;
    state.most = Math.max(state.most, state.here);
    response.once('close', () => {
      state.here -= 1;
    });
    const body = await readJson(incoming);
    const request: EmbeddingRequest = { texts: textsOf(body.input), format: String(body.encoding_format), status: undefined };
    state.requests.push(request);
    const fault = state.faults.shift();
    await state.gate.pass();
    if (latencyMs > 0) await pause(latencyMs);
    const refusal = refusalOf(request.texts, tokensOf);
    const answer = answerTo(request, String(body.model), tokensOf, dimensions);
    if (fault) fault(response, answer);
    else if (refusal) sendError(response, 400, refusal);
    else send(response, 200, answer);
    request.status = response.socket?.destroyed ? undefined : response.statusCode;
    if (fault === cut) request.status = undefined;
  };
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the embedding server has no port');

  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    requests: () => state.requests,
    answered: () => state.requests.filter((request) => request.status === 200).flatMap(({ texts }) => texts),
    mostAtOnce: () => state.most,
    next: (...faults) => {
      state.faults.push(...faults);
    },
    gate: (size) => {
      state.gate = createGate(size);
    },
    reset: () => {
      Object.assign(state, { requests: [], faults: [], most: 0, gate: createGate(0) });
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Opens for good when `size` have come. */
function createGate(size: number): { pass(): Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  return {
    pass: () => {
      waiting += 1;
      if (waiting >= size) resolve();
      return promise;
    },
  };
}

const countTokens = (text: string): number => Math.ceil(text.length / 4);

/** In the vendor's words. */
function refusalOf(texts: readonly string[], tokensOf: (text: string) => number): { code: string; type: string } | undefined {
  const invalid = 'invalid_request_error';
  if (texts.length === 0 || texts.includes('')) return { code: 'invalid_input', type: invalid };
  if (texts.length > MOST_INPUTS) return { code: 'array_above_max_length', type: invalid };
  if (texts.some((text) => tokensOf(text) > MOST_TOKENS_OF_INPUT)) return { code: 'context_length_exceeded', type: invalid };
  if (sum(texts, tokensOf) > MOST_TOKENS) return { code: 'max_tokens_per_request', type: 'max_tokens_per_request' };
  return undefined;
}

function answerTo({ texts, format }: EmbeddingRequest, model: string, tokensOf: (text: string) => number, dimensions: number): EmbeddingAnswer {
  const tokens = sum(texts, tokensOf);
  const embed = (text: string) => (format === 'base64' ? base64Of(vectorOf(text, dimensions)) : [...vectorOf(text, dimensions)]);
  return {
    object: 'list',
    model,
    data: texts.map((text, index) => ({ object: 'embedding', index, embedding: embed(text) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/** Unit length, as the vendor's; the same for the same text. */
export function vectorOf(text: string, dimensions = DIMENSIONS): Float32Array {
  const digest = (part: number) =>
    createHash('sha256')
      .update(part === 0 ? text : `${part} ${text}`)
      .digest();
  const bytes = Buffer.concat(Array.from({ length: Math.ceil(dimensions / BYTES_OF_DIGEST) }, (_, part) => digest(part)));
  const values = Array.from(bytes.subarray(0, dimensions), (byte) => byte - 127.5);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(values, (value) => value / norm);
}

const BYTES_OF_DIGEST = 32;

export const base64Of = (vector: Float32Array): string => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');

function sendError(response: ServerResponse, code: number, error: { code?: string; type?: string }, headers: Readonly<Record<string, string>> = {}) {
  send(response, code, { error: { message: 'made to fail', type: 'server_error', param: null, code: null, ...error } }, headers);
}

function send(response: ServerResponse, code: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

async function readJson(incoming: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  return typeof body === 'object' && body !== null ? { ...body } : {};
}

const textsOf = (input: unknown): string[] => (Array.isArray(input) ? input.map(String) : [String(input)]);

const sum = (texts: readonly string[], tokensOf: (text: string) => number): number => texts.reduce((total, text) => total + tokensOf(text), 0);
