/** What must hold of credits after anything at all has happened: each query finds the rows that break a rule. */
import pg from 'pg';

const RULES: Readonly<Record<string, string>> = {
  'a balance is the sum of its ledger': `
    select c.user_id, c.balance, coalesce(sum(l.amount), 0) as ledger from user_credits c left join credit_ledger l using (user_id)
    group by c.user_id, c.balance having c.balance <> coalesce(sum(l.amount), 0)`,
  'each step of a ledger follows from the one before, and none is below 0': `
    select * from (select id, user_id, balance_after, sum(amount) over (partition by user_id order by id) as running from credit_ledger) l
    where balance_after <> running or balance_after < 0`,
  'a ledger is in the order of its times': `
    select * from (select id, created_at, lag(created_at) over (partition by user_id order by id) as before from credit_ledger) l where created_at < before`,
  'a run takes its cost once': `
    select job_id, run, count(*) from credit_ledger where kind = 'reserve' group by job_id, run having count(*) <> 1`,
  'a run that took credits keeps or gives back them once, or holds them still': `
    select r.job_id, r.run, j.status, j.credits_state, count(e.id) as ends
    from credit_ledger r
    left join credit_ledger e on e.job_id = r.job_id and e.run = r.run and e.kind in ('settle', 'release')
    left join jobs j on j.id = r.job_id and j.run = r.run and j.credits_state = 'held'
    where r.kind = 'reserve'
    group by r.job_id, r.run, j.id, j.status, j.credits_state
    having count(e.id) <> case when j.id is null then 1 else 0 end`,
  'what is given back is what was taken': `
    select e.* from credit_ledger e left join credit_ledger r on r.job_id = e.job_id and r.run = e.run and r.kind = 'reserve'
    where e.kind in ('settle', 'release') and (r.id is null or e.amount <> case e.kind when 'release' then -r.amount else 0 end)`,
  'a job is charged as its status says': `
    select j.id, j.status, j.run, j.credits_state from jobs j
    where j.credits_state <> case when j.status in ('pending', 'processing') then 'held' when j.status = 'completed' then 'settled' else 'released' end
      or (select count(*) from credit_ledger l where l.job_id = j.id and l.run = j.run and l.kind = 'reserve') <> 1
      or (select count(*) from credit_ledger l where l.job_id = j.id and l.run = j.run
          and l.kind = case j.credits_state when 'settled' then 'settle' when 'released' then 'release' end)
        <> case when j.credits_state = 'held' then 0 else 1 end`,
  'of a deleted job, or an earlier run, nothing is held': `
    select r.job_id, r.run from credit_ledger r
    where r.kind = 'reserve' and not exists (select from jobs j where j.id = r.job_id and j.run = r.run)
      and not exists (select from credit_ledger e where e.job_id = r.job_id and e.run = r.run and e.kind in ('settle', 'release'))`,
  'a waiting row was asked for, and what has ended no longer waits to be sent': `
    select j.id, j.status, o.id as entry from jobs j full join (select * from job_outbox where ended is null) o on o.job_id = j.id::text
    where (o.id is not null and (j.id is null or j.status not in ('pending', 'processing')))
      or (j.status = 'pending' and o.id is null and not exists (select from job_outbox s where s.job_id = j.id::text and s.run = j.run and s.ended = 'sent'))`,
};

/** The rules that are broken, each with a few of the rows that break it. */
export async function brokenRules(url: string): Promise<Record<string, unknown[]>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const broken: Record<string, unknown[]> = {};
  for (const [rule, query] of Object.entries(RULES)) {
    const { rows } = await client.query(`${query} limit 5`);
    if (rows.length > 0) broken[rule] = rows;
  }
  await client.end();
  return broken;
}
