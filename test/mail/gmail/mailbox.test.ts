import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { GoogleOptions } from '../../../demo/stand-ins/google/server.ts';
import { PermanentError, RateLimitedError, UnavailableError } from '../../../lib/errors.ts';
import type { Mailbox } from '../../../lib/mail/contract.ts';
import { withGoogle } from '../../support/google.ts';
import { freePort } from '../../support/port.ts';
import { ANNA, accountsOf, answering, type Changes, mail, mails, openMailbox } from './support.ts';

async function open(count: number, { google: options, ...changes }: Changes & { google?: GoogleOptions } = {}) {
  const google = await withGoogle({ accounts: { [ANNA]: mails(count) }, ...options });
  const accounts = accountsOf(google);
  return { google, accounts, box: google.mailbox(ANNA), mailbox: openMailbox(google.url, accounts, changes) };
}

const idsOf = ({ mails }: { mails: readonly { id: string }[] }) => mails.map(({ id }) => id);

describe('a mailbox at Gmail', () => {
  it('says how far it has come', async () => {
    const { mailbox, box } = await open(3);
    expect(await mailbox.profile()).toEqual({ email: ANNA, historyId: box.historyId.toString() });
  });

  it('is listed page by page, newest first, by query and labels', async () => {
    const { mailbox, box } = await open(7);
    const first = await mailbox.list({ limit: 5 });
    const second = await mailbox.list({ limit: 5, ...(first.nextPageToken ? { pageToken: first.nextPageToken } : {}) });
    expect([...first.ids, ...second.ids]).toEqual(idsOf(box));
    expect(second.nextPageToken).toBeUndefined();
    box.relabel(box.mails[2]?.id ?? '', { add: ['STARRED'] });
    expect((await mailbox.list({ limit: 5, labelIds: ['INBOX', 'STARRED'] })).ids).toEqual([box.mails[2]?.id]);
    expect((await mailbox.list({ limit: 5, query: 'subject:"Mail 4"' })).ids).toEqual([box.mails[2]?.id]);
  });

  it('is listed to the limit, also where the server gives more', async () => {
    const server = await answering((_, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ messages: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] }));
    });
    const mailbox = openMailbox(server.url, { accessToken: async () => 'token' });
    expect((await mailbox.list({ limit: 2 })).ids).toEqual(['a', 'b']);
  });

  it('is read in one request for many messages, in the order they were asked for', async () => {
    const { google, mailbox, box } = await open(50);
    const ids = idsOf(box).reverse();
    const reads = await mailbox.read(ids);
    expect(reads.map((read) => read.state === 'read' && read.message.id)).toEqual(ids);
    expect(reads[0]).toMatchObject({ state: 'read', message: { payload: { mimeType: 'text/plain' }, labelIds: ['INBOX'] } });
    expect(google.requests.counts).toMatchObject({ batch: 1, batchParts: 50 });
    expect(mailbox.spent).toEqual({ units: 1_000, calls: 1 });
    expect(await mailbox.read([])).toEqual([]);
  });

  it('is followed: what came, what is gone, which labels changed', async () => {
    const { mailbox, box } = await open(4);
    const since = box.historyId.toString();
    const [first = '', second = ''] = idsOf(box);
    const came = box.deliver(mail(9));
    box.delete(box.deliver(mail(10)));
    box.delete(first);
    box.relabel(second, { add: ['STARRED'], remove: ['INBOX'] });
    const page = await mailbox.history({ since });
    expect(page).toMatchObject({ added: [came], labels: [{ id: second, added: ['STARRED'], removed: ['INBOX'] }] });
    expect(page?.deleted).toContain(first);
    expect(page?.historyId).toBe(box.historyId.toString());
    expect(await mailbox.history({ since: page?.historyId ?? '' })).toEqual({
      added: [],
      deleted: [],
      labels: [],
      labelsNow: new Map(),
      historyId: box.historyId.toString(),
    });
  });

  it('cannot be followed from a history id that Google has forgotten', async () => {
    const { mailbox, box } = await open(1);
    const since = box.historyId.toString();
    box.forgetHistory();
    expect(await mailbox.history({ since })).toBeUndefined();
  });

  it('is watched until a time that Google names', async () => {
    const { mailbox, box } = await open(1);
    const watch = await mailbox.watch('projects/p/topics/t');
    expect(watch.historyId).toBe(box.historyId.toString());
    expect(new Date(watch.expiresAt).toISOString()).toBe(watch.expiresAt);
    await expect(mailbox.watch('nonsense')).rejects.toThrow(/GOOGLE_PUBSUB_TOPIC/);
  });
});

