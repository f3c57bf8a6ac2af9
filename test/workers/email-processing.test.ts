import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DealEmail, NewEmail } from '../../lib/db/deal-types.ts';
import { contentHash } from '../../lib/emails/hash.ts';
import { parseEmail } from '../../lib/emails/parse.ts';
import { blocksOf } from '../emails/support.ts';
import type { LlmRequest } from '../support/llm.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually, leaksIn, startWorld, type World } from '../support/world.ts';

const MARK = 'words-of-a-mail-that-nobody-may-see';
let world: World;
let worker: TestProcess;
let dealId: string;

beforeAll(async () => {
  world = await startWorld({ queue: 'redis', env: { WORKER_QUEUES: 'email-processing', POLL_INTERVAL_MS: '100' } });
  const deal = { name: 'Birch', description: null, status: 'active', timeZone: 'America/New_York', briefTime: null, briefDelivery: {} } as const;
  dealId = (await world.db.deals.create(deal, null)).id;
  worker = await world.startWorker();
});
beforeEach(() => {
  world.llm.reset();
  world.llm.answerWith(model);
});
afterAll(() => world?.stop());

/** Reads only what stands in the data: urgent where the mail says so, blocked while the last mail asks. */
function model(request: LlmRequest): unknown {
  const { subject: _, ...blocks } = blocksOf(request);
  if (!('m1' in blocks)) return { score: -0.4, mixed: false, urgency: blocks.text?.includes('urgent') ? 'high' : 'low' };
  const mails = Object.values(blocks).map((json) => JSON.parse(json));
  const item = { what: 'signed NDA', owedBy: 'Ben Ode', owedTo: 'Anna Lee', dueDate: '2026-11-27', messages: ['m1'] };
  const isPaid = mails.at(-1)?.text.includes('attached');
  return { status: isPaid ? 'resolved' : 'open', summary: 'The NDA.', items: [item], resolvedBy: isPaid ? [`m${mails.length}`] : [] };
}

async function store(change: Partial<NewEmail> & { text: string }): Promise<{ email: DealEmail; jobs: string[] }> {
  const people = { fromName: 'Anna Lee', fromAddress: 'anna@buyer.example', recipients: [{ name: 'Ben Ode', address: 'ben@seller.example' }] };
  const ids = { messageId: null, threadId: null, inReplyTo: null, source: 'api', sourceRef: null };
  const email = { dealId, createdBy: null, ...people, ...ids, subject: 'NDA', sentAt: '2026-11-24T03:00:00.000Z', ...change };
  const { email: stored, asked } = await world.db.emails.create({ ...email, contentHash: contentHash(email) }, {});
  return { email: stored, jobs: Object.values(asked).map(({ jobId }) => jobId) };
}

const ended = (jobId: string) =>
  eventually(async () => {
    const job = await world.service.getJob('email-processing', jobId);
    return job && ['completed', 'failed'].includes(job.state) ? job : undefined;
  });
const done = async (jobs: readonly string[]): Promise<unknown[]> =>
  (await Promise.all(jobs.map(ended))).map(({ state, result }) => ({ state, ...Object(result) }));
const again = async (email: DealEmail, options: { force?: boolean } = {}): Promise<string[]> =>
  Object.values((await world.db.emails.ask(email.id, ['analyze_sentiment', 'detect_blocker'], options)) ?? {}).map(({ jobId }) => jobId);
const blockers = async () => (await world.db.emails.blockers({ limit: 10, dealId })).items;
const events = async (kind: string) => (await world.sql`select data from deal_events where deal_id = ${dealId} and kind = ${kind}`).length;

