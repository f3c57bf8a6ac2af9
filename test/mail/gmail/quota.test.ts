import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RateLimitedError } from '../../../lib/errors.ts';
import type { Quota } from '../../../lib/mail/contract.ts';
import { pauseFor } from '../../../lib/mail/gmail/pace.ts';
import { quotaOf } from '../../../lib/mail/gmail/quota.ts';
import { accountKey } from '../../../lib/mail/gmail/settings.ts';
import type { Store } from '../../../lib/queue/store/types.ts';
import { createFakeClock } from '../../support/clock.ts';
import { withGoogle } from '../../support/google.ts';
import { ANNA, accountsOf, answering, type Backend, backends, type Changes, mails, openMailbox } from './support.ts';

const BOB = 'bob@example.com';
const { costs } = quotaOf('2026');

/** The quota of 2026 in other numbers, on both sides. */
async function limitedTo(units: number, perMs: number, count: number) {
  const quota: Quota = { units, perMs, costs };
  const google = await withGoogle({ accounts: { [ANNA]: mails(count), [BOB]: mails(count) }, quota: { units, perMs } });
  const idsOf = (email: string) => google.mailbox(email).mails.map(({ id }) => id);
  const open = (email: string, changes: Changes) => openMailbox(google.url, accountsOf(google, email), { quota, ...changes });
  return { google, quota, open, ids: idsOf(ANNA), idsOf };
}

describe('the quota of an account', () => {
  it('is Google’s of 2026 or the older one', () => {
    expect(quotaOf('2026')).toMatchObject({ units: 6_000, perMs: 60_000, costs: { list: 5, message: 20, history: 2, profile: 1, watch: 100 } });
    expect(quotaOf('older')).toMatchObject({ units: 15_000, perMs: 60_000, costs: { list: 5, message: 5 } });
  });
});

describe.each(Object.entries(backends))('the quota of an account, kept on %s,', (_, start) => {
  let backend: Backend;
  let store: Store;
  beforeAll(async () => {
    backend = await start();
    store = await backend.connect();
  }, 60_000);
  afterAll(() => backend.close());

  it('is kept by two processes that read at the same time', async () => {
    const { google, open, ids } = await limitedTo(6_000, 30_000, 310);
    const connectionId = randomUUID();
    const stores = [store, await backend.connect()];
    const mailboxes = stores.map((shared) => open(ANNA, { store: shared, connectionId, timings: { patienceMs: 20_000 } }));
    const halves = [ids.slice(0, 155), ids.slice(155)];
    const reads = await Promise.all(
      mailboxes.map(async (mailbox, index) => {
        const half = halves[index] ?? [];
        const states = [];
        for (let from = 0; from < half.length; from += 20) states.push(...(await mailbox.read(half.slice(from, from + 20))));
        return states;
      }),
    );
    expect(reads.flat().every(({ state }) => state === 'read')).toBe(true);
    expect(google.quota.total(ANNA)).toEqual({ units: 6_200, refused: 0 });
    expect(mailboxes.map(({ spent }) => spent.units)).toEqual([3_100, 3_100]);
  });

  it('that is further away gives the place to others, for as long as it pays and no longer', async () => {
    const { google, open, ids } = await limitedTo(1_000, 1_000_000, 60);
    const mailbox = open(ANNA, { store, connectionId: randomUUID() });
    await mailbox.read(ids.slice(0, 49));
    const waitWith = async (left?: number) => {
      const error: unknown = await mailbox.read(ids.slice(0, 10), left === undefined ? {} : { left }).catch((reason: unknown) => reason);
      if (!(error instanceof RateLimitedError)) throw error;
      return Math.round(error.retryAfterMs / 10_000);
    };
    // In tens of seconds: 200 units of which none is there, one a second; a message more is 20 s more, up to half a bucket.
    expect(await waitWith()).toBe(20);
    expect(await waitWith(5)).toBe(30);
    expect(await waitWith(24)).toBe(68);
    expect(await waitWith(10_000)).toBe(69);
    expect(google.requests.counts.batch).toBe(1);
    expect(mailbox.spent.calls).toBe(1);
  });

  it('lets a batch through that is larger than all of it, in pieces', async () => {
    const { google, open, ids } = await limitedTo(200, 4_000, 10);
    const reads = await open(ANNA, { store, connectionId: randomUUID() }).read(ids);
    expect(reads.map(({ id, state }) => state === 'read' && id)).toEqual(ids);
    expect(google.requests.counts.batch).toBe(2);
    expect(google.quota.total(ANNA).refused).toBe(0);
  });

  it('and a pause of it leave other accounts alone', async () => {
    const { google, open, ids, idsOf } = await limitedTo(1_000, 100_000, 20);
    const [anna, bob] = [randomUUID(), randomUUID()];
    google.faults.failNext(429, { retryAfterSeconds: 60 });
    const limited = open(ANNA, { store, connectionId: anna });
    await expect(limited.list({ limit: 1 })).rejects.toBeInstanceOf(RateLimitedError);
    // Another process heeds it without a call; the time is Google's, less what has gone by.
    const error: unknown = await open(ANNA, { store: await backend.connect(), connectionId: anna })
      .read(ids)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ key: accountKey(anna) });
    expect((error as RateLimitedError).retryAfterMs).toBeGreaterThan(30_000);
    expect((error as RateLimitedError).retryAfterMs).toBeLessThanOrEqual(60_000);
    const reads = await open(BOB, { store, connectionId: bob }).read(idsOf(BOB));
    expect(reads.every(({ state }) => state === 'read')).toBe(true);
    expect(google.requests.counts).toMatchObject({ list: 1, batch: 1 });
  });

  it('is no longer waited for when the job is aborted', async () => {
    const { google, open, ids } = await limitedTo(1_000, 100_000, 60);
    const controller = new AbortController();
    const mailbox = open(ANNA, {
      store,
      connectionId: randomUUID(),
      signal: controller.signal,
      timings: { patienceMs: 60_000 },
      pause: (milliseconds, signal) => {
        controller.abort(new Error('cancelled'));
        return pauseFor(milliseconds, signal);
      },
    });
    await mailbox.read(ids.slice(0, 49));
    await expect(mailbox.read(ids.slice(0, 10))).rejects.toThrow('cancelled');
    expect(google.requests.counts.batch).toBe(1);
  });
});

