import { z } from 'zod';
import type { Api } from '../api.ts';
import { argument, defineCommand, flag, option } from '../command.ts';
import { type DeadLetter, deadLetter, deadLetterPage, filterOf, filters, groupList, PAGE } from '../dead-letters.ts';
import { UsageError } from '../errors.ts';
import { groupTable } from '../group-table.ts';
import { pretty, record, table } from '../table.ts';
import { absolute, relative } from '../time.ts';
import { text, wholeNumber } from '../values.ts';

const MOST_LISTED = 10_000;

const shown = {
  ...filters,
  open: flag('only those that were not replayed'),
  replayed: flag('only those that were replayed'),
};

export const deadLettersList = defineCommand({
  name: 'dead-letters list',
  summary: 'Jobs that failed for good, newest first',
  examples: ['dead-letters list --queue review-ai --since 2h', 'dead-letters list --user <user id> --text timeout --open --json'],
  options: {
    ...shown,
    limit: option(wholeNumber(1, MOST_LISTED), 'at most so many; 20 when left out'),
    cursor: option(text('cursor'), 'go on where a list has ended'),
  },
  async run(_, { limit = 20, cursor, open, replayed, ...given }, { api, clock, columns }) {
    const query = { ...filterOf(given), ...replayedOf(open, replayed) };
    const page = await readPages(await api(), query, limit, cursor);
    const now = clock.now();
    const rows = page.deadLetters.map((letter) => [
      letter.id,
      relative(letter.failedAt, now),
      letter.queue,
      letter.name,
      state(letter),
      letter.error,
    ]);
    const listed = table(['id', 'failed', 'queue', 'kind', '', 'error'], rows, { width: columns });
    const more = page.nextCursor === null ? '' : `\n\nThere are more: --cursor ${page.nextCursor}`;
    return { data: page, text: rows.length === 0 ? 'No dead letters.' : listed + more };
  },
});

export const deadLettersGroups = defineCommand({
  name: 'dead-letters groups',
  summary: 'Jobs that failed for good by their cause, most failures first',
  details: ['Two thousand failures that are three errors are three lines. `open`: not replayed yet.'],
  examples: ['dead-letters groups --since 1d', 'dead-letters groups --queue review-ai --open'],
  options: { ...shown, limit: option(wholeNumber(1, PAGE), 'at most so many; 20 when left out') },
  async run(_, { limit = 20, open, replayed, ...given }, { api, clock, columns }) {
    const query = { ...filterOf(given), ...replayedOf(open, replayed), limit };
    const { groups } = await (await api()).get(groupList, '/api/dead-letters/groups', query);
    return { data: { groups }, text: groups.length === 0 ? 'No dead letters.' : groupTable(groups, clock.now(), columns) };
  },
});

export const deadLettersShow = defineCommand({
  name: 'dead-letters show',
  summary: 'A job that failed for good, with payload and stack',
  examples: ['dead-letters show 5a0c1c9e-3b58-4f0e-8f43-3b8a9a1f0c55'],
  arguments: { id: argument(text('id'), 'as listed') },
  async run({ id }, _, { api, clock }) {
    const shape = z.object({ deadLetter });
    const { deadLetter: found } = await (await api()).get(shape, `/api/dead-letters/${encodeURIComponent(id)}`);
    return { data: found, text: describe(found, clock.now()) };
  },
});

function replayedOf(open: true | undefined, replayed: true | undefined): { replayed?: boolean } {
  if (open && replayed) throw new UsageError('--open and --replayed leave nothing: give one of them.');
  return open || replayed ? { replayed: replayed === true } : {};
}

type Page = z.infer<typeof deadLetterPage>;

/** The API gives a hundred at a time. */
async function readPages(api: Api, query: Record<string, unknown>, limit: number, cursor: string | undefined): Promise<Page> {
  const page = await api.get(deadLetterPage, '/api/dead-letters', { ...query, limit: Math.min(PAGE, limit), cursor });
  const left = limit - page.deadLetters.length;
  if (page.nextCursor === null || left <= 0) return page;
  const rest = await readPages(api, query, left, page.nextCursor);
  return { deadLetters: [...page.deadLetters, ...rest.deadLetters], nextCursor: rest.nextCursor };
}

const state = ({ replayedAt }: DeadLetter): string => (replayedAt === null ? '' : 'replayed');

function describe(letter: DeadLetter, now: number): string {
  return record([
    ['dead letter', letter.id],
    ['queue', letter.queue],
    ['kind', letter.name],
    ['job', letter.jobId],
    ['run', `${letter.run}, after ${letter.attempts} ${letter.attempts === 1 ? 'attempt' : 'attempts'}`],
    ['user', letter.userId ?? undefined],
    ['failed', absolute(letter.failedAt, now)],
    [
      'replayed',
      letter.replayedAt === null
        ? 'no'
        : `${absolute(letter.replayedAt, now)}, as job ${letter.replayedJobId}${letter.replayedBy ? `, by ${letter.replayedBy}` : ''}`,
    ],
    ['correlation', letter.correlationId ?? undefined],
    ['fingerprint', letter.fingerprint],
    ['error', letter.error],
    ['payload', pretty(letter.payload)],
    ['stack', letter.stack ?? undefined],
  ]);
}