describe('the parts of a batch', () => {
  it('fail one by one: put off, gone, or refused for good', async () => {
    const { google, mailbox, box } = await open(10);
    const ids = idsOf(box);
    const one = (place: number) => [ids[place] ?? ''];
    google.faults.failParts({ which: one(1), status: 429, retryAfterSeconds: 7 });
    google.faults.failParts({ which: one(2), status: 403, reason: 'userRateLimitExceeded' });
    google.faults.failParts({ which: one(3), status: 500 });
    google.faults.failParts({ which: one(4), status: 400, reason: 'failedPrecondition' });
    box.delete(ids[5] ?? '');
    const reads = await mailbox.read(ids);
    expect(reads.map(({ state }) => state)).toEqual(['read', 'later', 'later', 'later', 'refused', 'gone', 'read', 'read', 'read', 'read']);
    expect(reads.slice(1, 5)).toEqual([
      { state: 'later', id: ids[1], limited: true, retryAfterMs: 7_000 },
      { state: 'later', id: ids[2], limited: true },
      { state: 'later', id: ids[3], limited: false },
      { state: 'refused', id: ids[4], status: 400, reason: 'failedPrecondition' },
    ]);
  });

  it('come through when those that were put off are asked for again', async () => {
    const { google, mailbox, box } = await open(60);
    google.faults.failParts({ which: 0.1, status: 429 });
    google.faults.failParts({ which: 0.1, status: 500 });
    const read = new Set<string>();
    let missing = idsOf(box);
    for (let round = 0; missing.length > 0 && round < 20; round += 1) {
      const reads = await mailbox.read(missing);
      for (const one of reads) if (one.state === 'read') read.add(one.id);
      missing = reads.filter(({ state }) => state === 'later').map(({ id }) => id);
    }
    expect([...read].sort()).toEqual(idsOf(box).sort());
  });

  it('are kept where the answer is cut in the middle, and the rest is put off', async () => {
    const { google, mailbox, box } = await open(20);
    google.faults.shuffle = false;
    google.faults.cutNext();
    const states = (await mailbox.read(idsOf(box))).map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(['read', 'later']));
    expect(google.requests.counts.batch).toBe(1);
  });

  it.each([
    ['an HTML page', 'text/html', '<html>Sorry</html>'],
    ['nothing', 'multipart/mixed; boundary=x', ''],
    [
      'parts that are no JSON or of other messages',
      'multipart/mixed; boundary=x',
      '--x\nContent-ID: <response-item-0>\n\nHTTP/1.1 200 OK\n\n{"id":\n--x\nContent-ID: <response-item-1>\n\nHTTP/1.1 200 OK\n\n{"id":"a"}\n--x\nContent-ID: <response-item-9>\n\nHTTP/1.1 404 Not Found\n\n--x--',
    ],
  ])('are put off where the answer is %s', async (_, type, body) => {
    const server = await answering((_request, response) => response.setHeader('content-type', type).end(body));
    const mailbox = openMailbox(server.url, { accessToken: async () => 'token' });
    expect(await mailbox.read(['a', 'b'])).toEqual([
      { state: 'later', id: 'a', limited: false },
      { state: 'later', id: 'b', limited: false },
    ]);
  });

  it('may come compressed, also when they are cut', async () => {
    const part = (place: number, id: string) =>
      `--x\nContent-ID: <response-item-${place}>\n\nHTTP/1.1 200 OK\n\n{"id":"${id}","snippet":"${randomUUID()}"}\n`;
    const bytes = gzipSync(`${part(0, 'a')}${part(1, 'b')}--x--`);
    const lengths = [bytes.length, Math.floor(bytes.length * 0.75)];
    const server = await answering((_, response) => {
      response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=x', 'content-encoding': 'gzip', 'content-length': bytes.length });
      response.write(bytes.subarray(0, lengths.shift()), () => response.destroy());
    });
    const mailbox = openMailbox(server.url, { accessToken: async () => 'token' }, { timings: { retries: 0 } });
    expect((await mailbox.read(['a', 'b'])).map(({ state }) => state)).toEqual(['read', 'read']);
    const cut = await mailbox.read(['a', 'b']).catch((error: unknown) => error);
    if (!(cut instanceof UnavailableError)) expect(cut).toEqual([expect.anything(), { state: 'later', id: 'b', limited: false }]);
  });

  it('are asked for in smaller batches where an answer is too large, and refused where one alone is', async () => {
    const { google, mailbox, box } = await open(7, {
      google: { accounts: { [ANNA]: [...mails(6), mail(6, 'long '.repeat(20_000))] } },
      timings: { maxBytes: 20_000 },
    });
    google.faults.shuffle = false;
    const [large = '', ...others] = idsOf(box);
    expect(await mailbox.read([large])).toEqual([{ state: 'refused', id: large, status: 200, reason: 'tooLarge' }]);
    const reads = await mailbox.read([large, ...others]);
    expect(reads.map(({ state }) => state)).toEqual(['refused', 'read', 'read', 'read', 'read', 'read', 'read']);
  });
});

