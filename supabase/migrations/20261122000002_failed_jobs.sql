-- Dead letters: one row per job and run that failed for good.

create table if not exists public.failed_jobs (id uuid primary key default gen_random_uuid());

alter table public.failed_jobs
  add column if not exists queue text not null default '',
  add column if not exists name text not null default '',
  -- The default keeps rows of an adopted table apart.
  add column if not exists job_id text not null default gen_random_uuid()::text,
  add column if not exists run integer not null default 1,
  add column if not exists payload jsonb,
  add column if not exists error text not null default '',
  add column if not exists fingerprint text not null default '',
  add column if not exists stack text,
  add column if not exists attempts integer not null default 0,
  -- Text: whoever enqueued a job may have named a user who is none of Supabase Auth's.
  add column if not exists user_id text,
  add column if not exists correlation_id text,
  add column if not exists failed_at timestamptz not null default now(),
  add column if not exists replayed_at timestamptz,
  add column if not exists replayed_job_id text,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

create unique index if not exists failed_jobs_once on public.failed_jobs (queue, job_id, run);
create index if not exists failed_jobs_newest on public.failed_jobs (failed_at desc, id desc);
create index if not exists failed_jobs_by_queue on public.failed_jobs (queue, failed_at desc, id desc);
create index if not exists failed_jobs_by_user on public.failed_jobs (user_id, failed_at desc, id desc);
create index if not exists failed_jobs_by_fingerprint on public.failed_jobs (fingerprint);

drop trigger if exists hivepulse_touch on public.failed_jobs;
create trigger hivepulse_touch before update on public.failed_jobs for each row execute function public.hivepulse_touch();

alter table public.failed_jobs enable row level security;
revoke all on public.failed_jobs from anon, authenticated;
grant select on public.failed_jobs to authenticated;
grant all on public.failed_jobs to service_role;
drop policy if exists hivepulse_own on public.failed_jobs;
create policy hivepulse_own on public.failed_jobs for select to authenticated using (user_id = (select auth.uid())::text);
drop policy if exists hivepulse_service on public.failed_jobs;
create policy hivepulse_service on public.failed_jobs for all to service_role using (true) with check (true);

-- True for the first to report this run of the job; everybody later changes nothing.
create or replace function public.record_failed_job(p_failure text) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  failure jsonb := p_failure::jsonb;
begin
  insert into public.failed_jobs (queue, name, job_id, run, payload, error, fingerprint, stack, attempts, user_id, correlation_id)
  values (
    failure ->> 'queue', failure ->> 'name', failure ->> 'jobId', (failure ->> 'run')::integer, failure -> 'payload',
    failure ->> 'error', failure ->> 'fingerprint', failure ->> 'stack', (failure ->> 'attempts')::integer,
    failure ->> 'userId', failure ->> 'correlationId'
  )
  on conflict (queue, job_id, run) do nothing;
  return found;
end
$$;

-- Of `[{ queue, jobId, run }]`, those that are recorded, in the same form.
create or replace function public.recorded_failed_jobs(p_keys text) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(wanted.key), '[]')
  from jsonb_array_elements(p_keys::jsonb) as wanted(key)
  where exists (
    select from public.failed_jobs f
    where f.queue = wanted.key ->> 'queue' and f.job_id = wanted.key ->> 'jobId' and f.run = (wanted.key ->> 'run')::integer
  )
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000002' $$;

revoke execute on function public.record_failed_job(text), public.recorded_failed_jobs(text) from public, anon, authenticated;
grant execute on function public.record_failed_job(text), public.recorded_failed_jobs(text) to service_role;
