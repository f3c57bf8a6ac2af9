import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../lib/db/migrate.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { ACTIONS, type Shared } from './actions.ts';
import { brokenRules } from './books.ts';
import { createRandom, type Random } from './random.ts';
import { openSession, type Session } from './session.ts';

const ACTORS = 8;
const TURNS = 300;
const ROLLED_BACK = 'ROLLED_BACK';
const CUT = '57P01';
const SHORT = 'PT402';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ settings: { deadlock_timeout: '100ms' } });
});
afterAll(() => server.stop());

/** One transaction: the action, a pause with its locks held, and then an end of some kind. */
async function takeTurn({ sql }: Session, random: Random, shared: Shared): Promise<void> {
  const action = random.pick(ACTIONS);
  const pauses = random.chance(0.3) ? random.between(1, 6) : 0;
  const ending = random.next();
  await sql`begin`;
  const tell = await action(sql, random, shared);
  for (let pause = 0; pause < pauses; pause += 1) await sql`select 1`;
  if (ending < 0.05) throw Object.assign(new Error('Rolled back'), { code: ROLLED_BACK });
  if (ending < 0.08) await sql`select pg_terminate_backend(pg_backend_pid())`;
  await sql`commit`;
  tell?.();
}

/** Takes its turns; resolves to the errors that belong to the game, counted. Anything else, deadlocks included, rejects. */
async function act(url: string, random: Random, shared: Shared, turns: number): Promise<Record<string, number>> {
  const errors: Record<string, number> = {};
  let session = await openSession(url);
  for (let turn = 0; turn < turns; turn += 1) {
    try {
      await takeTurn(session, random, shared);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'none';
      if (![ROLLED_BACK, CUT, SHORT].includes(code)) throw error;
      errors[code] = (errors[code] ?? 0) + 1;
      if (code === CUT) {
        await session.end();
        session = await openSession(url);
      } else await session.sql`rollback`;
    }
  }
  await session.end();
  return errors;
}

describe('credits', () => {
  const seed = randomInt(2 ** 31);

  it(`stay right through ${ACTORS * TURNS} random steps of ${ACTORS} connections, crashes among them (seed ${seed})`, async () => {
    const url = await server.createDatabase();
    await migrate({ databaseUrl: url });
    const { sql, end } = await openSession(url);
    const shared: Shared = { users: Array.from({ length: 6 }, () => randomUUID()), runs: [] };
    for (const user of shared.users) await sql`select grant_credits(${user}, 15)`;
    const random = createRandom(seed);
    const randoms = Array.from({ length: ACTORS }, () => createRandom(random.between(0, 2 ** 31)));
    const errors = await Promise.all(randoms.map((own) => act(url, own, shared, TURNS)));
    // Whether anybody ran out of credits on the way is up to the seed: here somebody has none.
    const refused = sql`insert into jobs (user_id, type, payload) values (${randomUUID()}, 'ai_generation', '{"review_text": "Fine."}')`;
    await expect(refused).rejects.toMatchObject({ code: SHORT });
    expect(await brokenRules(url)).toEqual({});
    // All of it took place: jobs of each kind of end, every kind of movement, crashes.
    const statuses = await sql<{ status: string }>`select distinct status from jobs order by 1`;
    expect(statuses.map(({ status }) => status)).toEqual(['cancelled', 'completed', 'failed', 'pending', 'processing']);
    const kinds = await sql<{ kind: string }>`select distinct kind from credit_ledger order by 1`;
    expect(kinds.map(({ kind }) => kind)).toEqual(['adjustment', 'grant', 'release', 'reserve', 'settle']);
    const codes = Object.keys(Object.assign({}, ...errors)).filter((code) => code !== SHORT);
    expect(codes.sort()).toEqual([CUT, ROLLED_BACK].sort());
    await end();
  }, 60_000);
});