describe('a token that Google refuses', () => {
  it.each([
    ['in each part', {}],
    ['for the batch as a whole', { refusesWholeBatch: true }],
  ])('%s is renewed once, and the messages are read', async (_, options) => {
    const { google, accounts, mailbox, box } = await open(5, { google: { accounts: { [ANNA]: mails(5) }, ...options } });
    await mailbox.list({ limit: 5 });
    google.expireTokens();
    const reads = await mailbox.read(idsOf(box));
    expect(reads.map(({ state }) => state)).toEqual(['read', 'read', 'read', 'read', 'read']);
    google.expireTokens();
    expect((await mailbox.list({ limit: 5 })).ids).toHaveLength(5);
    expect(accounts.rejected).toHaveLength(2);
  });

  it('again and again right after it was renewed is for the user to mend', async () => {
    const { google } = await open(1);
    const mailbox = openMailbox(google.url, { accessToken: async () => 'wrong' });
    const ended = expect.objectContaining({ code: 'forbidden', retryable: false, message: expect.stringMatching(/connect the account again/) });
    await expect(mailbox.list({ limit: 1 })).rejects.toEqual(ended);
    await expect(mailbox.read(['a', 'b'])).rejects.toEqual(ended);
    expect(google.requests.counts).toMatchObject({ list: 3, batch: 3 });
  });

  it('ends the call with what renewing it says', async () => {
    const { google } = await open(1);
    const gone = new PermanentError('The user must connect again', { code: 'reauth_required' });
    const mailbox = openMailbox(google.url, {
      accessToken: async (_, options) => {
        if (options?.rejected) throw gone;
        return 'wrong';
      },
    });
    await expect(mailbox.read(['a'])).rejects.toBe(gone);
  });
});

