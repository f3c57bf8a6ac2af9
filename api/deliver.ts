import type { Asked } from '../lib/db/types.ts';
import type { ApiDeps } from './deps.ts';

export interface DeliveredJob {
  operation: string;
  jobId: string;
  deduplicated: boolean;
}

/** Which job each became, in the order given; while the queue is away those that were asked for, which the relay sends later. */
export async function deliverAll(
  { relay }: Pick<ApiDeps, 'relay'>,
  asked: Readonly<Record<string, Asked>>,
  order: readonly string[] = Object.keys(asked),
): Promise<DeliveredJob[]> {
  const entries = Object.entries(asked).toSorted(([one], [other]) => order.indexOf(one) - order.indexOf(other));
  const outboxIds = entries.flatMap(([, { outboxId }]) => outboxId ?? []);
  const delivered = outboxIds.length > 0 ? await relay.deliver(outboxIds) : new Map<number, { jobId: string; deduplicated: boolean }>();
  return entries.map(([operation, { outboxId, jobId }]) => ({
    operation,
    ...((outboxId === null ? undefined : delivered.get(outboxId)) ?? { jobId, deduplicated: false }),
  }));
}
