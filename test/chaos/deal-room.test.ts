import { afterEach, expect, it } from 'vitest';
import { DEAL_MARK, type DealWorld, startDealWorld } from '../e2e/deal-world.ts';
import { eventually } from '../support/world.ts';
import { measured, QUICK } from './support.ts';

const DOCUMENTS = 40;
const CLAUSE = 'The Bank may terminate this Agreement at once upon any change of control of the Borrower.';

let world: DealWorld | undefined;
afterEach(() => world?.stop());

/** How many of the deal's steps are in each state. */
async function states({ sql }: DealWorld, dealId: string): Promise<Record<string, number>> {
  const rows = await sql<{ status: string; count: number }[]>`
    select status, count(*)::int as count from deal_steps where deal_id = ${dealId} and subject = 'document' group by status`;
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

it.each(['redis', 'postgres'] as const)(
  'a worker killed with -9 while documents are read and judged: each ends once, with its text, summary, class and one risk (queues on %s)',
  async (queue) => {
    world = await startDealWorld({ queue, env: { ...QUICK, DOCUMENT_PROCESSING_AI_PROVIDER: 'openai' }, latencyMs: 100 });
    const { llm, sql } = world;
    llm.reset();
    const dealId = await world.newDeal();
    const first = await world.startWorker();
    const ids: string[] = [];
    for (let number = 1; number <= DOCUMENTS; number += 1) {
      ids.push(
        (await world.upload(dealId, `${number}.txt`, `FACILITY ${number}\n\n1. Change of control. ${CLAUSE}\n\n2. ${DEAL_MARK} ${number}.`)).id,
      );
    }
    const here = world;
    await eventually(async () => ((await states(here, dealId)).succeeded ?? 0) >= DOCUMENTS, 60_000);
    first.kill('SIGKILL');
    await first.exit;
    const before = await states(world, dealId);
    const paidBefore = llm.requests().length;
    const killedAt = performance.now();

    await world.startWorker();
    for (const id of ids) expect(await world.settled(id, 120_000)).toMatchObject({ status: 'ready', risks: { total: 1 } });
    measured(`kill -9 while ${DOCUMENTS} documents are read and judged, queues on ${queue}`, {
      'ended after ms': performance.now() - killedAt,
      'steps ended before': before.succeeded ?? 0,
      'steps at work': before.processing ?? 0,
      'model calls before': paidBefore,
      'model calls beyond one a step': llm.requests().length - 3 * DOCUMENTS,
    });
    expect(await states(world, dealId)).toEqual({ succeeded: 4 * DOCUMENTS });
    const [counted] = await sql<{ chunks: number; risks: number; told: number }[]>`
      select (select count(*)::int from document_chunks c join documents d on d.id = c.document_id where d.deal_id = ${dealId}) as chunks,
        (select count(*)::int from document_risks where deal_id = ${dealId}) as risks,
        (select count(*)::int from deal_events where deal_id = ${dealId} and kind = 'risk_found') as told`;
    expect(counted).toEqual({ chunks: DOCUMENTS, risks: DOCUMENTS, told: DOCUMENTS });
    // A crash repeats the calls in flight: five places at most.
    expect(llm.requests().length - 3 * DOCUMENTS).toBeLessThanOrEqual(5);
    expect(world.dealLeaks()).toEqual([]);
  },
);
