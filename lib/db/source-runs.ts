import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { SYNC_TYPES } from '../jobs/source-sync.ts';
import { jsonPages } from './json-pages.ts';
import { type Client, callJson } from './rest.ts';
import { integer, isUuid, jsonText } from './rows.ts';
import type { AppliedItem, BegunSourceRun, ListedItem, SourceRuns } from './source-types.ts';
import { dealSource, sourceSync } from './sources.ts';

const begun: z.ZodType<BegunSourceRun> = z.discriminatedUnion('state', [
  z.object({ state: z.literal('missing') }),
  z.object({ state: z.literal('paused') }),
  z.object({ state: z.literal('finished'), sync: sourceSync }),
  z.object({
    state: z.literal('run'),
    source: dealSource,
    sync: sourceSync,
    mode: z.enum(SYNC_TYPES),
    cursor: z.string().nullable(),
    paths: z.array(z.string()),
  }),
]);
const plan = z.record(z.string(), z.enum(['content', 'meta', 'skip']));
const paths = z.object({ paths: z.array(z.string()) });
const turned = paths.extend({ deleted: integer, more: z.boolean() });

/** What a server in front of the database takes in one call. */
const BYTES_PER_CALL = 1_000_000;

/** What syncs store, as the service role. */
export function createSourceRuns(client: Client): SourceRuns {
  const held = async <T>(name: string, { sourceId, runId }: { sourceId: string; runId: string }, args: object, schema: z.ZodType<T>) =>
    (await callJson(client, name, { p_source: sourceId, p_run: runId, ...args }, schema.nullable())) ?? undefined;

  return {
    begin: async (run) => (isUuid(run.sourceId) ? callJson(client, 'begin_source_run', { p_run: jsonText(run) }, begun) : { state: 'missing' }),

    restart: async (run) => (await held('restart_source_run', run, {}, z.boolean())) === true,

    async plan(run, items) {
      const planned = new Map<string, z.infer<typeof plan>[string]>();
      for (const page of jsonPages(items.map(listedPart), BYTES_PER_CALL)) {
        const found = await held('plan_source_items', run, { p_items: page }, plan);
        if (!found) return undefined;
        for (const [ref, what] of Object.entries(found)) planned.set(ref, what);
      }
      return planned;
    },

    async apply(run, items: readonly AppliedItem[]) {
      const all: string[] = [];
      for (const page of jsonPages(items, BYTES_PER_CALL)) {
        const applied = await held('apply_source_items', run, { p_items: page, p_call: randomUUID() }, paths);
        if (!applied) return undefined;
        all.push(...applied.paths);
      }
      return { paths: all };
    },

    turn: (run, page) => held('turn_source_page', run, { p_page: jsonText(page), p_call: randomUUID() }, turned),

    end: (run, ending) => held('end_source_run', run, { p_ending: jsonText(ending) }, sourceSync),

    endJob: async (jobId, ending) => callJson(client, 'end_source_sync', { p_job: jobId, p_ending: jsonText(ending) }, integer),
  };
}

const listedPart = ({ ref, version, name, place, path, skip }: ListedItem) => ({ ref, version, name, place, path, skip });
