/** Several connections at one deal room: nothing twice, no state left behind, and nobody waits for another in a circle. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Deal } from '../../lib/db/deal-types.ts';
import { openLite } from '../../lib/db/lite.ts';
import type { Db } from '../../lib/db/types.ts';
import { DOCUMENT_OPERATIONS } from '../../lib/jobs/document-processing.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { begin, fail, newDeal, newDocument, newEmail, newReading, perform, readDocument, record, stepOf, type Work } from './deal-samples.ts';

let server: PostgresServer;
let db: Db;
let plain: pg.Pool;
beforeAll(async () => {
  server = await startPostgres({ migrated: true });
  ({ db } = await openLite({ databaseUrl: server.url, timeoutMs: 20_000 }));
  plain = new pg.Pool({ connectionString: server.url, max: 4 });
});
afterAll(async () => {
  await plain.end();
  await db.close();
  await server.stop();
});

const rows = async (text: string, values: unknown[] = []) => (await plain.query(text, values)).rows;
const deadlocks = async () => (await rows('select deadlocks from pg_stat_database where datname = current_database()'))[0]?.deadlocks;
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_unused, index) => make(index));
const newRoom = (): Promise<Deal> => db.deals.create(newDeal(), null);

/** Until somebody waits for a lock: then the other side has come as far as it can. */
async function somebodyWaits(count = 1): Promise<void> {
  while ((await rows(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length < count);
}

async function withHolder<T>(work: (holder: pg.PoolClient) => Promise<T>): Promise<T> {
  const holder = await plain.connect();
  return work(holder).finally(() => holder.release());
}

it('the same file, mail or content of a source that comes several times at once is stored once', async () => {
  const deal = await newRoom();
  const upload = newDocument(deal);
  const uploaded = await Promise.all(times(6, () => db.documents.create(upload, {})));
  expect(new Set(uploaded.map(({ document }) => document.id)).size).toBe(1);
  expect(uploaded.filter(({ asked }) => asked)).toHaveLength(1);
  const synced = await Promise.all(
    times(6, (index) => db.documents.create(newDocument(deal, { source: 'drive', sourceRef: 'r', contentHash: `${index % 3}` }), {})),
  );
  expect(new Set(synced.map(({ document }) => document.id)).size).toBe(1);
  const mails = await Promise.all(times(6, () => db.emails.create(newEmail(deal, { messageId: '<once>' }))));
  expect(mails.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
  await Promise.all(times(6, () => db.deals.addMember(deal.id, '00000000-0000-4000-8000-000000000009')));
  expect(await db.deals.members(deal.id)).toHaveLength(1);
});

it('of several runs that take a step at once one records', async () => {
  const { document } = await db.documents.create(newDocument(await newRoom()), {});
  const runs = times(6, () => stepOf(document, 'ingest', { jobId: 'one' }));
  await Promise.all(runs.map((run) => begin(db, run)));
  const recorded = await Promise.all(runs.map((run) => record(db, run, newReading())));
  expect(recorded.filter(Boolean)).toHaveLength(1);
  expect(await db.documents.chunks(document.id)).toHaveLength(2);
  expect((await db.dealSteps.list('document', document.id)).map(({ operation }) => operation)).toEqual(DOCUMENT_OPERATIONS.toSorted());
});

it('a document whose last steps end at the same moment has the state of all of them', async () => {
  const deal = await newRoom();
  const documents = await Promise.all(times(8, () => readDocument(db, deal)));
  await Promise.all(
    documents.flatMap((document, index) =>
      ['summarize', 'extract_risks', 'classify'].map(async (operation) => {
        const work = stepOf(document, operation);
        await begin(db, work);
        await (operation === 'classify' && index % 2 === 1 ? fail(db, work, 'No answer') : record(db, work, { risks: [] }));
      }),
    ),
  );
  const states = await Promise.all(documents.map(async ({ id }) => (await db.documents.get(id))?.status));
  expect(states).toEqual(documents.map((_unused, index) => (index % 2 === 1 ? 'partial' : 'ready')));
});

it('a step and the deletion of its deal, by plain SQL, do not wait for each other in a circle', async () => {
  const deal = await newRoom();
  const document = await readDocument(db, deal);
  const work = stepOf(document, 'summarize');
  await begin(db, work);
  await withHolder(async (holder) => {
    await holder.query('begin');
    await holder.query('select from documents where id = $1 for update', [document.id]);
    const recording = record(db, work, { summary: 'x', keyPoints: [] });
    await somebodyWaits();
    const deleting = rows('delete from deals where id = $1', [deal.id]);
    await holder.query('rollback');
    expect(await recording).toBe(true);
    await deleting;
  });
  expect(await db.dealSteps.list('document', document.id)).toEqual([]);
});

it('a reading is not copied from a document whose text changes meanwhile', async () => {
  const deal = await newRoom();
  const original = await readDocument(db, deal, newReading({ readHash: 'first' }));
  const { document } = await db.documents.create(newDocument(deal), {});
  const [copying, rereading] = [stepOf(document, 'ingest'), stepOf(original, 'ingest')];
  await begin(db, copying);
  await begin(db, rereading);
  const chunks = times(300, (index) => ({ text: `new ${index}`, kind: 'text', section: [], spans: [], tokens: 1 }));
  const outcomes = await Promise.allSettled([
    record(db, rereading, newReading({ readHash: 'second', chunks })),
    record(db, copying, newReading({ readHash: 'first', chunks: undefined, copyFrom: original.id })),
  ]);
  expect(outcomes[0]).toEqual({ status: 'fulfilled', value: true });
  const copied = await db.documents.chunks(document.id);
  expect(copied.length).toBe(outcomes[1]?.status === 'fulfilled' ? 2 : 0);
});

it('a relay that says what became of jobs and whoever asks for one of them again do not wait for each other in a circle', async () => {
  const { id } = await readDocument(db, await newRoom());
  const ask = (jobSuffix: string) => db.documents.ask(id, ['classify'], { jobSuffix });
  const [first, second] = [(await ask('a'))?.classify, (await ask('b'))?.classify];
  const merged = [first, second].map((asked) => ({ id: asked?.outboxId ?? 0, asked: 1, ended: 'merged' as const, jobId: 'unfinished' }));
  await withHolder(async (holder) => {
    await holder.query('begin');
    await holder.query('select from job_outbox where id = $1 for update', [second?.outboxId]);
    const finishing = db.outbox.finish(merged);
    await somebodyWaits();
    const asking = ask('a');
    await somebodyWaits(2);
    await holder.query('rollback');
    await finishing;
    expect((await asking)?.classify?.jobId).toBe(first?.jobId);
  });
  expect(await rows('select job_id from job_outbox where job_id = $1 and ended is null', [first?.jobId])).toHaveLength(1);
});

it('everything at once ends, without one deadlock, and each document has the state of its steps', async () => {
  const before = await deadlocks();
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const deals = await Promise.all(times(3, newRoom));
  const documents = await Promise.all(times(9, (index) => readDocument(db, deals[index % 2] as Deal)));
  const mails = await Promise.all(times(9, (index) => db.emails.create(newEmail(deals[index % 2] as Deal, { threadId: `t-${index % 2}` }))));
  const held: Work[] = [];
  const kinds = kindsOfWork();

  function kindsOfWork(): (() => Promise<unknown>)[] {
    const operation = () => pick(DOCUMENT_OPERATIONS);
    const begun = async (work: Work) => {
      await begin(db, work, { hash: `${random(3)}`, force: random(2) === 0 });
      held.push(work);
    };
    const blocker = () => ({
      threadId: `t-${random(2)}`,
      threadSize: 9,
      blocker: pick([null, { status: 'open', summary: `${random(9)}`, items: [] }, { status: 'resolved' }]),
    });
    const changes: Record<string, () => unknown> = {
      ingest: () => newReading(pick([{}, { chunks: undefined, copyFrom: pick(documents).id, readHash: pick(documents).readHash }])),
      extract_risks: () => ({
        risks: times(3, (key) => ({ key: `${key + random(3)}`, category: 'tax', severity: 'low', quote: 'q', explanation: 'e' })),
      }),
      detect_blocker: blocker,
    };
    return [
      () => begun(stepOf(pick(documents), operation())),
      () => begun(stepOf(pick(documents), operation())),
      () => begun(stepOf(pick(mails).email, pick(['detect_blocker', 'analyze_sentiment']))),
      () => finish(pick(held)),
      () => finish(pick(held)),
      async () => held.length > 0 && fail(db, pick(held)),
      () => db.documents.ask(pick(documents).id, [operation(), operation()], { jobSuffix: `${random(4)}` }),
      () => db.emails.ask(pick(mails).email.id, ['analyze_sentiment', 'detect_blocker'], { jobSuffix: `${random(4)}` }),
      () => db.documents.create(newDocument(pick(deals), { source: 'drive', sourceRef: `${random(3)}`, contentHash: `${random(3)}` }), {}),
      () => db.emails.create(newEmail(pick(deals), { messageId: `<${random(9)}>` })),
      () => (random(6) === 0 ? db.documents.remove(pick(documents).id) : db.deals.change(pick(deals).id, { name: `${random(9)}` })),
      () => (random(6) === 0 ? rows('delete from documents where id = $1', [pick(documents).id]) : Promise.resolve()),
      () => relay(),
      () => sweep(),
    ];

    async function finish(work: Work | undefined): Promise<unknown> {
      return (
        work && record(db, work, changes[work.operation]?.() ?? { label: 'neutral', score: random(3), urgency: 'low' }, { hash: `${random(3)}` })
      );
    }
  }

  async function relay(): Promise<void> {
    const claimed = await db.outbox.claim({
      kinds: [...DOCUMENT_OPERATIONS.map((name) => ({ queue: 'document-processing', name }))],
      limit: 4,
      leaseMs: 50,
    });
    await db.outbox.finish(
      claimed.map(({ id, asked, jobId }) => ({ id, asked, ended: pick(['sent', 'merged'] as const), jobId: pick([jobId, `merged-${random(3)}`]) })),
    );
  }

  async function sweep(): Promise<void> {
    const steps = await db.dealSteps.unfinished({ before: new Date(Date.now() + 60_000).toISOString(), limit: 20 });
    await db.dealSteps.resend(steps.toSorted(() => random(3) - 1));
  }

  const outcomes: PromiseSettledResult<unknown>[] = [];
  for (let round = 0; round < 12; round += 1) {
    const work = times(24, () => pick(kinds)());
    // Of the deal that is alone in having no documents of its own.
    if (round === 9) work.push(rows('delete from deals where id = $1', [deals[1]?.id]));
    outcomes.push(...(await Promise.allSettled(work)));
  }
  const problems = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  expect(problems.filter((problem) => !/copied is gone|Deal .* does not exist/.test(problem))).toEqual([]);
  expect(await deadlocks()).toBe(before);
  // A touch of each document's steps tells what the state follows from them.
  const found = await rows('select id, status, status_reason from documents order by id');
  await rows(`update deal_steps set status = status where subject = 'document'`);
  expect(found.length).toBeGreaterThan(3);
  expect(await rows('select id, status, status_reason from documents order by id')).toEqual(found);
  expect(await rows(`select key from deal_steps where subject = 'document' and key not in (select id::text from documents)`)).toEqual([]);
});

it('many documents that come to one deal at once wait for each other shortly', async () => {
  const deal = await newRoom();
  const created = await Promise.all(times(100, (index) => db.documents.create(newDocument(deal, { name: `${index}.pdf` }), {})));
  expect(created.every(({ outcome }) => outcome === 'created')).toBe(true);
  await perform(db, created[0]?.document ?? { id: '', dealId: '' }, 'ingest', newReading());
});
