import { MINUTE } from '../clock.ts';
import type { OutboxTable } from '../db/types.ts';
import { messageOf } from '../errors.ts';
import { repeating, type Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { Alerts } from './contract.ts';
import { type AlertLimits, jobsOld } from './rules.ts';

export interface OutboxWatchDeps {
  outbox: Pick<OutboxTable, 'backlogByQueue'>;
  kinds: readonly { queue: string; name: string }[];
  alerts: Pick<Alerts, 'observe'>;
  limits: Pick<AlertLimits, 'oldestMs' | 'coolDownMs'>;
  log: Logger;
}

const ROUND_MS = MINUTE;

/**
 * Every process with a database tells of jobs that stay in the outbox: with the queue away the chore that looks at everything cannot run. That it is over is for that
 * chore to say.
 */
export function createOutboxWatch({ outbox, kinds, alerts, limits, log }: OutboxWatchDeps): Service & { runOnce(): Promise<void> } {
  async function runOnce(): Promise<void> {
    if (limits.oldestMs <= 0) return;
    const unsent = await outbox.backlogByQueue(kinds);
    const late = [...unsent].map(([queue, { oldestSeconds }]) => jobsOld(queue, oldestSeconds * 1_000, limits)).filter(({ firing }) => firing);
    if (late.length > 0) await alerts.observe(late);
  }
  const round = () => runOnce().catch((error: unknown) => log.debug({ error: messageOf(error) }, 'the outbox could not be looked at'));
  return { ...repeating('outbox-watch', round, ROUND_MS), runOnce };
}
