-- Jobs asked for inside a database transaction. A relay (in workers and API) moves them to their queues; what is here is not lost.

create table if not exists public.job_outbox (
  -- The order of asking, within one due time.
  id bigint generated always as identity primary key,
  queue text not null,
  name text not null,
  job_id text not null default gen_random_uuid()::text,
  payload jsonb not null default '{}',
  -- { priority, force, correlationId, userId, idempotencyKey }
  options jsonb not null default '{}',
  -- The number of the run: 1 at first, one more with each retry or replay by hand.
  run integer not null default 1,
  -- An ended job of that id may stand in the way and goes first.
  replaces boolean not null default false,
  -- The row whose work this is; null where the kind has none.
  row_table text,
  row_id uuid,
  -- Not moved before.
  available_at timestamptz not null default now(),
  -- One more each time the same job is asked for while it waits here: a relay ends only what it has seen.
  asked integer not null default 1,
  claim_id uuid,
  claimed_until timestamptz,
  -- Deliveries tried, and what the last one that failed said.
  attempts integer not null default 0,
  error text,
  -- sent; merged into another job; void (its row ended first); refused (it can never be sent).
  ended text check (ended in ('sent', 'merged', 'void', 'refused')),
  ended_at timestamptz,
  -- The job that does the work: another one where it was merged.
  ended_job_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create unique index if not exists job_outbox_unsent on public.job_outbox (queue, job_id) where ended is null;
create index if not exists job_outbox_due on public.job_outbox (queue, name, available_at, id) where ended is null;
create index if not exists job_outbox_ended on public.job_outbox (ended_at) where ended is not null;

alter table public.job_outbox enable row level security;
revoke all on public.job_outbox from anon, authenticated;
grant all on public.job_outbox to service_role;
drop policy if exists hivepulse_service on public.job_outbox;
create policy hivepulse_service on public.job_outbox for all to service_role using (true) with check (true);

-- A hint for relays that listen; they poll all the same.
create or replace function public.hivepulse_outbox_hint() returns trigger language plpgsql set search_path = '' as $$
begin
  perform pg_notify('hivepulse_outbox', '');
  return null;
end
$$;
drop trigger if exists hivepulse_outbox_hint on public.job_outbox;
create trigger hivepulse_outbox_hint after insert on public.job_outbox for each statement execute function public.hivepulse_outbox_hint();

-- Some servers in front of the database hand JSON on as a JSON string.
create or replace function public.hivepulse_json(p_value jsonb) returns jsonb
language sql immutable set search_path = '' as $$
  select case when jsonb_typeof(p_value) = 'string' then (p_value #>> '{}')::jsonb else p_value end
$$;

-- The one way into the outbox. An equal job that still waits there is asked for once more, with the latest payload.
create or replace function public.put_outbox(
  p_queue text, p_name text, p_job text, p_payload jsonb, p_options jsonb,
  p_run integer default 1, p_replaces boolean default false, p_row_table text default null, p_row_id uuid default null,
  p_available_at timestamptz default null
) returns bigint
language sql security invoker set search_path = '' as $$
  insert into public.job_outbox as o (queue, name, job_id, payload, options, run, replaces, row_table, row_id, available_at)
  values (
    p_queue, p_name, p_job, p_payload, p_options - 'delay' - 'jobId', p_run, p_replaces, p_row_table, p_row_id,
    coalesce(p_available_at, now() + coalesce((p_options ->> 'delay')::double precision, 0) * interval '1 millisecond')
  )
  on conflict (queue, job_id) where ended is null do update
  set payload = excluded.payload, options = excluded.options, run = excluded.run, replaces = o.replaces or excluded.replaces,
      available_at = excluded.available_at, asked = o.asked + 1, updated_at = now()
  returning id
$$;

-- In the caller's transaction: enqueue_job('story-enhancement', 'enhance', '{"storyId": "…"}', '{"priority": 5}').
-- Options: jobId, priority, delay (milliseconds), force, correlationId, userId, idempotencyKey. Answers the job's id.
create or replace function public.enqueue_job(queue text, name text, payload jsonb default '{}', options jsonb default '{}') returns text
language plpgsql security invoker set search_path = '' as $$
declare
  v_options jsonb := coalesce(public.hivepulse_json(options), '{}');
  v_payload jsonb := coalesce(public.hivepulse_json(payload), '{}');
  v_unknown text;
  v_job text;
begin
  select string_agg(key, ', ') into v_unknown from jsonb_object_keys(v_options) as key
  where key not in ('jobId', 'priority', 'delay', 'force', 'correlationId', 'userId', 'idempotencyKey');
  if v_unknown is not null then
    raise exception 'enqueue_job: unknown option %: it takes jobId, priority, delay, force, correlationId, userId, idempotencyKey', v_unknown using errcode = '22023';
  end if;
  if coalesce(queue, '') = '' or coalesce(name, '') = '' then
    raise exception 'enqueue_job: queue and name are needed, for example enqueue_job(''story-enhancement'', ''enhance'', …)' using errcode = '22023';
  end if;
  if queue in ('review-ai', 'gmail-fetch', 'conversation-analysis') then
    raise exception 'enqueue_job: jobs on % have a row of their own: insert it (jobs, analytics_jobs, conversation_analysis_jobs), which queues its job', queue using errcode = '22023';
  end if;
  if (v_options ? 'delay' and (jsonb_typeof(v_options -> 'delay') <> 'number' or (v_options ->> 'delay')::numeric < 0))
    or (v_options ? 'priority' and (jsonb_typeof(v_options -> 'priority') <> 'number' or (v_options ->> 'priority')::numeric not between 0 and 2097152)) then
    raise exception 'enqueue_job: delay is a number of milliseconds, priority a number from 0 to 2097152' using errcode = '22023';
  end if;
  v_job := coalesce(
    v_options ->> 'jobId',
    case when v_options ? 'idempotencyKey' then name || '-' || md5(queue || name || (v_options ->> 'idempotencyKey')) end,
    name || '-' || gen_random_uuid()
  );
  if v_job like '%:%' or v_job in ('', '0') or length(v_job) > 200 then
    raise exception 'enqueue_job: jobId is 1 to 200 characters, without ":"' using errcode = '22023';
  end if;
  perform public.put_outbox(queue, name, v_job, v_payload, v_options);
  return v_job;
end
$$;

-- For a relay: the oldest due jobs of these kinds, `p_limit` of each kind at most, held for `p_lease_ms`. `p_kinds`: [{ queue, name }].
-- Asked again with the same claim (its answer was lost), it answers the same rows. With `p_ids` only those, however many.
create or replace function public.claim_outbox(p_claim uuid, p_kinds text, p_limit integer, p_lease_ms integer, p_ids text default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_claimed jsonb;
  v_now timestamptz := clock_timestamp();
  v_ids bigint[];
begin
  if not exists (select from public.job_outbox where claim_id = p_claim and ended is null) then
    if p_ids is null then
      select array_agg(o.id) into v_ids
      from jsonb_to_recordset(p_kinds::jsonb) as k(queue text, name text)
      cross join lateral (
        select c.id from public.job_outbox c
        where c.ended is null and c.queue = k.queue and c.name = k.name and c.available_at <= v_now
          and (c.claimed_until is null or c.claimed_until < v_now)
        order by c.available_at, c.id
        limit p_limit
        for update skip locked
      ) o;
    else
      select array_agg(o.id) into v_ids
      from (
        select c.id from public.job_outbox c
        where c.id = any (array(select value::bigint from jsonb_array_elements_text(p_ids::jsonb)))
          and c.ended is null and c.available_at <= v_now and (c.claimed_until is null or c.claimed_until < v_now)
          and exists (select from jsonb_to_recordset(p_kinds::jsonb) as k(queue text, name text) where k.queue = c.queue and k.name = c.name)
        for update skip locked
      ) o;
    end if;
    update public.job_outbox o
    set claim_id = p_claim, claimed_until = v_now + p_lease_ms * interval '1 millisecond', attempts = o.attempts + 1, updated_at = now()
    where o.id = any (v_ids);
    if not found then return '[]'; end if;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', o.id, 'queue', o.queue, 'name', o.name, 'jobId', o.job_id, 'payload', o.payload, 'options', o.options, 'run', o.run,
    'replaces', o.replaces, 'asked', o.asked, 'rowTable', o.row_table, 'rowId', o.row_id, 'createdAt', o.created_at
  ) order by o.available_at, o.id), '[]')
  into v_claimed from public.job_outbox o where o.claim_id = p_claim and o.ended is null;
  return v_claimed;
