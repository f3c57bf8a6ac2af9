import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { JobAbortedError, PermanentError, RateLimitedError, UnavailableError } from '../../lib/errors.ts';
import { retryAfterMs } from '../../lib/provider-failure.ts';
import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import type { Store } from '../../lib/queue/store/types.ts';
import { type CallerDeps, type CallFailure, type CallTimings, createCaller, watched } from '../../lib/sources/calls.ts';
import { answering } from '../mail/gmail/support.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { startRedis } from '../support/redis.ts';

let opening: Promise<() => Promise<Store>> | undefined;

/** A store as another process would open it, on the one Redis of this file. */
async function connect(): Promise<Store> {
  opening ??= (async () => {
    const server = await startRedis();
    atEndOfFile(() => server.stop());
    return async () => {
      const backend = createRedisBackend({ connection: { url: server.url }, role: 'worker', prefix: 'calls' });
      atEndOfFile(() => backend.close());
      await backend.ready(5_000);
      return backend.store;
    };
  })();
  return (await opening)();
}

/** What a provider answers instead of what was asked for. */
class Answer extends Error {
  readonly failure: CallFailure;
  constructor(status: number, changes: Partial<CallFailure> = {}) {
    super('The mail of anna@example.com cannot be shown');
    this.failure = { status, reason: 'someReason', retryAfterMs: undefined, limited: status === 429, ...changes };
  }
}

const limited = (ms?: number) => new Answer(429, { retryAfterMs: ms });

type Changes = Partial<Omit<CallerDeps, 'timings'>> & { timings?: Partial<CallTimings> };
let accounts = 0;

function caller(store: Store, { timings, ...changes }: Changes = {}) {
  accounts += 1;
  return createCaller({
    connectionId: 'anna',
    accounts: { accessToken: async () => 'token' },
    store,
    clock: systemClock,
    signal: new AbortController().signal,
    label: 'Files Inc.',
    limitKey: `account:test:${accounts}`,
    failureOf: (error) => (error instanceof Answer ? error.failure : undefined),
    // A pause that other processes were told of is seen at once.
    timings: { retryMs: 1, lookMs: 0, ...timings },
    random: () => 1,
    ...changes,
  });
}

/** Throws what it is given, one a call; then answers with how often it was sent. */
function script(...errors: (Error | undefined)[]) {
  let sent = 0;
  return {
    method: 'files.list',
    send: async () => {
      const error = errors[sent];
      sent += 1;
      if (error) throw error;
      return sent;
    },
  };
}

it('waits for the end of a short pause and repeats the call', async () => {
  const call = caller(await connect());
  await expect(call(script(limited(20), limited(20)))).resolves.toBe(3);
  expect(call.calls).toBe(3);
});

it('keeps the pause of an account in all processes, and sends nothing meanwhile', async () => {
  const limitKey = 'account:test:shared';
  const [one, other] = [caller(await connect(), { limitKey }), caller(await connect(), { limitKey })];
  await expect(one(script(limited(60_000)))).rejects.toMatchObject({ name: 'RateLimitedError', key: limitKey, retryAfterMs: 60_000 });
  await expect(other(script())).rejects.toBeInstanceOf(RateLimitedError);
  expect(other.calls).toBe(0);
});

it('gives the place of the job to another account when short pauses do not end', async () => {
  const call = caller(await connect(), { timings: { patienceMs: 100 } });
  await expect(call(script(...Array.from({ length: 50 }, () => limited(30))))).rejects.toBeInstanceOf(RateLimitedError);
  expect(call.calls).toBe(4);
});

it('takes the refusals of calls that were under way together for one limit, and doubles the pause only when it goes on', async () => {
  const store = await connect();
  const pauses: number[] = [];
  const watching: Store = {
    ...store,
    limit: (key, until) => {
      pauses.push(until - Date.now());
      return store.limit(key, until);
    },
  };
  const call = caller(watching, { timings: { limitMs: 200, patienceMs: 5_000 } });
  const together = Promise.withResolvers<void>();
  let waiting = 0;
  const atOnce = async () => {
    const refusals = script(limited());
    await call({
      method: 'files.list',
      send: async () => {
        waiting += 1;
        if (waiting === 3) together.resolve();
        await together.promise;
        return refusals.send();
      },
    });
  };
  await Promise.all([atOnce(), atOnce(), atOnce()]);
  expect(pauses).toHaveLength(3);
  for (const pause of pauses) expect(pause).toBeLessThanOrEqual(200);
  await call(script(limited(), limited()));
  expect(pauses.slice(3).map((pause) => Math.round(pause / 100))).toEqual([2, 4]);
});

