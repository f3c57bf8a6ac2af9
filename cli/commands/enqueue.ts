import { readFile } from 'node:fs/promises';
import { messageOf } from '../../lib/errors.ts';
import type { EnqueueOptions } from '../../lib/queue/types.ts';
import { argument, type Context, defineCommand, flag, option, optionalArgument } from '../command.ts';
import { UsageError } from '../errors.ts';
import { duration, queueName, text, wholeNumber } from '../values.ts';

const HIGHEST_PRIORITY = 2_097_152;

export const enqueue = defineCommand({
  name: 'enqueue',
  summary: 'Put a job on a queue',
  details: [
    'The payload is JSON: as it is, - for standard input, or @file. Row-backed kinds are paid for and stored as from an app.',
    'Where the answer says that it is unknown whether the job was taken, repeat the line with the --key it names.',
  ],
  examples: [
    `enqueue story-enhancement enhance '{"storyId":"…"}' --priority 5`,
    `enqueue review-ai sentiment_analysis @review.json --user <user id>`,
    `jq … | hivepulse enqueue review-ai ai_generation - --user <user id>`,
  ],
  arguments: {
    queue: argument(queueName, 'where it goes'),
    name: argument(text('name'), 'kind of job, for example enhance'),
    payload: optionalArgument(text('payload'), 'JSON, - or @file; {} when left out'),
  },
  options: {
    user: option(text('id'), 'whose job it is'),
    priority: option(wholeNumber(0, HIGHEST_PRIORITY), 'lower first; 0, before all others, when left out'),
    delay: option(duration, 'start no sooner than in 30s, 5m, 2h …'),
    id: option(text('id'), 'name of the job; a uuid where it has a row of its own'),
    key: option(text('key'), 'idempotency key: the same one makes the job at most once'),
    'correlation-id': option(text('id'), 'stands in every log line of the job'),
    force: flag('run and pay again although nothing has changed'),
  },
  async run({ queue, name, payload }, options, context) {
    const request = { queue, name, payload: await readPayload(payload, context), options: optionsOf(options) };
    const made = await (await context.api()).enqueue(request);
    const how = made.deduplicated ? 'was there already' : 'is queued';
    return { data: made, text: `${made.jobId} ${how} on ${made.queue}` };
  },
});

interface Given {
  user?: string;
  priority?: number;
  delay?: number;
  id?: string;
  key?: string;
  'correlation-id'?: string;
  force?: true;
}

function optionsOf({ user, id, key, 'correlation-id': correlationId, ...rest }: Given): EnqueueOptions {
  return {
    ...rest,
    ...(user ? { userId: user } : {}),
    ...(id ? { jobId: id } : {}),
    ...(key ? { idempotencyKey: key } : {}),
    ...(correlationId ? { correlationId } : {}),
  };
}

async function readPayload(given: string | undefined, context: Context): Promise<unknown> {
  const written = given === undefined ? '{}' : await readText(given, context);
  try {
    return JSON.parse(written);
  } catch (error) {
    const where = given === '-' ? 'Standard input' : given?.startsWith('@') ? given.slice(1) : '<payload>';
    throw new UsageError(`${where} is not JSON: ${messageOf(error)}`);
  }
}

async function readText(given: string, { input }: Context): Promise<string> {
  if (given === '-') return readAll(input);
  if (!given.startsWith('@')) return given;
  return readFile(given.slice(1), 'utf8').catch((error: unknown) => {
    throw new UsageError(`The payload cannot be read: ${messageOf(error)}`);
  });
}

async function readAll(input: Context['input']): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
