import { z } from 'zod';
import { SECOND } from '../../lib/clock.ts';
import { deadlineIn, within } from '../../lib/lifecycle.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, success } from '../schemas.ts';

/** A worker that polled within this time is healthy (seed 001). */
const HEALTHY_WITHIN_MS = 30 * SECOND;
const CHECK_TIMEOUT_MS = 2 * SECOND;

const tags = ['health'];
const checks = z.object({ queue: z.string(), database: z.string() });

export function healthRoutes(app: App, deps: ApiDeps): void {
  app.get('/health/live', {
    config: { access: 'open' },
    schema: { tags, summary: 'The process answers', response: { 200: success(z.object({ live: z.literal(true) })) } },
    handler: async () => answer({ live: true as const }),
  });

  app.get('/health/ready', {
    config: { access: 'optional' },
    schema: {
      tags,
      summary: 'Queue and database answer, and all migrations are applied',
      response: { 200: success(z.object({ ready: z.literal(true), checks: checks.optional() })), ...failures },
    },
    handler: async (request) => {
      const [queue, database] = await Promise.all([checkQueue(deps), checkDatabase(deps)]);
      const details = request.caller ? { checks: { queue, database } } : undefined;
      if (queue === 'ok' && database === 'ok') return answer({ ready: true as const, ...details });
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

  app.get('/metrics', {
    config: { access: 'admin' },
    schema: { tags, summary: 'Prometheus metrics' },
    handler: async (_request, reply) => reply.type(deps.metrics.contentType).send(await deps.metrics.render()),
  });
}

/** Which one, never why: the reason may name hosts. It stands in the log. */
async function checkQueue({ queue, log }: ApiDeps): Promise<string> {
  const ping = queue.ping(CHECK_TIMEOUT_MS).then(() => 'ok');
  return within(ping, deadlineIn(CHECK_TIMEOUT_MS), 'unreachable').catch((error: unknown) => {
    log.warn({ event: 'http.not_ready', err: error }, 'queue not reachable');
    return 'unreachable';
  });
}

async function checkDatabase({ db, log }: ApiDeps): Promise<string> {
  const check = db
    .check()
    .then(({ missingMigrations: missing }) => (missing.length === 0 ? 'ok' : `migrations missing: ${missing.join(', ')} (npm run migrate)`));
  return within(check, deadlineIn(CHECK_TIMEOUT_MS), 'unreachable').catch((error: unknown) => {
    log.warn({ event: 'http.not_ready', err: error }, 'database not reachable');
    return 'unreachable';
  });
}
