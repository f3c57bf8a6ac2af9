import { describe, expect, it } from 'vitest';
import { generate } from '../../../demo/stand-ins/google/generate.ts';
import type { GoogleStandIn } from '../../../demo/stand-ins/google/server.ts';
import { createFakeClock } from '../../support/clock.ts';
import { withGoogle } from '../../support/google.ts';
import { gmailOf, ME, refusal } from './gmail-client.ts';

const userId = 'me';

interface Part {
  contentId: string | undefined;
  status: number;
  retryAfter: string | undefined;
  body: { id?: string; error?: { errors: { reason: string }[] } };
}

/** As a client without a library would: the boundary holds quotes, as RFC 2046 lets it. */
async function batch(google: GoogleStandIn, requests: readonly string[], token = google.issueTokens(ME).accessToken) {
  const boundary = "it's a (boundary)";
  const parts = requests.map((line, index) => `--${boundary}\r\nContent-Type: application/http\r\nContent-ID: <item${index}>\r\n\r\n${line}\r\n\r\n`);
  const response = await fetch(`${google.url}/batch/gmail/v1`, {
    method: 'POST',
    headers: { 'content-type': `multipart/mixed; boundary="${boundary}"`, authorization: `Bearer ${token}` },
    body: `${parts.join('')}--${boundary}--`,
  });
  const text = await response.text();
  const [, answered = ''] = /boundary=(\S+)/.exec(response.headers.get('content-type') ?? '') ?? [];
  return { status: response.status, parts: answered === '' ? [] : text.split(`--${answered}`).slice(1, -1).map(readPart) };
}

function readPart(text: string): Part {
  const [head = '', inner = '', body = ''] = text.trim().split('\r\n\r\n');
  return {
    contentId: /^content-id: (.+)$/im.exec(head)?.[1],
    status: Number(/^HTTP\/1.1 (\d+)/.exec(inner)?.[1]),
    retryAfter: /^retry-after: (.+)$/im.exec(inner)?.[1],
    body: JSON.parse(body),
  };
}

const idsOf = (google: GoogleStandIn): string[] => google.mailbox(ME).mails.map(({ id }) => id);
const readLine = (id: string): string => `GET /gmail/v1/users/me/messages/${id}?format=minimal`;

describe('a batch', () => {
  it('answers each part under its own id, whatever their order', async () => {
    const google = await withGoogle({ accounts: { [ME]: generate(20) } });
    const ids = idsOf(google);
    const orders = new Set<string>();
    for (let round = 0; round < 8; round += 1) {
      const { parts } = await batch(google, ids.map(readLine));
      expect(new Map(parts.map(({ contentId, body }) => [contentId, body.id]))).toEqual(
        new Map(ids.map((id, index) => [`<response-item${index}>`, id])),
      );
      orders.add(parts.map(({ contentId }) => contentId).join());
    }
    expect(orders.size).toBeGreaterThan(1);
    expect(google.requests.counts).toMatchObject({ batch: 8, batchParts: 160, get: 0 });
  });

  it('answers what is wrong part by part', async () => {
    const google = await withGoogle({ accounts: { [ME]: generate(1) } });
    google.faults.shuffle = false;
    const lines = [
      ...idsOf(google).map(readLine),
      readLine('123456789'),
      'GET http://elsewhere/gmail/v1/users/me/profile',
      'GET /gmail/v1/users/me/nothing',
    ];
    expect((await batch(google, lines)).parts.map(({ status }) => status)).toEqual([200, 404, 400, 404]);
    const refused = await batch(google, lines.slice(0, 2), 'ya29.unknown');
    expect([refused.status, ...refused.parts.map(({ status }) => status)]).toEqual([200, 401, 401]);
  });

  it('is refused as a whole above 100 parts, without parts, and, where told, with a bad token', async () => {
    const google = await withGoogle({ accounts: { [ME]: generate(1) }, refusesWholeBatch: true });
    const line = readLine(idsOf(google)[0] ?? '');
    expect((await batch(google, Array(100).fill(line))).parts).toHaveLength(100);
    expect((await batch(google, Array(101).fill(line))).status).toBe(400);
    expect((await batch(google, [])).status).toBe(400);
    expect((await batch(google, [line], 'ya29.unknown')).status).toBe(401);
    expect(google.quota.total(ME).units).toBe(2_000);
  });
});

