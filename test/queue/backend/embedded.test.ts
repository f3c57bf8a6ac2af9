import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueNames } from '../../../lib/jobs/index.ts';
import { type EmbeddedQueue, openEmbeddedQueue } from '../../../lib/queue/backend/embedded.ts';
import { createPostgresBackend } from '../../../lib/queue/backend/postgres.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { backendSuite, roundTrip } from './suite.ts';

let embedded: EmbeddedQueue;
let backend: QueueBackend;

beforeAll(async () => {
  embedded = await openEmbeddedQueue({ dataDir: ':memory:' });
  backend = createPostgresBackend({ pool: embedded.pool, role: 'worker' });
}, 60_000);
afterAll(async () => {
  await backend.close();
  await embedded.close();
});

describe('queues on PGlite', () => {
  backendSuite(() => backend);

  it('carries the jobs of all queues at once', async () => {
    await Promise.all(queueNames.map((name) => roundTrip(backend, name)));
  });

  it('finds nothing wrong', async () => {
    expect(await backend.check()).toEqual([]);
  });

  it('does not take a refusal for a lost connection', async () => {
    const refused: unknown = await embedded.pool.query('select nothing').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Error);
    expect(backend.isConnectionError(refused)).toBe(false);
  });

  it('hands 64-bit integers out as text, as pg does', async () => {
    const { rows } = await embedded.pool.query<{ big: unknown }>('select $1::bigint as big', ['9007199254740993']);
    expect(rows).toEqual([{ big: '9007199254740993' }]);
  });

  it('keeps its jobs over a restart of the process', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hivepulse-embedded-'));
    for (const jobId of ['first', 'second']) {
      const again = await openEmbeddedQueue({ dataDir: join(dir, 'queue') });
      const reopened = createPostgresBackend({ pool: again.pool, role: 'worker' });
      await reopened.queue('story-enhancement').add('enhance', {}, { jobId });
      if (jobId === 'second') {
        expect((await reopened.queue('story-enhancement').getJobs(['waiting'])).map(({ id }) => id).toSorted()).toEqual(['first', 'second']);
      }
      await reopened.close();
      await again.close();
    }
    await rm(dir, { recursive: true, force: true });
  }, 60_000);
});
