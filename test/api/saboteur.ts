import { createClient } from '@supabase/supabase-js';
import type { Db } from '../../lib/db/types.ts';
import type { EmbeddedTestDb } from '../support/pglite.ts';
import { signUp } from '../support/users.ts';

/** The database, with a saboteur in front: it fails every call, or reports missing migrations, on command. */
export function sabotage({ db, ...server }: EmbeddedTestDb) {
  let broken: Error | undefined;
  let missingMigrations: string[] = [];
  let lookUps = 0;
  const guarded = <T extends object>(table: T): T =>
    new Proxy(table, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          if (broken) throw broken;
          return Reflect.apply(method, target, args);
        };
      },
    });
  const sabotaged: Db = {
    ...db,
    stories: guarded(db.stories),
    failedJobs: guarded(db.failedJobs),
    outbox: guarded(db.outbox),
    jobRows: guarded(db.jobRows),
    reviewJobs: guarded(db.reviewJobs),
    credits: guarded(db.credits),
    conversations: guarded(db.conversations),
    connections: guarded(db.connections),
    messages: guarded(db.messages),
    deals: guarded(db.deals),
    documents: guarded(db.documents),
    emails: guarded(db.emails),
    dealSources: guarded(db.dealSources),
    dealSteps: guarded(db.dealSteps),
    briefs: guarded(db.briefs),
    analyticsJobs: guarded(db.analyticsJobs),
    userOf: async (jwt) => {
      lookUps += 1;
      if (broken) throw broken;
      return db.userOf(jwt);
    },
    check: async () => {
      if (broken) throw broken;
      const found = await db.check();
      return { missingMigrations: [...found.missingMigrations, ...missingMigrations] };
    },
  };
  return {
    ...sabotaged,
    /** Every call fails with this from now on; undefined heals. */
    breakWith: (error: Error | undefined) => {
      broken = error;
    },
    pretendMissing: (migrations: string[]) => {
      missingMigrations = migrations;
    },
    /** How often the Auth server was asked. */
    lookUps: () => lookUps,
    signUp: () => signUp(server),
    /** Rows of a table, read and written by nobody but the service role. */
    table: (name: string) =>
      createClient(server.url, server.serviceKey, { global: { fetch: server.fetch }, auth: { persistSession: false } }).from(name),
  };
}
