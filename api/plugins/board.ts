import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import type { Access } from '../access.ts';
import type { App } from '../deps.ts';
import { answerFor } from '../errors.ts';

export const BOARD_PATH = '/admin/queues';
const access: Access = 'admin';

/**
 * Bull Board, to look at. Read-only: every queue's work has a row, and the row is the truth. Removing or retrying a job
 * behind its back would leave the two telling different stories; `DELETE …/jobs/:id` and `POST …/retry` do it right.
 */
export async function mountBoard(app: App, queues: readonly Queue[], bodyLimitBytes: number): Promise<void> {
  const serverAdapter = new FastifyAdapter().setBasePath(BOARD_PATH);
  createBullBoard({
    queues: queues.map(toAdapter),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Hivepulse', hideRedisDetails: true, miscLinks: [{ text: 'API', url: '/docs' }] } },
  });
  serverAdapter.setErrorHandler((error) => {
    const { status, body } = answerFor(error, { correlationId: 'unknown', bodyLimitBytes });
    return { status, body };
  });
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access };
      route.schema = { ...route.schema, hide: true };
    });
    await scope.register(serverAdapter.registerPlugin(), { prefix: BOARD_PATH });
  });
}

function toAdapter(queue: Queue): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true });
  adapter.setFormatter('data', redact);
  adapter.setFormatter('returnValue', redact);
  return adapter;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Ours, short, and never a user's words. */
const TELLING = new Set(['correlationId', 'enqueuedAt', 'requestId', 'provider', 'model', 'promptVersion', 'current_step', 'date', 'syncType', 'sourceType']);

/** The shape of a payload or result: keys, ids, numbers; never texts, which may be anybody's mail. */
export function redact(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => redact(item, key));
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redact(item, name)]));
  if (typeof value !== 'string' || UUID.test(value) || TELLING.has(key)) return value;
  return `[${value.length} characters]`;
}
