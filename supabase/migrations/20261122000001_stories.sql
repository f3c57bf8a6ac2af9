-- Stories with their local and refined scores. A table that is there already is kept: missing columns are added.

create or replace function public.hivepulse_touch() returns trigger language plpgsql set search_path = '' as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create table if not exists public.stories (id uuid primary key default gen_random_uuid());

alter table public.stories
  add column if not exists user_id uuid,
  add column if not exists title text not null default '',
  add column if not exists content text not null default '',
  add column if not exists sector_tag text,
  add column if not exists impact_tags text[] not null default '{}',
  add column if not exists hype_score numeric(3, 1),
  add column if not exists ethics_score numeric(3, 1),
  add column if not exists reality_check text,
  add column if not exists claims jsonb not null default '[]',
  add column if not exists eli5_summary text,
  add column if not exists scoring_status text not null default 'local',
  add column if not exists scoring_error text,
  add column if not exists local_scores jsonb,
  add column if not exists refined_scores jsonb,
  -- Of the title and content that refined_scores belong to.
  add column if not exists refined_hash text,
  add column if not exists refined_job_id text,
  add column if not exists model text,
  add column if not exists prompt_version text,
  -- The latest job, and the run that holds the row: null while nobody does.
  add column if not exists job_id text,
  add column if not exists run_id text,
  -- The run whose result was stored last: repeating a report whose answer was lost is answered as the first time.
  add column if not exists recorded_run text,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

do $$
begin
  if not exists (select from pg_catalog.pg_constraint where conname = 'stories_scoring_status_check' and conrelid = 'public.stories'::regclass) then
    -- Not valid: rows of an adopted table may hold words of their own; new ones may not.
    alter table public.stories add constraint stories_scoring_status_check
      check (scoring_status in ('local', 'queued', 'processing', 'refined', 'failed', 'cancelled')) not valid;
  end if;
end
$$;

create index if not exists stories_newest on public.stories (created_at desc, id desc);
create index if not exists stories_by_user on public.stories (user_id, created_at desc, id desc);
create index if not exists stories_by_status on public.stories (scoring_status, created_at desc, id desc);
create index if not exists stories_by_job on public.stories (job_id);

drop trigger if exists hivepulse_touch on public.stories;
create trigger hivepulse_touch before update on public.stories for each row execute function public.hivepulse_touch();

alter table public.stories enable row level security;
revoke all on public.stories from anon, authenticated;
grant select on public.stories to authenticated;
grant all on public.stories to service_role;
drop policy if exists hivepulse_own on public.stories;
create policy hivepulse_own on public.stories for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists hivepulse_service on public.stories;
create policy hivepulse_service on public.stories for all to service_role using (true) with check (true);

-- The job that will refine the story. One that has begun already is not set back: the queue may be faster than this call.
create or replace function public.queue_story(p_story uuid, p_job text) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  update public.stories
  set job_id = p_job,
      scoring_status = case when scoring_status = 'processing' then scoring_status else 'queued' end,
      scoring_error = case when scoring_status = 'processing' then scoring_error end
  where id = p_story and job_id is distinct from p_job;
  return found;
end
$$;

-- Takes the fencing token: from now on every write of another run is refused.
create or replace function public.begin_story_run(p_story uuid, p_run text, p_job text) returns setof public.stories
language sql security invoker set search_path = '' as $$
  update public.stories
  set run_id = p_run, job_id = p_job, scoring_status = 'processing', scoring_error = null
  where id = p_story
  returning *
$$;

-- False when another run holds the row, or the story is gone: then nothing was changed.
-- JSON comes as text, here as in all functions: not every server in front of the database hands jsonb on unharmed.
create or replace function public.record_story_scores(p_story uuid, p_run text, p_scores text, p_hash text) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  scores jsonb := p_scores::jsonb;
begin
  update public.stories
  set hype_score = (scores ->> 'hypeScore')::numeric,
      ethics_score = (scores ->> 'ethicsScore')::numeric,
      reality_check = scores ->> 'realityCheck',
      claims = coalesce(scores -> 'claims', '[]'),
      eli5_summary = scores ->> 'eli5Summary',
      refined_scores = scores,
      refined_hash = p_hash,
      refined_job_id = job_id,
      model = scores ->> 'model',
      prompt_version = scores ->> 'promptVersion',
      scoring_status = 'refined',
      scoring_error = null,
      run_id = null,
      recorded_run = p_run
  where id = p_story and run_id = p_run;
  return found or exists (select from public.stories where id = p_story and recorded_run = p_run);
end
$$;

create or replace function public.record_story_unchanged(p_story uuid, p_run text) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  update public.stories
  set scoring_status = 'refined', scoring_error = null, run_id = null, recorded_run = p_run
  where id = p_story and run_id = p_run;
  return found or exists (select from public.stories where id = p_story and recorded_run = p_run);
end
$$;

-- With a run: only while it holds the row. Without one (the job never entered a runner): unless a result has been stored since it was queued.
create or replace function public.end_story_run(p_story uuid, p_status text, p_error text, p_run text default null) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  update public.stories
  set scoring_status = p_status, scoring_error = p_error, run_id = null
  where id = p_story
    and case when p_run is null then scoring_status in ('local', 'queued', 'processing') else run_id = p_run end;
  return found;
end
$$;

-- Which of these files have been applied, however they were applied (npm run migrate, supabase db push, psql): each one replaces this function.
create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000001' $$;

revoke execute on function
  public.queue_story(uuid, text),
  public.begin_story_run(uuid, text, text),
  public.record_story_scores(uuid, text, text, text),
  public.record_story_unchanged(uuid, text),
  public.end_story_run(uuid, text, text, text),
  public.hivepulse_schema_version()
from public, anon, authenticated;
grant execute on function
  public.queue_story(uuid, text),
  public.begin_story_run(uuid, text, text),
  public.record_story_scores(uuid, text, text, text),
  public.record_story_unchanged(uuid, text),
  public.end_story_run(uuid, text, text, text),
  public.hivepulse_schema_version()
to service_role;
