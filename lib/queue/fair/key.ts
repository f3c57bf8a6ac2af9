import type { JobDefinition } from '../../jobs/define.ts';
import type { JobMeta } from '../../jobs/envelope.ts';

/** Whose turn a job takes and whose cap it counts for: as its kind says, else the user who asked, else the deal; what has neither shares one key, ''. */
export function fairnessKey({ fairness }: Pick<JobDefinition, 'fairness'>, payload: unknown, meta: JobMeta): string {
  return (fairness?.key ? fairness.key(payload, meta) : (meta.userId ?? dealOf(payload))) ?? '';
}

function dealOf(payload: unknown): string | undefined {
  if (typeof payload !== 'object' || payload === null || !('dealId' in payload)) return undefined;
  return typeof payload.dealId === 'string' ? payload.dealId : undefined;
}