end
$$;

create index if not exists job_outbox_claim on public.job_outbox (claim_id) where ended is null and claim_id is not null;

-- What became of claimed jobs: [{ id, asked, ended: sent|merged|refused, jobId, error }], or [{ id, asked, retryMs, error }] to try again later.
-- A job that was asked for again meanwhile stays for another delivery.
create or replace function public.finish_outbox(p_results text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_ended integer;
begin
  with result as (
    select * from jsonb_to_recordset(p_results::jsonb)
      as r(id bigint, asked integer, ended text, "jobId" text, error text, "retryMs" integer)
  ), held as materialized (
    -- In the order in which the triggers of the job tables take them, so that neither waits for the other in a circle.
    select o.id from public.job_outbox o
    where o.id in (select id from result) and o.ended is null
    order by o.row_table collate "C" nulls first, o.id
    for update
  ), done as (
    update public.job_outbox o
    set ended = case when o.asked = r.asked then r.ended end,
        ended_at = case when o.asked = r.asked and r.ended is not null then now() end,
        ended_job_id = case when o.asked = r.asked then r."jobId" end,
        error = r.error,
        claim_id = null,
        claimed_until = null,
        available_at = case when r."retryMs" is null then o.available_at else clock_timestamp() + r."retryMs" * interval '1 millisecond' end,
        updated_at = now()
    from result r join held on held.id = r.id
    where o.id = r.id
    returning o.id, o.ended, o.row_table, o.row_id, o.ended_job_id, o.job_id
  ), merged_stories as (
    update public.stories s set job_id = d.ended_job_id
    from done d
    where d.ended = 'merged' and d.row_table = 'stories' and s.id = d.row_id and s.job_id = d.job_id
    returning s.id
  )
  select count(*) filter (where ended is not null) into v_ended from done;
  return v_ended;
end
$$;

-- Ended entries are kept for a while, to answer what became of a job.
create or replace function public.prune_outbox(p_keep_ms bigint, p_limit integer default 10000) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_count integer;
begin
  delete from public.job_outbox where id in (
    select id from public.job_outbox where ended is not null and ended_at < now() - p_keep_ms * interval '1 millisecond'
    order by ended_at limit p_limit
  );
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- For metrics and doctor: how many wait to be moved, and for how long the oldest has, in seconds.
create or replace function public.outbox_backlog(p_kinds text) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object('waiting', count(*), 'oldestSeconds', coalesce(extract(epoch from clock_timestamp() - min(o.available_at)), 0))
  from public.job_outbox o
  join jsonb_to_recordset(p_kinds::jsonb) as k(queue text, name text) on k.queue = o.queue and k.name = o.name
  where o.ended is null and o.available_at <= clock_timestamp()
$$;

-- Milliseconds until the next entry that is not due yet; null when there is none.
create or replace function public.next_outbox_due_ms(p_kinds text) returns double precision
language sql volatile security invoker set search_path = '' as $$
  select case when count(*) > 0 then greatest(0, extract(epoch from min(next.available_at) - clock_timestamp()) * 1000) end
  from jsonb_to_recordset(p_kinds::jsonb) as k(queue text, name text)
  cross join lateral (
    select o.available_at from public.job_outbox o
    where o.ended is null and o.queue = k.queue and o.name = k.name and o.available_at > clock_timestamp()
    order by o.available_at limit 1
  ) next
$$;

-- Stories whose job should be under way, untouched since `p_before` and in no outbox; by id, after `p_after`.
create or replace function public.unfinished_stories(p_before timestamptz, p_after uuid, p_limit integer) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'jobId', f.job_id) order by f.id), '[]')
  from (
    select s.id, s.job_id from public.stories s
    where s.scoring_status in ('queued', 'processing') and s.updated_at < p_before and (p_after is null or s.id > p_after) and s.job_id is not null
      and not exists (select from public.job_outbox o where o.queue = 'story-enhancement' and o.job_id = s.job_id and o.ended is null)
    order by s.id limit p_limit
  ) f