describe('a call', () => {
  /** A bucket that says when to come back, each time it is asked; then it gives. */
  async function callWith(waits: number[], { limitedMs = 0 } = {}) {
    const google = await withGoogle({ accounts: { [ANNA]: mails(1) } });
    const clock = createFakeClock();
    const until = clock.now() + limitedMs;
    const pauses: number[] = [];
    const mailbox = openMailbox(google.url, accountsOf(google), {
      clock,
      store: {
        limitedUntil: async () => (until > clock.now() ? until : 0),
        limit: async () => undefined,
        takeTokens: async () => {
          const waitMs = waits.shift();
          return waitMs === undefined ? { taken: true } : { taken: false, waitMs };
        },
      },
      pause: async (milliseconds) => {
        pauses.push(milliseconds);
        clock.advance(milliseconds);
      },
    });
    const outcome = await mailbox.list({ limit: 1 }).then(
      ({ ids }) => ids.length,
      (error: unknown) => (error instanceof RateLimitedError ? error : Promise.reject(error)),
    );
    return { outcome, pauses, sent: google.requests.counts.list };
  }

  it.each([
    ['for the quota, asked again when it should be there', [1_000, 1_900], {}, [1_000, 1_900]],
    ['for a pause of the account to end', [], { limitedMs: 2_500 }, [2_500]],
    ['for both', [400], { limitedMs: 2_500 }, [2_500, 400]],
  ])('waits %s', async (_, waits, limit, expected) => {
    const { outcome, pauses, sent } = await callWith(waits, limit);
    expect({ outcome, pauses, sent }).toEqual({ outcome: 1, pauses: expected, sent: 1 });
  });

  it.each([
    ['at once', [3_001], {}, [], 3_001],
    ['when it takes longer than it said', [2_000, 1_500], {}, [2_000], 1_500],
    ['for a pause of the account', [], { limitedMs: 8_000 }, [], 8_000],
  ])('gives its place up beyond its patience: %s', async (_, waits, limit, expected, retryAfterMs) => {
    const { outcome, pauses, sent } = await callWith(waits, limit);
    expect(outcome).toMatchObject({ key: 'account:gmail:anna', retryAfterMs });
    expect({ pauses, sent }).toEqual({ pauses: expected, sent: 0 });
  });
});

describe('a limit', () => {
  const clock = { now: () => Date.parse('2026-11-22T08:00:00Z'), monotonic: () => 0 };
  /** Pauses until the mailbox is asked again are forgotten at once. */
  const store: Changes['store'] = { limitedUntil: async () => 0, limit: async () => undefined, takeTokens: async () => ({ taken: true }) };

  it('with a date is kept until then', async () => {
    const server = await answering((_, response) => {
      response.writeHead(429, { 'retry-after': 'Sun, 22 Nov 2026 08:00:45 GMT' }).end();
    });
    const mailbox = openMailbox(server.url, { accessToken: async () => 'token' }, { store, clock });
    await expect(mailbox.list({ limit: 1 })).rejects.toMatchObject({ retryAfterMs: 45_000 });
  });

  it('without a time lasts twice as long each time, up to a minute, until a call goes through', async () => {
    const google = await withGoogle({ accounts: { [ANNA]: mails(3) } });
    const mailbox = openMailbox(google.url, accountsOf(google), { store, clock, random: () => 1 });
    const wait = async () => {
      google.faults.failNext(403, { reason: 'userRateLimitExceeded' });
      const error: unknown = await mailbox.list({ limit: 1 }).catch((reason: unknown) => reason);
      return error instanceof RateLimitedError ? error.retryAfterMs : error;
    };
    const waits = [];
    for (let n = 0; n < 8; n += 1) waits.push(await wait());
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    await mailbox.list({ limit: 1 });
    expect(await wait()).toBe(1_000);
  });

  it('of most parts of a batch is one of the account; of a few it is theirs', async () => {
    const google = await withGoogle({ accounts: { [ANNA]: mails(10) } });
    const ids = google.mailbox(ANNA).mails.map(({ id }) => id);
    const limits: number[] = [];
    const counted = { ...store, limit: async (_: string, until: number) => void limits.push(until - clock.now()) };
    const mailbox = openMailbox(google.url, accountsOf(google), { store: counted, clock });
    google.faults.failParts({ which: ids.slice(0, 5), status: 429, retryAfterSeconds: 9 });
    await mailbox.read(ids);
    expect(limits).toEqual([]);
    google.faults.failParts({ which: ids.slice(5, 6), status: 429, retryAfterSeconds: 5 });
    const reads = await mailbox.read(ids);
    expect(reads.filter(({ state }) => state === 'later')).toHaveLength(6);
    expect(limits).toEqual([9_000]);
  });
});
