import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LlmRequest } from '../support/llm.ts';
import { DEAL_MARK, type DealWorld, startDealWorld } from './deal-world.ts';

const CLAUSE = 'The Bank may terminate this Agreement at once upon any change of control of the Borrower.';
const lease = (more = ''): string =>
  [
    'FACILITY AGREEMENT',
    '',
    `1. Parties. This agreement is made between Harbour Bank and Quay Limited (${DEAL_MARK}). ${more}`,
    '',
    `2. Change of control. ${CLAUSE}`,
    '',
    '3. Interest. The Borrower pays interest of 4 per cent a year on the last day of each quarter.',
  ].join('\n');

const sample = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL(`../../examples/data/documents/${name}`, import.meta.url)));

/** Says as little as fits, and finds a risk that stands in the text and one that does not. */
function answerOf({ schema }: LlmRequest): unknown {
  const asked = Object.keys(schema?.properties ?? {});
  if (!asked.includes('risks')) return undefined;
  return {
    risks: [
      { category: 'change_of_control', severity: 'high', explanation: 'The loan ends when the owner changes.', quote: CLAUSE },
      { category: 'litigation', severity: 'critical', explanation: 'Made up.', quote: 'The Borrower is sued for a billion by everybody it knows.' },
    ],
  };
}

/** An API process and two worker processes; documents are judged by a model over HTTP, mails and briefs by rules. */
export function dealSuite(queue: 'redis' | 'postgres'): void {
  describe(`deal room, queues on ${queue}`, () => {
    let world: DealWorld;
    let dealId: string;

    beforeAll(async () => {
      world = await startDealWorld({ queue, env: { DOCUMENT_PROCESSING_AI_PROVIDER: 'openai' } });
      world.llm.reset();
      const minimal = world.llm.minimal;
      world.llm.answerWith((request: LlmRequest) => answerOf(request) ?? minimal(request));
      await Promise.all([world.startWorker(), world.startWorker()]);
      dealId = await world.newDeal({ timeZone: 'Europe/London' });
    });
    afterAll(async () => {
      // Of everything that was read, judged and told here, at level debug.
      const leaks = world?.dealLeaks() ?? [];
      await world?.stop();
      expect(leaks).toEqual([]);
    });

    it('takes a document from its upload to summary, risks with their passage, and class; asked for again it pays for nothing', async () => {
      const { id, status } = await world.upload(dealId, 'facility.txt', lease());
      expect(status).toBe(201);
      const document = await world.settled(id);
      expect(document).toMatchObject({ status: 'ready', format: 'txt', pages: 1, ocrPages: 0, risks: { total: 1, bySeverity: { high: 1 } } });
      expect(document.steps.map((step: { operation: string; status: string }) => `${step.operation} ${step.status}`).toSorted()).toEqual([
        'classify succeeded',
        'extract_risks succeeded',
        'ingest succeeded',
        'summarize succeeded',
      ]);
      const { body } = await world.api.call('GET', `/api/documents/${id}/risks`);
      expect(body.data.risks).toMatchObject([{ category: 'change_of_control', quote: CLAUSE, page: 1 }]);

      // The queue keeps a hundred finished jobs; the step knows of all.
      const { jobId } = document.steps.find((step: { operation: string }) => step.operation === 'summarize');
      await world.backend.ready(5_000);
      await (await world.backend.queue('document-processing').getJob(jobId))?.remove();
      const { body: known } = await world.api.call('GET', `/api/queue/document-processing/jobs/${jobId}`);
      expect(known.data.job).toMatchObject({
        id: jobId,
        name: 'summarize',
        state: 'completed',
        result: { documentId: id, summary: document.summary },
      });

      const paid = world.llm.requests().length;
      const again = await world.upload(dealId, 'facility.txt', lease());
      expect(again).toMatchObject({ id, status: 200 });
      const { body: processed } = await world.api.call('POST', `/api/documents/${id}/process`, { operations: ['ingest', 'summarize'] });
      expect(processed.success).toBe(true);
      await world.settled(id);
      expect(world.llm.requests()).toHaveLength(paid);
      // The same content under another name is read and judged from what is stored; only the class, which its name tells something of, is asked for.
      const copy = await world.settled((await world.upload(dealId, 'the same again.txt', lease())).id);
      expect(copy).toMatchObject({ status: 'ready', summary: document.summary, risks: { total: 1 } });
      expect(world.llm.requests()).toHaveLength(paid + 1);
    });

    it('ends files that cannot be read in a clear state, and goes on with the others', async () => {
      const [locked, broken, other] = await Promise.all([
        world.upload(dealId, 'locked.pdf', await sample('locked.pdf')),
        world.upload(dealId, 'broken.docx', 'PK\u0003\u0004 not really'),
        world.upload(dealId, 'other.txt', lease('Another one.')),
      ]);
      expect(await world.settled(locked.id)).toMatchObject({ status: 'failed', statusReason: expect.stringContaining('password') });
      expect(await world.settled(broken.id)).toMatchObject({ status: 'failed', statusReason: expect.any(String) });
      expect(await world.settled(other.id)).toMatchObject({ status: 'ready' });
    });

    it('says which step is missing when one fails for good, and none waits for ever', async () => {
      const refused = (request: LlmRequest): boolean => Object.keys(request.schema?.properties ?? {}).includes('workstream');
      const before = world.llm.requests().length;
      world.llm.rejectWhere(refused);
      const document = await world.settled((await world.upload(dealId, 'third.txt', lease('A third one.'))).id);
      world.llm.rejectWhere(undefined);
      expect(world.llm.requests().length).toBeGreaterThan(before);
      expect(document).toMatchObject({
        status: 'partial',
        statusReason: expect.stringMatching(/^classify failed/),
        workstream: null,
        risks: { total: 1 },
      });
      expect(document.summary).not.toBeNull();
    });

    it('follows a thread from a blocker to its end, and tells each event in one brief', async () => {
      const deal = await world.newDeal();
      const first = {
        messageId: '<one@example.com>',
        subject: 'Lease',
        fromName: 'Ada Byron',
        fromAddress: 'ada@example.com',
        sentAt: '2026-11-20T09:00:00Z',
      };
      await world.mail(deal, { ...first, text: `We cannot sign until Tom Hart sends the lease. ${DEAL_MARK}. Please send the lease by Friday.` });
      await world.mailsSettled(deal);
      const morning = await world.brief(deal);
      expect(morning.content).toMatchObject({ edition: 1, empty: false });
      expect(morning.markdown).toMatch(/lease/i);
      expect((await world.api.call('GET', `/api/deals/${deal}/blockers`)).body.data.blockers).toMatchObject([{ status: 'open', subject: 'Lease' }]);

      await world.mail(deal, {
        messageId: '<two@example.com>',
        inReplyTo: '<one@example.com>',
        subject: 'Re: Lease',
        fromName: 'Tom Hart',
        fromAddress: 'tom@example.com',
        sentAt: '2026-11-21T09:00:00Z',
        text: 'The signed lease is attached. That should settle it.\n\nOn 20 November Ada Byron wrote:\n> We cannot sign until Tom Hart sends the lease.',
      });
      await world.mailsSettled(deal);
      expect((await world.api.call('GET', `/api/deals/${deal}/blockers`)).body.data.blockers).toMatchObject([{ status: 'resolved' }]);
      expect((await world.brief(deal)).content).toMatchObject({ edition: 2, empty: false });
      expect((await world.brief(deal)).content).toMatchObject({ edition: 3, empty: true });
      const told =
        await world.sql`select kind, count(*)::int as count, count(distinct edition_id)::int as editions from deal_events where deal_id = ${deal} group by kind order by kind`;
      expect(Object.fromEntries(told.map(({ kind, count }) => [kind, count]))).toMatchObject({
        blocker_opened: 1,
        blocker_resolved: 1,
        email_added: 2,
      });
      expect(await world.sql`select 1 from deal_events where deal_id = ${deal} and edition_id is null`).toHaveLength(0);
    });
  });
}
