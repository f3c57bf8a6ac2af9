import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { systemClock } from '../../lib/clock.ts';
import { fingerprintOf } from '../../lib/db/fingerprint.ts';
import { decodeCursor, encodeCursor } from '../../lib/db/rows.ts';
import type { Db, FailedJob, FailedJobsTable, Page, StoriesTable, Story } from '../../lib/db/types.ts';

export interface MemoryDb extends Db {
  /** Signs a user up and in: a JWT that `userOf` and `forUser` take. */
  signUp(options?: { expiresInSeconds?: number }): Promise<{ id: string; jwt: string }>;
  /** How often the "Auth server" was asked. */
  readonly lookUps: number;
  /** Fails every call from now on with this; undefined heals. */
  breakWith(error: Error | undefined): void;
  /** What `check` reports. */
  missingMigrations: string[];
  rows: { stories: Story[]; failedJobs: FailedJob[] };
}

const secret = new TextEncoder().encode('a secret for tests, of 32 bytes or more');

/** The tables' promises in memory, for tests about routes: the real ones stand in `test/db`. */
export function createMemoryDb(): MemoryDb {
  const rows: MemoryDb['rows'] = { stories: [], failedJobs: [] };
  const users = new Map<string, string>();
  let lookUps = 0;
  let broken: Error | undefined;

  /** Every call goes through here, so that a broken database is broken everywhere. */
  const call = async <T>(work: () => T): Promise<T> => {
    if (broken) throw broken;
    return work();
  };
  const tables = (owner?: string) => ({ stories: storiesOf(rows.stories, owner, call), failedJobs: failuresOf(rows.failedJobs, owner, call) });

  return {
    ...tables(),
    ai: { record: async () => {}, spentTodayUsd: async () => 0, cached: async () => undefined, store: async () => {} },
    forUser: (jwt) => tables(users.get(jwt) ?? 'nobody'),
    userOf: (jwt) => {
      lookUps += 1;
      const id = users.get(jwt);
      return call(() => (id === undefined ? undefined : { id }));
    },
    async check() {
      return call(() => ({ missingMigrations: this.missingMigrations }));
    },
    close: async () => {},
    async signUp({ expiresInSeconds = 3_600 } = {}) {
      const id = randomUUID();
      const jwt = await new SignJWT({ sub: id }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(`${expiresInSeconds}s`).sign(secret);
      users.set(jwt, id);
      return { id, jwt };
    },
    get lookUps() {
      return lookUps;
    },
    breakWith(error) {
      broken = error;
    },
    missingMigrations: [],
    rows,
  };
}

type Call = <T>(work: () => T) => Promise<T>;

function storiesOf(stories: Story[], owner: string | undefined, call: Call): StoriesTable {
  const mine = () => stories.filter((story) => owner === undefined || story.userId === owner);
  const change = (id: string, when: (story: Story) => boolean, changes: Partial<Story>) =>
    call(() => {
      const story = stories.find((one) => one.id === id && when(one));
      if (story) Object.assign(story, changes, { updatedAt: now() });
      return story;
    });
  const runs = new Map<string, string>();
  const holds = (id: string, runId: string) => () => runs.get(id) === runId;

  return {
    create: (story) => call(() => stories[stories.push(newStory(story)) - 1] ?? fail()),
    get: (id) => call(() => mine().find((story) => story.id === id)),
    list: ({ limit, cursor, scoringStatus, userId }) =>
      call(() => {
        const found = mine().filter((story) => (!scoringStatus || story.scoringStatus === scoringStatus) && (!userId || story.userId === userId));
        return page(found, limit, cursor, (story) => story.createdAt);
      }),
    queued: async (id, jobId) => {
      await change(id, (story) => story.jobId !== jobId, { jobId, scoringStatus: 'queued' });
    },
    begin: (id, { runId, jobId }) => {
      runs.set(id, runId);
      return change(id, () => true, { jobId, scoringStatus: 'processing' });
    },
    record: async (id, runId, refinedScores, refinedHash) => {
      const { hypeScore, ethicsScore, realityCheck, eli5Summary, claims, model, promptVersion } = refinedScores;
      const shown = { hypeScore, ethicsScore, realityCheck, eli5Summary, claims, model, promptVersion };
      const refinedJobId = stories.find((story) => story.id === id)?.jobId ?? null;
      return (await change(id, holds(id, runId), { ...shown, refinedScores, refinedHash, refinedJobId, scoringStatus: 'refined' })) !== undefined;
    },
    recordUnchanged: async (id, runId) => (await change(id, holds(id, runId), { scoringStatus: 'refined' })) !== undefined,
    end: async (id, { status, error }) => {
      await change(id, () => true, { scoringStatus: status, scoringError: error });
    },
  };
}

function newStory(story: Parameters<StoriesTable['create']>[0]): Story {
  const { hypeScore, ethicsScore } = story.localScores;
  const unrefined = {
    realityCheck: null,
    claims: [],
    eli5Summary: null,
    refinedScores: null,
    refinedHash: null,
    refinedJobId: null,
    model: null,
    promptVersion: null,
  };
  const state = { scoringStatus: 'local' as const, scoringError: null, jobId: null };
  return { id: randomUUID(), ...story, hypeScore, ethicsScore, ...unrefined, ...state, createdAt: now(), updatedAt: now() };
}

function failuresOf(failures: FailedJob[], owner: string | undefined, call: Call): FailedJobsTable {
  const mine = () => failures.filter((failure) => owner === undefined || failure.userId === owner);
  const key = ({ queue, jobId, run }: { queue: string; jobId: string; run: number }) => `${queue}/${jobId}/${run}`;
  return {
    record: (failure) =>
      call(() => {
        if (failures.some((one) => key(one) === key(failure))) return false;
        failures.push({ ...failure, id: randomUUID(), fingerprint: fingerprintOf(failure), failedAt: now(), replayedAt: null, replayedJobId: null });
        return true;
      }),
    get: (id) => call(() => mine().find((failure) => failure.id === id)),
    list: ({ limit, cursor, queue, userId }) =>
      call(() => {
        const found = mine().filter((failure) => (!queue || failure.queue === queue) && (!userId || failure.userId === userId));
        return page(found, limit, cursor, (failure) => failure.failedAt);
      }),
    recorded: (keys) => call(() => new Set(keys.map(key).filter((one) => failures.some((failure) => key(failure) === one)))),
    replayed: (id, jobId) =>
      call(() => {
        const failure = failures.find((one) => one.id === id);
        if (failure) Object.assign(failure, { replayedAt: now(), replayedJobId: jobId });
      }),
  };
}

/** Newest first; with the real cursors, which refuse what they did not make. */
function page<T extends { id: string }>(found: readonly T[], limit: number, cursor: string | undefined, timeOf: (row: T) => string): Page<T> {
  const newest = [...found].reverse();
  const after = cursor === undefined ? undefined : decodeCursor(cursor).id;
  const start = after === undefined ? 0 : newest.findIndex(({ id }) => id === after) + 1;
  const items = newest.slice(start, start + limit);
  const last = items.at(-1);
  return { items, nextCursor: last && start + limit < newest.length ? encodeCursor(timeOf(last), last.id) : null };
}

function now(): string {
  return new Date(systemClock.now()).toISOString();
}

function fail(): never {
  throw new Error('unreachable');
}
