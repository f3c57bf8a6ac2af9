import { z } from 'zod';
import type { Api } from '../api.ts';
import { defineCommand, flag, manyArguments, type Outcome, option } from '../command.ts';
import { deadLetter, filterOf, filters, groupList, PAGE } from '../dead-letters.ts';
import { UsageError } from '../errors.ts';
import { groupTable } from '../group-table.ts';
import { columns as aligned } from '../table.ts';
import { numberUpTo, text, wholeNumber } from '../values.ts';

const MOST_REPLAYED = 10_000;
const MOST_IDS = 1_000;
const FASTEST = 1_000;

const one = z.object({ jobId: z.string(), deduplicated: z.boolean() });
const many = z.object({ replayed: z.number(), skipped: z.array(z.object({ id: z.string(), reason: z.string() })) });

export const deadLettersReplay = defineCommand({
  name: 'dead-letters replay',
  summary: 'Run failed jobs again: some by their ids, a group, or what a filter finds',
  details: [
    'A filter leaves out what was replayed before; an id does not. Jobs that cost credits are paid for again; those whose user is short are skipped.',
    'Exit code 1 when any was skipped.',
  ],
  examples: [
    'dead-letters replay 5a0c1c9e-3b58-4f0e-8f43-3b8a9a1f0c55',
    'dead-letters replay --fingerprint f00dfeedf00dfeed --rate 5',
    'dead-letters replay --queue review-ai --since 1d --limit 500 --dry-run',
  ],
  arguments: { ids: manyArguments(text('id'), 'as listed; instead of a filter') },
  options: {
    ...filters,
    all: flag('all that were not replayed: instead of a filter'),
    rate: option(numberUpTo(FASTEST), 'jobs put back to work per second; 10 when left out'),
    limit: option(wholeNumber(1, MOST_REPLAYED), `at most so many, oldest first; 1000 when left out`),
    'dry-run': flag('show what would be replayed'),
  },
  async run({ ids }, { all, rate, limit = 1_000, 'dry-run': dryRun, ...given }, { api, clock, columns }) {
    const filter = { ...filterOf(given), ...(all ? { replayed: false } : {}) };
    requireOneWay(ids, filter);
    const http = await api();
    if (dryRun) return ids.length > 0 ? showIds(http, ids) : showFilter(http, filter, { limit, now: clock.now(), width: columns });
    const speed = rate === undefined ? {} : { ratePerSecond: rate };
    const [id] = ids;
    if (id !== undefined && ids.length === 1) return replayOne(http, id);
    return replayMany(http, ids.length > 0 ? { ids, ...speed } : { filter, limit, ...speed });
  },
});

function requireOneWay(ids: readonly string[], filter: object): void {
  const filtered = Object.keys(filter).length > 0;
  if (ids.length > 0 && filtered) throw new UsageError('Ids and a filter at once: give one of them.');
  if (ids.length === 0 && !filtered) throw new UsageError('Which ones? Give ids, a filter such as --fingerprint or --since, or --all.');
  if (ids.length > MOST_IDS) throw new UsageError(`Give at most ${MOST_IDS} ids at once.`);
}

async function replayOne(api: Api, id: string): Promise<Outcome> {
  const answer = await api.post(one, '/api/dead-letters/replay', { id });
  const how = answer.deduplicated ? 'such a job is at work already' : 'put back to work';
  return { data: { replayed: 1, skipped: [], ...answer }, text: `${id} ${how}: job ${answer.jobId}` };
}

async function replayMany(api: Api, body: object): Promise<Outcome> {
  const answer = await api.post(many, '/api/dead-letters/replay', body);
  const { replayed, skipped } = answer;
  const lines = [`${replayed} put back to work${skipped.length > 0 ? `, ${skipped.length} skipped:` : ''}`];
  if (skipped.length > 0) lines.push(aligned(skipped.map(({ id, reason }) => [`  ${id}`, reason])));
  return { data: answer, text: lines.join('\n'), ok: skipped.length === 0 };
}

async function showIds(api: Api, ids: readonly string[]): Promise<Outcome> {
  const shape = z.object({ deadLetter });
  const letters = await Promise.all(ids.map(async (id) => (await api.get(shape, `/api/dead-letters/${encodeURIComponent(id)}`)).deadLetter));
  const rows = letters.map((letter) => [`  ${letter.id}`, letter.queue, letter.name, letter.error]);
  return { data: { dryRun: true, wouldReplay: letters.length, deadLetters: letters }, text: `Would replay ${letters.length}:\n${aligned(rows)}` };
}

/** Groups are counted by the database, so that no number of failures is too large to look at first. */
async function showFilter(
  api: Api,
  filter: object,
  { limit, now, width }: { limit: number; now: number; width: number | undefined },
): Promise<Outcome> {
  const { groups } = await api.get(groupList, '/api/dead-letters/groups', { ...filter, replayed: false, limit: PAGE });
  const found = groups.reduce((sum, { open }) => sum + open, 0);
  const wouldReplay = Math.min(found, limit);
  // Beyond the hundredth group the number is a lower bound.
  const atLeast = groups.length === PAGE ? 'at least ' : '';
  const data = { dryRun: true, wouldReplay, found, groups };
  if (found === 0) return { data, text: 'Would replay none: no open dead letter is found.' };
  const capped = wouldReplay < found ? ` (the oldest of ${atLeast}${found}; --limit ${limit})` : '';
  return { data, text: `Would replay ${atLeast && !capped ? atLeast : ''}${wouldReplay}${capped}:\n\n${groupTable(groups, now, width)}` };
}
