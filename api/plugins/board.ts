import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import { FastifyAdapter } from '@bull-board/fastify';
import { currentContext } from '../../lib/context.ts';
import type { Logger } from '../../lib/log.ts';
import type { Access } from '../access.ts';
import type { App, BoardQueue } from '../deps.ts';
import { answerFor } from '../errors.ts';

const BOARD_PATH = '/admin/queues';
const access: Access = 'board';

/**
 * Bull Board, to look at. Read-only: every queue's work has a row, and the row is the truth. Removing or retrying a job
 * behind its back would leave the two telling different stories; `DELETE …/jobs/:id` and `POST …/retry` do it right.
 */
export async function mountBoard(
  app: App,
  queues: readonly BoardQueue[],
  { log, bodyLimitBytes }: { log: Logger; bodyLimitBytes: number },
): Promise<void> {
  const adapter = new FastifyAdapter().setBasePath(BOARD_PATH);
  // Where npm keeps two copies of @bull-board/api, their classes differ by a private field alone.
  const serverAdapter = adapter as unknown as IServerAdapter;
  createBullBoard({
    queues: queues.map(toAdapter),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Hivepulse', hideRedisDetails: true, miscLinks: [{ text: 'API', url: '/docs' }] } },
  });
  // After createBullBoard, which sets one of its own: refusals at the door and failures behind it look like everywhere else.
  adapter.setErrorHandler((error) => {
    const { status, body, unexpected } = answerFor(error, { correlationId: currentContext().correlationId ?? 'unknown', bodyLimitBytes });
    if (unexpected) log.error({ event: 'http.error', err: error }, 'Bull Board request failed');
    // Its type lists the statuses that Bull Board itself answers with; any number is passed on.
    return { status: status as 500, body };
  });
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access };
      route.schema = { ...route.schema, hide: true };
    });
    await scope.register(adapter.registerPlugin(), { prefix: BOARD_PATH });
  });
}

function toAdapter(queue: BoardQueue): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true });
  adapter.setFormatter('data', redact);
  adapter.setFormatter('returnValue', redact);
  return adapter;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Ours, short, and never a user's words. */
const TELLING = new Set([
  'correlationId',
  'enqueuedAt',
  'requestId',
  'provider',
  'model',
  'promptVersion',
  'current_step',
  'date',
  'syncType',
  'sourceType',
]);

/** The shape of a payload or result: keys, ids, numbers; never texts, which may be anybody's mail. */
export function redact(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => redact(item, key));
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redact(item, name)]));
  if (typeof value !== 'string' || UUID.test(value) || TELLING.has(key)) return value;
  return `[${value.length} characters]`;
}
