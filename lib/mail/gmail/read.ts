import type { Clock } from '../../clock.ts';
import { PermanentError } from '../../errors.ts';
import type { MessageRead, Quota } from '../contract.ts';
import { unlessMissing } from './ask.ts';
import { batchOf, outcomeOf, type Part, readPart } from './batch.ts';
import { type Caller, MOST_RENEWALS } from './call.ts';
import type { GmailClient } from './client.ts';
import { refused } from './errors.ts';
import { type Failure, isAccountWide, type LimitNotice } from './failure.ts';
import { boundaryOf, partsOf } from './multipart.ts';
import { USABLE_SHARE } from './pace.ts';
import type { GmailTimings } from './settings.ts';

export interface ReaderDeps {
  call: Caller;
  quota: Quota;
  clock: Pick<Clock, 'now'>;
  timings: GmailTimings;
  signal: AbortSignal;
  /** One message without a batch. */
  readAlone: (id: string) => Promise<MessageRead>;
}

/** Google takes no more parts in one batch. */
const MOST_PARTS = 100;
const METHOD = 'a batch of users.messages.get';

export type Reader = (ids: readonly string[], options?: { left?: number }) => Promise<MessageRead[]>;

/** Reads messages by Google's batch endpoint. `left`: how many are to be read after these. */
export function createReader(deps: ReaderDeps): Reader {
  const { call, quota, timings } = deps;
  // A batch that the bucket can never hold could never be sent.
  const most = Math.max(1, Math.min(MOST_PARTS, Math.floor((quota.units * USABLE_SHARE) / quota.costs.message)));

  const send = (ids: readonly string[], left: number, rejected?: string): Promise<Answer> =>
    call({
      method: METHOD,
      cost: ids.length * quota.costs.message,
      left: left * quota.costs.message,
      timeoutMs: timings.batchTimeoutMs,
      rejected,
      send: (client, signal, token) => exchange(client, ids, token, signal, deps),
      limitIn,
    });

  async function readBatch(ids: readonly string[], left: number): Promise<MessageRead[]> {
    const answer = await send(ids, left);
    if (answer.tooLarge) return ids.length === 1 ? ids.map(tooLarge) : readInPieces(ids, left, Math.ceil(ids.length / 2));
    for (let renewals = 0, { token } = answer; renewals < MOST_RENEWALS; renewals += 1) {
      const expired = placesOf(answer, ({ status }) => status === 401);
      if (expired.length === 0) break;
      const again = await send(pick(ids, expired), left, token);
      for (const [index, place] of expired.entries()) replace(answer, place, again, index);
      token = again.token;
    }
    refuseForAll(answer);
    return answer.reads;
  }

  async function readInPieces(ids: readonly string[], left: number, size: number): Promise<MessageRead[]> {
    const reads: MessageRead[] = [];
    for (let from = 0; from < ids.length; from += size) {
      const piece = ids.slice(from, from + size);
      reads.push(...(await readBatch(piece, left + Math.max(0, ids.length - from - size))));
    }
    return reads;
  }

  /** Servers that only look like Google's may have no batches. */
  let alone = false;
  async function readOneByOne(ids: readonly string[]): Promise<MessageRead[]> {
    const reads: MessageRead[] = [];
    for (const id of ids) reads.push(await deps.readAlone(id));
    return reads;
  }

  return async (ids, { left = 0 } = {}) => {
    if (alone) return readOneByOne(ids);
    const reads = await unlessMissing(readInPieces(ids, left, most));
    if (reads) return reads;
    alone = true;
    return readOneByOne(ids);
  };
}

interface Answer {
  /** One for each id, in their order. */
  reads: MessageRead[];
  failures: (Failure | undefined)[];
  token: string;
  /** Not even one message fitted into what is read of an answer. */
  tooLarge: boolean;
}

/** What arrived before an answer broke off is kept: it was paid for. Throws only where nothing did. */
async function exchange(client: GmailClient, ids: readonly string[], token: string, signal: AbortSignal, deps: ReaderDeps): Promise<Answer> {
  const { contentType, body } = await client.batch(batchOf(ids), signal);
  const answer: Answer = {
    reads: ids.map((id) => ({ state: 'later', id, limited: false })),
    failures: ids.map(() => undefined),
    token,
    tooLarge: false,
  };
  const bytes = bounded(body, deps.timings.maxBytes);
  let parts = 0;
  try {
    for await (const part of partsOf(bytes, boundaryOf(contentType) ?? 'none')) {
      parts += 1;
      take(answer, ids, readPart(part), deps.clock.now());
    }
  } catch (error) {
    deps.signal.throwIfAborted();
    answer.tooLarge = parts === 0 && error instanceof TooLarge;
    if (parts === 0 && !answer.tooLarge) throw error;
  }
  return answer;
}

function take(answer: Answer, ids: readonly string[], part: Part | undefined, now: number): void {
  const place = part?.place;
  const id = place === undefined ? undefined : ids[place];
  if (!part || place === undefined || id === undefined) return;
  const { read, failure } = outcomeOf(id, part, now);
  answer.reads[place] = read;
  answer.failures[place] = failure;
}

/** What no message can be read for is the account's failure, not the messages'. */
function refuseForAll({ reads, failures }: Answer): void {
  const [failure] = failures;
  if (!failure || reads.some(({ state }) => state !== 'refused')) return;
  if (failures.every((one) => one !== undefined && (one.status === 401 || isAccountWide(one)))) throw refused(failure, { method: METHOD });
}

class TooLarge extends PermanentError {}

async function* bounded(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new TooLarge(`An answer of more than ${maxBytes} bytes`);
    yield chunk;
  }
}

const tooLarge = (id: string): MessageRead => ({ state: 'refused', id, status: 200, reason: 'tooLarge' });

/** A few parts too many at once are asked for again by themselves; most of them mean the account. */
function limitIn({ reads }: Answer): LimitNotice | undefined {
  const limited = reads.flatMap((read) => (read.state === 'later' && read.limited ? [read.retryAfterMs ?? 0] : []));
  if (limited.length * 2 <= reads.length) return undefined;
  return { reason: 'rateLimitExceeded', retryAfterMs: Math.max(...limited) || undefined };
}

function placesOf({ failures }: Answer, wanted: (failure: Failure) => boolean): number[] {
  return failures.flatMap((failure, place) => (failure && wanted(failure) ? [place] : []));
}

function pick(ids: readonly string[], places: readonly number[]): string[] {
  return places.flatMap((place) => ids[place] ?? []);
}

function replace(answer: Answer, place: number, by: Answer, index: number): void {
  const read = by.reads[index];
  if (read) answer.reads[place] = read;
  answer.failures[place] = by.failures[index];
}
