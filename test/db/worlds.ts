import { createDb } from '../../lib/db/client.ts';
import type { Db, LocalScores, NewFailedJob, NewStory, RefinedScores } from '../../lib/db/types.ts';
import { startLiteServer } from '../support/lite.ts';
import { startEmbeddedDb } from '../support/pglite.ts';
import { startPostgres } from '../support/postgres.ts';
import type { AuthServer } from '../support/users.ts';

/** One database and how to reach it; `stop` ends all of it. */
export interface World extends AuthServer {
  db: Db;
  serviceKey: string;
  stop(): Promise<void>;
}

/** The two ways in which Hivepulse reaches its tables. */
export const worlds: readonly (readonly [string, () => Promise<World>])[] = [
  ['PGlite in this process', async () => startEmbeddedDb()],
  ['a real Postgres through @supabase/lite over HTTP', overHttp],
];

async function overHttp(): Promise<World> {
  const postgres = await startPostgres({ migrated: true });
  const lite = await startLiteServer(postgres.url);
  const { url, serviceKey, publishableKey } = lite;
  const db = createDb({ url, serviceKey, publishableKey });
  const stop = async () => {
    await db.close();
    await lite.stop();
    await postgres.stop();
  };
  return { db, url, serviceKey, publishableKey, stop };
}

export const localScores: LocalScores = {
  hypeScore: 6.5,
  ethicsScore: 3.2,
  reasons: [{ score: 'hype', rule: 'superlative', evidence: 'revolutionary', effect: 1.5 }],
  version: '1',
};

export const refinedScores: RefinedScores = {
  hypeScore: 7.2,
  ethicsScore: 4.8,
  realityCheck: 'Claims need verification from independent sources',
  claims: [{ claim: 'It is new', verdict: 'unverified', quote: 'a new model' }],
  eli5Summary: 'A new AI system was announced.',
  eli5Grade: 4.1,
  provider: 'local',
  model: 'local',
  promptVersion: '1',
};

export const newStory = (changes: Partial<NewStory> = {}): NewStory => ({
  userId: null,
  title: 'New AI Model Raises Privacy Concerns',
  content: 'A new AI model has been released…',
  sectorTag: 'AI Ethics',
  impactTags: ['privacy', 'a "quoted", tag'],
  localScores,
  ...changes,
});

export const newFailure = (changes: Partial<NewFailedJob> = {}): NewFailedJob => ({
  queue: 'story-enhancement',
  name: 'enhance',
  jobId: crypto.randomUUID(),
  run: 1,
  payload: { storyId: crypto.randomUUID() },
  error: 'Story does not exist',
  stack: null,
  attempts: 3,
  userId: null,
  correlationId: 'c-1',
  ...changes,
});
