import { NotFoundError } from '../../lib/errors.ts';
import type { CancelOutcome } from '../../lib/queue/types.ts';
import { argument, defineCommand, option } from '../command.ts';
import { queueName, text } from '../values.ts';

const WORDS: Record<Exclude<CancelOutcome, 'not_found'>, string> = {
  cancelled: 'is cancelled: it will not run',
  cancelling: 'is being stopped: it runs, and its worker was told',
  finished: 'has ended already: there is nothing to cancel',
};

export const cancel = defineCommand({
  name: 'cancel',
  summary: 'Cancel a waiting, delayed or running job',
  details: ['Exit code 1 when the job had ended before.'],
  examples: ['cancel review-ai 0d5f6f1e-8d0c-4a43-9d51-1f3c0c3f0a11 --reason "asked for by the customer"'],
  arguments: { queue: argument(queueName, 'where it is'), id: argument(text('id'), 'of the job') },
  options: { reason: option(text('text'), 'stays with the job') },
  async run({ queue, id }, { reason }, { api }) {
    const outcome = await (await api()).cancelJob(queue, id, reason);
    if (outcome === 'not_found') throw new NotFoundError(`Job on ${queue}`, id);
    return { data: { queue, jobId: id, outcome }, text: `${id} ${WORDS[outcome]}`, ok: outcome !== 'finished' };
  },
});
