import { z } from 'zod';
import { jobColumns, toJobFields } from './job-fields.ts';
import type { AnalyticsJob, AnalyticsJobsTable } from './mail-types.ts';
import { newestFirst } from './newest-first.ts';
import { answer, type Client, firstRow, parseRow } from './rest.ts';
import { isUuid } from './rows.ts';

const row = z.object({
  ...jobColumns,
  // Plain SQL may write anything there: see `hivepulse_params`.
  params: z.record(z.string(), z.unknown()).catch({}),
  last_error: z.string().nullable(),
});

function parseAnalyticsJob(value: unknown): AnalyticsJob {
  const found = parseRow(row, value, 'analytics_jobs');
  return { ...toJobFields(found), params: found.params, error: found.last_error };
}

/** `analytics_jobs`, to be read: as the service role, or as a signed-in user. They are asked for through `jobRows`. */
export function createAnalyticsJobsTable(client: Client): AnalyticsJobsTable {
  return {
    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.from('analytics_jobs').select().eq('id', id).limit(1)));
      return found === undefined ? undefined : parseAnalyticsJob(found);
    },

    list: async ({ limit, cursor, userId, status }) =>
      newestFirst(client, 'analytics_jobs', { limit, cursor, where: { user_id: userId, status } }, parseAnalyticsJob),
  };
}