describe('mails on a real queue', () => {
  let first: DealEmail;

  it('are rated, and their thread is judged by the whole of it', async () => {
    const text = `This is urgent: please send the signed NDA by Friday. ${MARK}\n\nKind regards\nAnna\n\nOn Mon, Nov 16, 2026 at 9:12 AM Ben <ben@x.example> wrote:\n> old words`;
    const { email, jobs } = await store({ messageId: 'one@x', threadId: 'one@x', text });
    first = email;
    expect(await done(jobs)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ state: 'completed', emailId: email.id, label: 'negative', score: -0.4, urgency: 'high', provider: 'openai' }),
        expect.objectContaining({ state: 'completed', emailId: email.id, threadId: 'one@x', blocker: 'open' }),
      ]),
    );
    expect(await world.db.emails.get(email.id)).toMatchObject({
      sentiment: 'negative',
      sentimentScore: -0.4,
      urgency: 'high',
      sentimentPromptVersion: '1',
    });
    expect(await blockers()).toMatchObject([
      {
        threadId: 'one@x',
        status: 'open',
        messageIds: ['one@x'],
        items: [{ what: 'signed NDA', owedBy: 'Ben Ode', dueDate: '2026-11-27', messageIds: ['one@x'] }],
      },
    ]);
    // The evening of Monday in New York; no history, no signature, no id of ours.
    const asked = world.llm.requests().find((request) => 'm1' in blocksOf(request));
    expect(JSON.parse((asked && blocksOf(asked).m1) ?? '')).toEqual({
      sent: '2026-11-23 (Monday)',
      from: 'Anna Lee <anna@buyer.example>',
      to: ['Ben Ode <ben@seller.example>'],
      text: `This is urgent: please send the signed NDA by Friday. ${MARK}`,
    });
  });

  it('are answered from the store when nothing has changed, and paid for again when that is asked for', async () => {
    expect(await done(await again(first))).toMatchObject([{ state: 'completed' }, { state: 'completed' }]);
    expect(world.llm.requests()).toHaveLength(0);
    expect(await done(await again(first, { force: true }))).toMatchObject([{ state: 'completed' }, { state: 'completed' }]);
    expect(world.llm.requests()).toHaveLength(2);
    expect(await events('blocker_opened')).toBe(1);
  });

  it('resolve what held their thread up, and open it again', async () => {
    const reply = {
      fromName: 'Ben Ode',
      fromAddress: 'ben@seller.example',
      recipients: [{ name: 'Anna Lee', address: 'anna@buyer.example' }],
      inReplyTo: 'one@x',
    };
    const two = await store({ ...reply, messageId: 'two@x', sentAt: '2026-11-25T12:00:00.000Z', text: 'The NDA is attached.' });
    await done(two.jobs);
    expect(await blockers()).toMatchObject([{ threadId: 'one@x', status: 'resolved', resolvedBy: ['two@x'] }]);
    // The first mail's thread has grown: its own job finds what the latest found, and tells of it no second time.
    expect(await done(await again(first))).toContainEqual(expect.objectContaining({ blocker: 'resolved' }));
    const three = await store({ messageId: 'three@x', inReplyTo: 'two@x', sentAt: '2026-11-26T12:00:00.000Z', text: 'That is the wrong one.' });
    await done(three.jobs);
    expect(await blockers()).toMatchObject([{ status: 'open', resolvedBy: [] }]);
    expect([await events('blocker_resolved'), await events('blocker_reopened')]).toEqual([1, 1]);
  });

  it('without a word cost nothing', async () => {
    const { email, jobs } = await store({ text: ' ' });
    expect(await done(jobs)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ state: 'completed', label: 'neutral', score: 0, urgency: 'low', provider: 'local' }),
        expect.objectContaining({ state: 'completed', threadId: email.id, blocker: 'none' }),
      ]),
    );
    expect(world.llm.requests()).toHaveLength(0);
  });

  it('are stored once, as they came over the wire', async () => {
    const bytes = Buffer.from('From: Ben <ben@x.example>\r\nTo: anna@x.example\r\nMessage-ID: <wire@x>\r\nSubject: Hi\r\n\r\nThe NDA is attached.');
    const parsed = await parseEmail(bytes);
    const options = { dealId, createdBy: null, source: 'api', sourceRef: null };
    const created = await world.db.emails.create({ ...options, ...parsed }, {});
    expect(created).toMatchObject({ outcome: 'created', email: { messageId: 'wire@x', threadId: 'wire@x', text: 'The NDA is attached.' } });
    expect(await world.db.emails.create({ ...options, ...parsed }, {})).toMatchObject({ outcome: 'known', email: { id: created.email.id } });
    await done(Object.values(created.asked).map(({ jobId }) => jobId));
  });

  it('of another deal, or of none, are a final error', async () => {
    const payload = {
      emailId: first.id,
      dealId: (
        await world.db.deals.create({ name: 'Oak', description: null, status: 'active', timeZone: null, briefTime: null, briefDelivery: {} }, null)
      ).id,
    };
    const { jobId } = await world.service.enqueue({ queue: 'email-processing', name: 'analyze_sentiment', payload, options: {} });
    expect(await ended(jobId)).toMatchObject({ state: 'failed' });
    expect((await world.service.getJob('email-processing', jobId))?.attemptsMade).toBe(1);
  });

  it('leave no word in a log', () => {
    expect(worker.lines.length).toBeGreaterThan(0);
    expect(leaksIn([worker], [MARK])).toEqual([]);
  });
});
