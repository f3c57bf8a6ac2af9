/** What the database says became of the jobs: the truth, whatever queues and workers believe. */
import { sql } from './docker.ts';

/** Asked for and not ended yet. */
export async function unfinished(): Promise<number> {
  const [[count] = []] = await sql(`
    select (select count(*) from jobs where status in ('pending', 'processing'))
      + (select count(*) from stories where scoring_status in ('queued', 'processing'))
      + (select count(*) from conversation_analysis_jobs where status in ('queued', 'processing'))
      + (select count(*) from deal_steps where status in ('queued', 'processing'))
      + (select count(*) from job_outbox where ended is null)`);
  return Number(count);
}

const CHECKS: Readonly<Record<string, string>> = {
  'review jobs that are not completed': "select count(*) from jobs where status <> 'completed'",
  'review jobs without a result': 'select count(*) from jobs where result is null',
  'review jobs not paid exactly once': `
    select count(*) from (
      select j.id from jobs j left join credit_ledger l on l.job_id = j.id
      group by j.id having count(*) filter (where l.kind = 'reserve') <> 1 or count(*) filter (where l.kind = 'settle') <> 1 or count(*) filter (where l.kind = 'release') <> 0
    ) wrong`,
  'stories that are not refined': "select count(*) from stories where scoring_status <> 'refined'",
  'analyses that did not succeed': "select count(*) from conversation_analysis_jobs where status <> 'succeeded'",
  'conversations without themes':
    'select count(*) from conversations c where not exists (select from conversation_themes t where t.conversation_id = c.id)',
  'documents that are not ready': "select count(*) from documents where status <> 'ready'",
  'steps that did not succeed': "select count(*) from deal_steps where status <> 'succeeded'",
  'documents and mails that are told of more than once': `
    select count(*) from (
      select subject_id from deal_events where kind in ('document_added', 'email_added', 'email_analyzed') group by kind, subject_id having count(*) > 1
    ) twice`,
  'deals without exactly one brief': 'select count(*) from deals d where (select count(*) from daily_briefs b where b.deal_id = d.id) <> 1',
  'dead letters': 'select count(*) from failed_jobs',
};

/** Sentences about whatever is not as it has to be. */
export async function wrongs(): Promise<string[]> {
  const found: string[] = [];
  for (const [what, statement] of Object.entries(CHECKS)) {
    const [[count] = []] = await sql(statement);
    if (Number(count) > 0) found.push(`${count} ${what}`);
  }
  return found;
}

export async function until(what: string, reached: () => Promise<boolean>, withinMs: number): Promise<number> {
  const begun = performance.now();
  while (!(await reached())) {
    if (performance.now() - begun > withinMs) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return (performance.now() - begun) / 1000;
}
