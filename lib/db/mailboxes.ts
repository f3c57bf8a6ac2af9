import { z } from 'zod';
import { JobAbortedError } from '../errors.ts';
import { requireUuid } from './job-rows.ts';
import { jsonPages } from './json-pages.ts';
import type { MailboxChanges, MailboxesTable, MailboxRun } from './mail-types.ts';
import { type Client, callJson } from './rest.ts';
import { isUuid, jsonText } from './rows.ts';

/** A megabyte of JSON, about two in the body of the call: a larger message goes alone. More holds the account's row for longer, and some servers refuse it. */
const BYTES_PER_CALL = 1_000_000;
/** Some twenty bytes each. */
const IDS_PER_CALL = 50_000;

const count = z.int();
const recorded = z.object({ deleted: count, relabelled: count, messages: count });
const tallied = z.object({
  found: count,
  fetched: count,
  gone: count,
  failed: count,
  deleted: count,
  relabelled: count,
  units: count,
  calls: count,
  milliseconds: count,
});

/** What fetches write to `message_cache`, as the service role. */
export function createMailboxesTable(client: Client): MailboxesTable {
  async function fenced<T>(name: string, run: MailboxRun, args: Record<string, unknown>, schema: z.ZodType<T>): Promise<T> {
    if (!isUuid(run.jobId) || !isUuid(run.connectionId)) throw lost(run);
    const ids = { p_job_id: run.jobId, p_run_id: run.runId, p_connection_id: run.connectionId };
    const answered = await callJson(client, name, { ...ids, ...args }, schema.nullable());
    if (answered === null) throw lost(run);
    return answered;
  }

  return {
    async cached(userId, ids) {
      const found = new Set<string>();
      for (let start = 0; start < ids.length; start += IDS_PER_CALL) {
        const args = { p_user_id: requireUuid('userId', userId), p_ids: jsonText(ids.slice(start, start + IDS_PER_CALL)) };
        for (const id of await callJson(client, 'cached_messages', args, z.array(z.string()))) found.add(id);
      }
      return found;
    },

    async store(run, messages) {
      let added = 0;
      for (const page of jsonPages(messages, BYTES_PER_CALL)) added += await fenced('store_messages', run, { p_messages: page }, count);
      return added;
    },

    async addTally(run, tally) {
      if (!isUuid(run.jobId)) throw lost(run);
      const args = { p_job_id: run.jobId, p_run_id: run.runId, p_tally: jsonText(tally) };
      const sums = await callJson(client, 'add_fetch_tally', args, tallied.nullable());
      if (sums === null) throw lost(run);
      return sums;
    },

    record: (run, changes) => fenced('record_mailbox', run, { p_changes: changesText(changes) }, recorded),
  };
}

const lost = ({ jobId, connectionId }: MailboxRun) =>
  new JobAbortedError('superseded', `Row ${jobId} was taken over while the job ran, or the account ${connectionId} was disconnected`);

function changesText({ labels = [], ...changes }: MailboxChanges): string {
  return jsonText({ ...changes, labels: netLabels(labels) });
}

/** Each message once: of what happened to one of its labels, the last counts. */
function netLabels(labels: NonNullable<MailboxChanges['labels']>): { id: string; added: string[]; removed: string[] }[] {
  const messages = new Map<string, Map<string, 'added' | 'removed'>>();
  for (const { id, added, removed } of labels) {
    const last = messages.get(id) ?? new Map<string, 'added' | 'removed'>();
    for (const label of removed) last.set(label, 'removed');
    for (const label of added) last.set(label, 'added');
    messages.set(id, last);
  }
  return [...messages].map(([id, last]) => {
    const { added = [], removed = [] } = Object.groupBy(last.keys(), (label) => last.get(label) ?? 'added');
    return { id, added, removed };
  });
}
