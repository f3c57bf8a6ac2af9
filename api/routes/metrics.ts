import { z } from 'zod';
import type { ApiDeps, App } from '../deps.ts';
import { failures } from '../schemas.ts';

const tags = ['health'];
const ready = z.int().describe('Jobs that a worker could start now: waiting ones, due delayed ones, and those that wait in the database for a relay');
const oldestSeconds = z.number().describe('For how long the oldest of them has waited; 0 = none waits');

/** Read by KEDA's metrics-api scaler as it stands: no envelope. */
const scale = z.object({
  queues: z.record(z.string(), z.object({ ready, oldestSeconds })).describe('By queue; a paused one has nothing ready'),
  ready: ready.describe('The sum of all queues'),
  oldestSeconds,
});

export function metricsRoutes(app: App, { metrics }: Pick<ApiDeps, 'metrics'>): void {
  app.get('/metrics', {
    config: { access: 'admin' },
    schema: { tags, summary: 'Prometheus metrics' },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()),
  });

  app.get('/metrics/scale', {
    config: { access: 'admin' },
    schema: {
      tags,
      summary: 'How much work is ready, for autoscalers',
      description:
        'A valueLocation such as `ready` or `queues.review-ai.ready` picks a number. 503 while queue or database cannot be asked: half a number would take workers away.',
      response: { 200: scale, ...failures },
    },
    handler: () => metrics.scale(),
  });
}