describe('a call that fails', () => {
  it('passes after a few repetitions: 5xx, and connections that break', async () => {
    const { google, mailbox, box } = await open(3);
    google.faults.failNext(503, { times: 2 });
    expect((await mailbox.list({ limit: 3 })).ids).toHaveLength(3);
    google.faults.cutNext(2);
    expect((await mailbox.profile()).email).toBe(ANNA);
    google.faults.failNext(500);
    expect((await mailbox.read(idsOf(box))).every(({ state }) => state === 'read')).toBe(true);
    expect(mailbox.spent).toEqual({ units: 3 * 5 + 3 * 1 + 2 * 60, calls: 8 });
  });

  it('is given up when it goes on', async () => {
    const { google, mailbox } = await open(1);
    google.faults.failNext(503, { times: 10 });
    await expect(mailbox.list({ limit: 1 })).rejects.toBeInstanceOf(UnavailableError);
    expect(google.requests.counts.list).toBe(4);
  });

  it('is made once where nothing is to be repeated: Google’s client adds no calls of its own', async () => {
    const { google, mailbox } = await open(1, { timings: { retries: 0 } });
    google.faults.failNext(503, { times: 10 });
    await expect(mailbox.list({ limit: 1 })).rejects.toBeInstanceOf(UnavailableError);
    await expect(mailbox.read(['a'])).rejects.toBeInstanceOf(UnavailableError);
    expect(google.requests.counts).toMatchObject({ list: 1, batch: 1 });
  });

  it('does not find its server', async () => {
    const mailbox = openMailbox(`http://127.0.0.1:${await freePort()}`, { accessToken: async () => 'secret-token' });
    const error: unknown = await mailbox.list({ limit: 1, query: 'subject:secret' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unavailable', details: { reason: 'ECONNREFUSED' } });
    expect(JSON.stringify([error, String(error), (error as Error).cause])).not.toMatch(/secret/);
  });

  it.each([
    ['an answer that never comes', () => undefined],
    ['an answer that stops', (response: { write(text: string): void }) => response.write('{"messages":[')],
  ])('does not wait for %s', async (_, say) => {
    const server = await answering((_request, response) => {
      response.setHeader('content-type', 'application/json');
      say(response);
    });
    const timings = { timeoutMs: 50, batchTimeoutMs: 50, retries: 1 };
    const mailbox = openMailbox(server.url, { accessToken: async () => 'token' }, { timings });
    await expect(mailbox.list({ limit: 1 })).rejects.toThrow(/did not answer users.messages.list within 50 ms/);
    await expect(mailbox.read(['a']))
      .rejects.toBeInstanceOf(UnavailableError)
      .catch(() => undefined);
    expect(server.requests).toHaveLength(4);
  });

  it('takes no page of a proxy for an empty mailbox', async () => {
    const server = await answering((_, response) => response.setHeader('content-type', 'text/html').end('<html>'));
    const mailbox = openMailbox(server.url, { accessToken: async () => 'token' });
    await expect(mailbox.list({ limit: 1 })).rejects.toBeInstanceOf(UnavailableError);
  });

  it.each([
    ['a query', 400, 'invalidArgument', { query: 'in:(' }, 'invalid_request', /`query`/],
    ['labels', 400, 'invalidArgument', { labelIds: ['Nowhere'] }, 'invalid_request', /`labelIds`/],
    ['a scope that is missing', 403, 'insufficientPermissions', {}, 'forbidden', /allowed reading mail/],
    ['an API that is off', 403, 'accessNotConfigured', {}, 'forbidden', /Gmail API/],
    ['a domain that forbids it', 403, 'domainPolicy', {}, 'forbidden', /administrator/],
  ])('for %s says what to mend', async (_, status, reason, options, code, advice) => {
    const { google, mailbox } = await open(1);
    google.faults.failNext(status, { reason });
    const error: unknown = await mailbox.list({ limit: 1, ...options }).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(advice) });
    expect(String(error)).not.toMatch(/in:\(|Nowhere/);
  });

  it('for every part of a batch is the account’s', async () => {
    const google = await withGoogle({ accounts: { [ANNA]: mails(3) } });
    const { accessToken } = google.issueTokens(ANNA, { scopes: ['openid'] });
    const mailbox = openMailbox(google.url, { accessToken: async () => accessToken });
    await expect(mailbox.read(idsOf(google.mailbox(ANNA)))).rejects.toMatchObject({ code: 'forbidden' });
  });

  it.each([
    ['a batch', (mailbox: Mailbox) => mailbox.read(['a', 'b'])],
    ['a listing', (mailbox: Mailbox) => mailbox.list({ limit: 1 })],
  ])('ends at once, with the reason, when the job is aborted: %s', async (_, call) => {
    const arrived = Promise.withResolvers<void>();
    const server = await answering((_request, response) => {
      response
        .setHeader('content-type', 'multipart/mixed; boundary=x')
        .write('--x\nContent-ID: <response-item-0>\n\nHTTP/1.1 200 OK\n\n{"id":"a"}\n--x\n');
      arrived.resolve();
    });
    const controller = new AbortController();
    const mailbox = openMailbox(server.url, { accessToken: async () => 'token' }, { signal: controller.signal, timings: { retries: 0 } });
    const called = call(mailbox);
    await arrived.promise;
    controller.abort(new Error('cancelled'));
    await expect(called).rejects.toThrow('cancelled');
    await expect(call(mailbox)).rejects.toThrow('cancelled');
    expect(server.requests).toHaveLength(1);
  });
});

describe('an account that Google limits', () => {
  it.each([
    ['429 with seconds', 429, { retryAfterSeconds: 7 }, 7_000],
    ['403 with a rate reason', 403, { reason: 'userRateLimitExceeded', retryAfterSeconds: 2 }, 2_000],
  ])('by %s is left alone as long as it says', async (_, status, fault, expected) => {
    const limits: [string, number][] = [];
    const { google, mailbox } = await open(1, {
      store: {
        limitedUntil: async () => 0,
        limit: async (key, until) => {
          limits.push([key, until]);
        },
        takeTokens: async () => ({ taken: true }),
      },
      clock: { now: () => 1_000_000, monotonic: () => 0 },
    });
    google.faults.failNext(status, fault);
    const error: unknown = await mailbox.list({ limit: 1 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RateLimitedError);
    expect(error).toMatchObject({ key: 'account:gmail:anna', retryAfterMs: expected });
    expect(limits).toEqual([['account:gmail:anna', 1_000_000 + expected]]);
    expect(google.requests.counts.list).toBe(1);
  });
});
