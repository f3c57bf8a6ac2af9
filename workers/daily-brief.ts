import { holdDeal } from '../lib/briefs/hold.ts';
import { type BriefDeps, makeBrief } from '../lib/briefs/make.ts';
import { type BriefPlan, planOf } from '../lib/briefs/plan.ts';
import type { Clock } from '../lib/clock.ts';
import type { Db } from '../lib/db/types.ts';
import { NotFoundError } from '../lib/errors.ts';
import type { BriefPayload, BriefResult } from '../lib/jobs/daily-brief.ts';
import type { JobContext, Processors } from '../lib/queue/processor.ts';
import { stepJob } from '../lib/relay/step-job.ts';

/** What main.ts hands to the processor. */
export interface BriefWorkerDeps {
  db: Pick<Db, 'deals' | 'briefs' | 'dealSteps'>;
  clock: Clock;
  briefs: BriefDeps;
}

type Context = JobContext<BriefWorkerDeps>;

/** Given up when what was read under them is recorded. */
const holds = new WeakMap<Context, () => Promise<void>>();

const step = stepJob<BriefPayload, BriefPlan, BriefResult, BriefWorkerDeps>({
  subject: 'brief',
  operation: 'generate',
  key: (_payload, { id }) => id,
  async load(payload, { deps: { db, clock, briefs }, meta }) {
    const deal = await db.deals.get(payload.dealId);
    if (!deal) throw new NotFoundError('Deal', payload.dealId);
    // Each job makes one edition, whatever has changed when it runs once more: the same job is the same brief.
    const asked = { now: clock.now(), askedAt: Date.parse(meta.enqueuedAt), defaultZone: briefs.timeZone };
    return { input: planOf(payload, deal, asked), hash: 'brief 1' };
  },
  async run({ dealId }, plan, context) {
    const giveUp = await holdDeal(dealId, context, { store: context.deps.briefs.store, log: context.log });
    holds.set(context, giveUp);
    try {
      return await makeBrief(dealId, plan, context);
    } catch (error) {
      await giveUp();
      throw error;
    }
  },
});

async function record(payload: BriefPayload, result: BriefResult, context: Context): Promise<boolean> {
  try {
    const recorded = await step.record(payload, result, context);
    if (recorded) context.deps.briefs.onRecorded();
    return recorded;
  } finally {
    await holds.get(context)?.();
  }
}

export default { generate: { ...step, record } } satisfies Processors<'daily-brief', BriefWorkerDeps>;
