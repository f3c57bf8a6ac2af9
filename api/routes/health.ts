import { z } from 'zod';
import { SECOND } from '../../lib/clock.ts';
import { checkReadiness, isReady } from '../../lib/readiness.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, success } from '../schemas.ts';

/** A worker that polled within this time is healthy (seed 001). */
const HEALTHY_WITHIN_MS = 30 * SECOND;

const tags = ['health'];
const checks = z.object({ queue: z.string(), database: z.string() });

export function healthRoutes(app: App, deps: ApiDeps): void {
  app.get('/health/live', {
    config: { access: 'open' },
    schema: {
      tags,
      summary: 'The process answers, and its workers, where it has any, fetch jobs',
      response: { 200: success(z.object({ live: z.literal(true) })), ...failures },
    },
    handler: async () => {
      if (deps.workers.silent?.().length) throw new HttpError(503, 'not_live', 'Jobs wait and are not fetched.');
      return answer({ live: true as const });
    },
  });

  app.get('/health/ready', {
    config: { access: 'optional' },
    schema: {
      tags,
      summary: 'Queue and database answer, and all migrations are applied',
      response: { 200: success(z.object({ ready: z.literal(true), checks: checks.optional() })), ...failures },
    },
    handler: async (request) => {
      const parts = await checkReadiness({ ping: deps.queue.ping, database: () => deps.db.check(), log: deps.log });
      const details = request.caller ? { checks: parts } : undefined;
      if (isReady(parts)) return answer({ ready: true as const, ...details });
      throw new HttpError(503, 'not_ready', 'Not ready to take work.', details);
    },
  });

  app.get('/api/worker/health', {
    config: { access: 'open' },
    schema: {
      tags,
      summary: 'Whether a worker polled within the last 30 s',
      response: {
        200: z.object({ healthy: z.boolean(), lastPoll: z.number().nullable().describe('Milliseconds since 1970; null = never') }),
        ...failures,
      },
    },
    handler: async () => {
      const lastPoll = (await deps.workers.lastPoll()) ?? null;
      return { healthy: lastPoll !== null && deps.clock.now() - lastPoll < HEALTHY_WITHIN_MS, lastPoll };
    },
  });
}