it('repeats what broke off or failed at the provider, and tells in the end that it is away', async () => {
  const store = await connect();
  const gone = Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('anna.example'), { code: 'ECONNRESET' }) });
  await expect(caller(store)(script(new Answer(500), gone, new Answer(408)))).resolves.toBe(4);
  const failing = caller(store, { timings: { retries: 2 } });
  const error = await failing(script(...Array.from({ length: 9 }, () => new Answer(502)))).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UnavailableError);
  expect(String(error)).toContain('Files Inc. is failing (files.list, status 502, someReason)');
  expect(failing.calls).toBe(3);
  const broken = await caller(store, { timings: { retries: 0 } })(script(gone)).catch((thrown: unknown) => thrown);
  expect(String(broken)).toContain('(files.list, ECONNRESET)');
  expect(String(broken)).not.toContain('anna');
});

it('does not repeat a refusal, and tells what mends it without the words of the provider', async () => {
  const store = await connect();
  const refused = await caller(store)({ ...script(new Answer(404)), fields: ['folder'] }).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ code: 'invalid_request', details: { method: 'files.list', status: 404, reason: 'someReason' } });
  expect(String(refused)).toContain('check `folder` of the source');
  const advised = caller(store, { advice: ({ status }) => (status === 403 ? 'connect again' : undefined) });
  const forbidden = await advised(script(new Answer(403))).catch((thrown: unknown) => thrown);
  expect(forbidden).toMatchObject({ code: 'forbidden' });
  expect(String(forbidden)).toContain('connect again');
  expect(`${refused}${forbidden}`).not.toContain('anna');
  expect(advised.calls).toBe(1);
});

it('asks for another token twice at most, naming the one that was refused', async () => {
  const asked: (string | undefined)[] = [];
  const tokens: CallerDeps['accounts'] = {
    accessToken: async (_, options) => {
      asked.push(options?.rejected);
      return `token ${asked.length}`;
    },
  };
  const store = await connect();
  await expect(caller(store, { accounts: tokens })(script(new Answer(401)))).resolves.toBe(2);
  expect(asked).toEqual([undefined, 'token 1']);
  asked.length = 0;
  const refused = script(...Array.from({ length: 9 }, () => new Answer(401)));
  await expect(caller(store, { accounts: tokens })(refused)).rejects.toMatchObject({ code: 'forbidden' });
  expect(asked).toEqual([undefined, 'token 1', 'token 2']);
});

it('keeps within the slots of an account over two processes, and gives each back', async () => {
  const shared = { limitKey: 'account:test:slots', slots: 2 };
  const callers = [caller(await connect(), shared), caller(await connect(), shared)];
  let underWay = 0;
  let most = 0;
  const send = async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise(setImmediate);
    underWay -= 1;
    throw new Answer(404);
  };
  const ended = await Promise.allSettled(callers.flatMap((call) => Array.from({ length: 5 }, () => call({ method: 'mail.get', send }))));
  expect(ended.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 'rejected'));
  expect(most).toBe(2);
});

it('lets a call that waited for a slot heed the pause that began meanwhile', async () => {
  const call = caller(await connect(), { slots: 1, timings: { patienceMs: 200, lookMs: 60_000 } });
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const first = call({
    method: 'mail.get',
    send: async () => {
      begun.resolve();
      await answer.promise;
      throw limited(60_000);
    },
  });
  await begun.promise;
  const second = call(script());
  answer.resolve();
  await expect(first).rejects.toBeInstanceOf(RateLimitedError);
  await expect(second).rejects.toBeInstanceOf(RateLimitedError);
  expect(call.calls).toBe(1);
});

