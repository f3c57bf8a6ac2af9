import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { AlertBook } from './alert-types.ts';
import { answer, type Client, callJson, parseRow } from './rest.ts';
import { integer, jsonText, timestamp } from './rows.ts';

const message = z.object({
  id: integer,
  kind: z.string(),
  subject: z.string(),
  phase: z.enum(['firing', 'still', 'over']),
  level: integer,
  since: timestamp,
  at: timestamp,
  count: integer,
  total: integer,
  details: z.record(z.string(), z.union([z.string(), z.number(), z.null()]).catch(null)),
});
const messages = z.array(message);
const taken = z.array(message.extend({ attempt: integer }));
const counted = z.object({ counted: integer, told: messages });
const endings = z.array(z.object({ queue: z.string(), completed: integer, failed: integer }));
const became = z.enum(['pending', 'sent', 'failed']).nullable();

/** Alerts and their messages, as the service role. */
export function createAlertBook(client: Client): AlertBook {
  const at = (now: string | undefined) => ({ p_now: now ?? null });

  return {
    observe: (observations, now) =>
      callJson(client, 'observe_alerts', { p_request: randomUUID(), p_observations: jsonText(observations), ...at(now) }, messages),

    observeFailedJobs: ({ coolDownMs, limit }, now) =>
      callJson(client, 'observe_failed_jobs', { p_cool_down_ms: coolDownMs, p_limit: limit, ...at(now) }, counted),

    watchSchedulers: ({ afterMs, coolDownMs }, now) =>
      callJson(client, 'watch_schedulers', { p_after_ms: afterMs, p_cool_down_ms: coolDownMs, ...at(now) }, messages),

    tellMissed: ({ coolDownMs }, now) => callJson(client, 'tell_missed_runs', { p_cool_down_ms: coolDownMs, ...at(now) }, messages),

    take: (claim, target, leaseMs, now) =>
      callJson(client, 'take_alert_messages', { p_claim: claim, p_target: target, p_lease_ms: leaseMs, ...at(now) }, taken),

    async settle(claim, sent, now) {
      const args = { p_delivery: jsonText({ claim, ...sent }), ...at(now) };
      return parseRow(became, await answer(client.rpc('settle_alert_messages', args)), 'settle_alert_messages') ?? undefined;
    },

    async reportEndings(report, completed, now) {
      await answer(client.rpc('report_job_endings', { p_report: report, p_endings: jsonText(completed), ...at(now) }));
    },

    endings: ({ windowMs, lagMs }, now) => callJson(client, 'job_endings', { p_window_ms: windowMs, p_lag_ms: lagMs, ...at(now) }, endings),

    async cleanUp({ coolDownMs, keepMs }, now) {
      const args = { p_cool_down_ms: coolDownMs, p_keep_ms: keepMs, ...at(now) };
      return parseRow(integer, await answer(client.rpc('clean_up_alerts', args)), 'clean_up_alerts');
    },
  };
}