describe('the quota', () => {
  it('counts each part of a batch, and fills up again evenly', async () => {
    const clock = createFakeClock();
    const google = await withGoogle({ accounts: { [ME]: generate(3) }, quota: { units: 50, perMs: 1_000 }, clock });
    google.faults.shuffle = false;
    const lines = idsOf(google).map(readLine);
    const first = await batch(google, lines);
    expect(first.parts.map(({ status, body }) => [status, body.error?.errors[0]?.reason])).toEqual([
      [200, undefined],
      [200, undefined],
      [403, 'rateLimitExceeded'],
    ]);
    clock.advance(199);
    expect((await batch(google, lines.slice(2))).parts[0]?.status).toBe(403);
    clock.advance(1);
    expect((await batch(google, lines.slice(2))).parts[0]?.status).toBe(200);
    expect(google.quota.total(ME)).toEqual({ units: 60, refused: 2 });
    expect(google.quota.mostSpent(ME)).toBe(60);
  });

  it('can answer with 429 and the time to wait; accounts have one each', async () => {
    const google = await withGoogle({
      accounts: { [ME]: generate(1), 'you@example.com': generate(1) },
      quota: { units: 20, perMs: 60_000, status: 429, retryAfter: true },
    });
    const gmail = await gmailOf(google);
    const id = idsOf(google)[0] ?? '';
    await gmail.users.messages.get({ userId, id });
    const refused = await refusal(gmail.users.messages.get({ userId, id }, { retry: false }));
    expect(refused).toMatchObject({ status: 429, reason: 'rateLimitExceeded' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    const other = google.issueTokens('you@example.com').accessToken;
    const yours = google.mailbox('you@example.com').mails[0]?.id ?? '';
    expect((await batch(google, [readLine(yours)], other)).parts[0]?.status).toBe(200);
  });
});

describe('faults on command', () => {
  it('fail a share of the parts, the same for the same seed, or those named', async () => {
    const failed = async (seed: number): Promise<(string | undefined)[]> => {
      const google = await withGoogle({ accounts: { [ME]: generate(100) }, seed });
      google.faults.shuffle = false;
      google.faults.failParts({ which: 0.3, status: 429 });
      const { parts } = await batch(google, idsOf(google).map(readLine));
      return parts.filter(({ status }) => status === 429).map(({ contentId }) => contentId);
    };
    const once = await failed(7);
    expect(once.length).toBeGreaterThan(15);
    expect(once.length).toBeLessThan(45);
    expect(await failed(7)).toEqual(once);

    const google = await withGoogle({ accounts: { [ME]: generate(2) } });
    const [one = '', two = ''] = idsOf(google);
    google.faults.failParts({ which: [one], status: 503, retryAfterSeconds: 7, times: 1 });
    const { parts } = await batch(google, [one, two].map(readLine));
    expect(parts.map(({ status, retryAfter }) => [status, retryAfter]).sort()).toEqual([
      [200, undefined],
      [503, '7'],
    ]);
    expect((await batch(google, [readLine(one)])).parts[0]?.status).toBe(200);
  });

  it('fail the next calls, and cut their answers', async () => {
    const google = await withGoogle({ accounts: { [ME]: generate(1) } });
    const call = (): Promise<Response> =>
      fetch(`${google.url}/gmail/v1/users/me/profile`, { headers: { authorization: `Bearer ${google.issueTokens(ME).accessToken}` } });
    google.faults.failNext(503, { times: 2 });
    expect([(await call()).status, (await call()).status, (await call()).status]).toEqual([503, 503, 200]);
    google.faults.cutNext();
    await expect((await call()).text()).rejects.toThrow();
    expect((await call()).status).toBe(200);
    google.faults.failNext(500);
    google.faults.clear();
    expect((await call()).status).toBe(200);
  });
});

it('latency holds answers back', async () => {
  const [slow, quick] = [await withGoogle(), await withGoogle()];
  slow.faults.latencyMs = 200;
  const answered: string[] = [];
  await Promise.all([fetch(slow.certsUrl).then(() => answered.push('slow')), fetch(quick.certsUrl).then(() => answered.push('quick'))]);
  expect(answered).toEqual(['quick', 'slow']);
});

it('a mail is written only when it is read', async () => {
  let written = 0;
  const mails = generate(1_000).map(({ eml, ...rest }) => ({
    ...rest,
    eml: () => {
      written += 1;
      return typeof eml === 'function' ? eml() : eml;
    },
  }));
  const google = await withGoogle({ accounts: { [ME]: mails } });
  const gmail = await gmailOf(google);
  const { data } = await gmail.users.messages.list({ userId, labelIds: ['INBOX'], q: 'after:2026/11/01' });
  expect(written).toBe(0);
  await gmail.users.messages.get({ userId, id: data.messages?.[0]?.id ?? '' });
  expect(written).toBe(1);
});