it('ends a call that gets no answer, and tells so', async () => {
  const call = caller(await connect(), { timings: { timeoutMs: 20, retries: 1 } });
  const never = (_: string, signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  await expect(call({ method: 'files.list', send: never })).rejects.toThrow('Files Inc. did not answer files.list within 20 ms');
  expect(call.calls).toBe(2);
});

it('ends with the job, wherever it waits, and leaves nothing behind on its signal', async () => {
  const store = await connect();
  const aborted = new JobAbortedError('cancelled', 'cancelled by Bo');
  const controller = new AbortController();
  const { signal } = controller;
  const call = caller(store, { signal, timings: { patienceMs: 60_000 } });
  await Promise.all(Array.from({ length: 30 }, () => call(script(new Answer(500)))));
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);

  const begun = Promise.withResolvers<void>();
  const inCall = call({
    method: 'files.list',
    send: (_, ends) =>
      new Promise<never>((_resolve, reject) => {
        ends.addEventListener('abort', () => reject(new TypeError('terminated')), { once: true });
        begun.resolve();
      }),
  });
  const paused = caller(store, { signal, timings: { patienceMs: 60_000 } })(script(limited(30_000)));
  await begun.promise;
  controller.abort(aborted);
  await expect(inCall).rejects.toBe(aborted);
  await expect(paused).rejects.toBe(aborted);
  await expect(call(script())).rejects.toBe(aborted);
});

it('passes on what the sender has judged itself', async () => {
  const judged = new PermanentError('elsewhere', { code: 'foreign_link' });
  const call = caller(await connect());
  await expect(call(script(judged))).rejects.toBe(judged);
  expect(call.calls).toBe(1);
});

const NOW = Date.UTC(2026, 10, 22, 8);

it.each<[string | null, number | undefined]>([
  ['2', 2_000],
  ['0', 100],
  ['1.5', 1_500],
  [new Date(NOW + 5_000).toUTCString(), 5_000],
  [new Date(NOW - 5_000).toUTCString(), 100],
  ['99999999', 86_400_000],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
])('reads Retry-After %j as %j ms', (header, expected) => {
  expect(retryAfterMs(header, NOW)).toBe(expected);
});

function bodyOf({ body }: Response): AsyncIterable<Uint8Array> {
  if (!body) throw new Error('no body');
  return body;
}

const signalOf = () => new AbortController().signal;

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString();
}

it('ends a stream that stands still, and lets go of its connection', async () => {
  const server = await answering((_, response) => response.writeHead(200, { 'content-length': '1000' }).write('begun'));
  const connection = new AbortController();
  const response = await fetch(server.url, { signal: connection.signal });
  const chunks = watched(bodyOf(response), { label: 'Files Inc.', idleMs: 20, signal: signalOf(), end: () => connection.abort() });
  await expect(readAll(chunks)).rejects.toThrow('Files Inc. sent nothing of a file for 20 ms');
  expect(connection.signal.aborted).toBe(true);
});

it('does not wait for the end of a stream that does not end', async () => {
  async function* stuck(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('begun');
    await new Promise(() => undefined);
  }
  await expect(readAll(watched(stuck(), { label: 'Files Inc.', idleMs: 10, signal: signalOf() }))).rejects.toBeInstanceOf(UnavailableError);
});

it('tells of a stream that breaks off that it may be read again', async () => {
  const server = await answering((_, response) => response.writeHead(200, { 'content-length': '1000' }).write('begun', () => response.destroy()));
  const response = await fetch(server.url);
  await expect(readAll(watched(bodyOf(response), { label: 'Files Inc.', signal: signalOf() }))).rejects.toMatchObject({ code: 'unavailable' });
});

it('ends a stream with the job', async () => {
  const server = await answering((_, response) => response.writeHead(200).write('begun'));
  const response = await fetch(server.url);
  const controller = new AbortController();
  const aborted = new JobAbortedError('shutdown', 'going down');
  const chunks = watched(bodyOf(response), { label: 'Files Inc.', signal: controller.signal });
  expect(Buffer.from((await chunks.next()).value ?? []).toString()).toBe('begun');
  const next = chunks.next();
  controller.abort(aborted);
  await expect(next).rejects.toBe(aborted);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});