$$;

-- Stores a story and asks for its enhancement, both or neither. `p_story`: the columns as JSON, its id included: asked twice, it is stored once.
create or replace function public.create_story(p_story text, p_options text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_asked jsonb;
  v_new public.stories := jsonb_populate_record(null::public.stories, p_story::jsonb);
begin
  insert into public.stories (id, user_id, title, content, sector_tag, impact_tags, hype_score, ethics_score, local_scores, scoring_status)
  values (
    v_new.id, v_new.user_id, v_new.title, v_new.content, v_new.sector_tag, v_new.impact_tags,
    v_new.hype_score, v_new.ethics_score, v_new.local_scores, 'local'
  )
  on conflict (id) do nothing;
  v_asked := public.ask_for_story(v_new.id, p_options);
  return v_asked || jsonb_build_object('story', (select to_jsonb(s) from public.stories s where s.id = v_new.id));
end
$$;

-- Asks for the enhancement of a stored story: { outboxId, jobId }; null where there is no such story. Asked again with the same jobId it changes nothing.
create or replace function public.ask_for_story(p_story uuid, p_options text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_options jsonb := p_options::jsonb;
  v_job text := v_options ->> 'jobId';
  v_outbox bigint;
begin
  update public.stories
  set job_id = v_job,
      scoring_status = case when scoring_status = 'processing' then scoring_status else 'queued' end,
      scoring_error = case when scoring_status = 'processing' then scoring_error end
  where id = p_story and job_id is distinct from v_job;
  if found then
    v_outbox := public.put_outbox(
      'story-enhancement', 'enhance', v_job, jsonb_build_object('storyId', p_story), v_options, p_row_table => 'stories', p_row_id => p_story
    );
  elsif exists (select from public.stories where id = p_story) then
    select max(id) into v_outbox from public.job_outbox where queue = 'story-enhancement' and job_id = v_job;
  else
    return null;
  end if;
  return jsonb_build_object('outboxId', v_outbox, 'jobId', v_job);
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000004' $$;

revoke execute on function
  public.put_outbox(text, text, text, jsonb, jsonb, integer, boolean, text, uuid, timestamptz),
  public.enqueue_job(text, text, jsonb, jsonb),
  public.claim_outbox(uuid, text, integer, integer, text),
  public.finish_outbox(text),
  public.prune_outbox(bigint, integer),
  public.outbox_backlog(text),
  public.next_outbox_due_ms(text),
  public.unfinished_stories(timestamptz, uuid, integer),
  public.create_story(text, text),
  public.ask_for_story(uuid, text)
from public, anon, authenticated;
grant execute on function
  public.put_outbox(text, text, text, jsonb, jsonb, integer, boolean, text, uuid, timestamptz),
  public.enqueue_job(text, text, jsonb, jsonb),
  public.claim_outbox(uuid, text, integer, integer, text),
  public.finish_outbox(text),
  public.prune_outbox(bigint, integer),
  public.outbox_backlog(text),
  public.next_outbox_due_ms(text),
  public.unfinished_stories(timestamptz, uuid, integer),
  public.create_story(text, text),
  public.ask_for_story(uuid, text)
to service_role;
