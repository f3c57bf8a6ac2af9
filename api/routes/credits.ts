import { z } from 'zod';
import { rowCallerOf, userIdOf } from '../access.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, idempotencyHeader, idempotencyKey, pageQuery, success, text } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const tags = ['credits'];

const movement = z.object({
  id: z.string(),
  amount: z.number().describe('What the balance changed by; 0 where credits that a job held were settled'),
  kind: z.enum(['opening', 'grant', 'adjustment', 'reserve', 'settle', 'release']),
  balanceAfter: z.number(),
  jobId: z.string().nullable(),
  run: z.number().nullable(),
  note: z.string().nullable(),
  createdAt: z.string(),
});

const grant = z.object({
  userId: z.guid('must be the uuid of a user').toLowerCase(),
  amount: z.int().min(1).max(1_000_000_000),
  note: text({ max: 500 }).optional(),
  idempotencyKey: idempotencyKey.optional().describe('Instead of the header; per user'),
});

export function creditRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.get('/api/credits', {
    schema: {
      tags,
      summary: 'Balance, prices, and the ledger, newest movement first',
      description: 'A service names the user in `X-User-Id`.',
      querystring: pageQuery,
      response: {
        200: success(
          z.object({
            userId: z.string(),
            balance: z.number(),
            prices: z.record(z.string(), z.number()).describe('Credits per job, by type'),
            ledger: z.array(movement),
            nextCursor: z.string().nullable(),
          }),
        ),
        ...failures,
      },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const userId = userIdOf(caller);
      const { credits } = visible.rows(caller);
      const { limit, cursor } = request.query;
      const [balance, prices, page] = await Promise.all([
        credits.balance(userId),
        // The same for all, and open to the service role alone.
        deps.db.credits.prices(),
        credits.ledger({ userId, limit, ...(cursor ? { cursor } : {}) }),
      ]);
      return answer({ userId, balance, prices, ledger: page.items, nextCursor: page.nextCursor });
    },
  });

  app.post('/api/credits/grant', {
    config: { access: 'service' },
    schema: {
      tags,
      summary: 'Give a user credits',
      description: 'Repeating a call with the same `Idempotency-Key` adds them once.',
      headers: idempotencyHeader,
      body: grant.meta({ examples: [{ userId: '00000000-0000-4000-8000-000000000000', amount: 100, note: 'Starter pack' }] }),
      response: {
        200: success(z.object({ userId: z.string(), balance: z.number(), granted: z.literal(false) })).describe('They were given before'),
        201: success(z.object({ userId: z.string(), balance: z.number(), granted: z.literal(true) })),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const { userId, amount, note } = request.body;
      const key = request.body.idempotencyKey ?? request.headers['idempotency-key'];
      const { balance, granted } = await deps.db.credits.grant({ userId, amount, note, idempotencyKey: key });
      if (granted) return reply.code(201).send(answer({ userId, balance, granted }));
      return reply.code(200).send(answer({ userId, balance, granted }));
    },
  });
}
