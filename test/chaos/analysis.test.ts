import { randomUUID } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { topicalAnswers } from '../support/answers.ts';
import { type EmbeddingServer, startEmbeddingServer } from '../support/embedding-server.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { measured, QUICK } from './support.ts';

let world: World | undefined;
let server: EmbeddingServer | undefined;
afterEach(async () => {
  await world?.stop();
  await server?.stop();
});

/** Long answers: a request takes 300,000 tokens, so that there are several of them. */
const LONG = 'and that is what I have said for years to everybody who asked, as my neighbours know '.repeat(60);

it.each(['redis', 'postgres'] as const)(
  'a worker killed with -9 while it embeds: what was stored is not paid for again, and the analysis ends (queues on %s)',
  async (queue) => {
    server = await startEmbeddingServer({ latencyMs: 300 });
    // The names are nothing to this server: the rules give them.
    world = await startWorld({ queue, env: { ...QUICK, OPENAI_BASE_URL: server.baseUrl, LOG_LEVEL: 'info' } });
    const { db, sql } = world;
    const { id } = await db.conversations.create({ userId: randomUUID(), title: 'What should the town do better?' });
    const answers = Array.from({ length: 1_000 }, (_, row) => ({ text: `${row} ${topicalAnswers()[row % 120]?.text} ${LONG}` }));
    for (let from = 0; from < answers.length; from += 100) await db.conversations.addAnswers(id, answers.slice(from, from + 100));
    const stored = async (): Promise<number> => {
      const [row] = await sql<{ count: number }[]>`select count(*)::int as count from embedding_cache`;
      return row?.count ?? 0;
    };

    const first = await world.startWorker();
    await db.jobRows.createAnalysis({ conversationId: id, options: {} });
    await eventually(async () => (await stored()) > 0, 60_000);
    first.kill('SIGKILL');
    await first.exit;
    const killedAt = performance.now();
    const paid = await sql<{ content_hash: string }[]>`select content_hash from embedding_cache`;
    // Questions for names come to the same server, without a format of vectors.
    const embedding = () => server?.requests().filter(({ format }) => format !== 'undefined') ?? [];
    const requestsBefore = embedding().length;

    await world.startWorker();
    await eventually(async () => {
      const row = await db.conversations.get(id);
      return row?.analysisStatus === 'succeeded';
    }, 120_000);
    const again = embedding()
      .slice(requestsBefore)
      .flatMap(({ texts }) => texts);
    measured(`kill -9 while embedding, queues on ${queue}`, {
      'ended after ms': performance.now() - killedAt,
      'answers stored before': paid.length,
      'asked again': again.length,
      'requests in all': embedding().length,
    });
    expect(paid.length).toBeGreaterThan(0);
    expect(again.length).toBe(1_000 - paid.length);
    expect(new Set(again).size).toBe(again.length);
    expect(server.mostAtOnce()).toBeGreaterThan(1);
    expect(await db.conversations.counts(id)).toMatchObject({ total: 1_000, counted: 1_000 });
  },
);
