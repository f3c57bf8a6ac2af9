-- Dead letters: searched, grouped by their error, replayed one by one or many at a time.

alter table public.failed_jobs
  -- Who asked for the replay (a user, `service`), and the request that did it, so that repeating it counts the same.
  add column if not exists replayed_by text,
  add column if not exists replay_id uuid;
create index if not exists failed_jobs_by_replay on public.failed_jobs (replay_id) where replay_id is not null;
create index if not exists failed_jobs_open on public.failed_jobs (queue, failed_at desc) where replayed_at is null;

-- The filter of the three functions below: { ids, queue, name, userId, fingerprint, since, until, text, replayed }; what is absent does not count.
-- Row-level security holds: users find their own.
create or replace function public.find_failed_jobs(p_filter jsonb) returns setof public.failed_jobs
language sql stable security invoker set search_path = '' as $$
  select * from public.failed_jobs f
  where (not p_filter ? 'ids' or f.id in (select value::uuid from jsonb_array_elements_text(p_filter -> 'ids')))
    and (not p_filter ? 'queue' or f.queue = p_filter ->> 'queue')
    and (not p_filter ? 'name' or f.name = p_filter ->> 'name')
    and (not p_filter ? 'userId' or f.user_id = p_filter ->> 'userId')
    and (not p_filter ? 'fingerprint' or f.fingerprint = p_filter ->> 'fingerprint')
    and (not p_filter ? 'since' or f.failed_at >= (p_filter ->> 'since')::timestamptz)
    and (not p_filter ? 'until' or f.failed_at < (p_filter ->> 'until')::timestamptz)
    and (not p_filter ? 'text' or strpos(lower(f.error), lower(p_filter ->> 'text')) > 0 or strpos(lower(f.payload::text), lower(p_filter ->> 'text')) > 0)
    and (not p_filter ? 'replayed' or (f.replayed_at is not null) = (p_filter ->> 'replayed')::boolean)
$$;

-- [{ fingerprint, queue, name, error, count, open, users, firstAt, lastAt, sampleId }], most failures first. `open`: not replayed yet.
create or replace function public.failed_job_groups(p_filter text, p_limit integer default 100) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(g) order by g.count desc, g."lastAt" desc), '[]')
  from (
    select f.fingerprint, f.queue, f.name, (array_agg(f.error order by f.failed_at desc))[1] as error, count(*) as count,
      count(*) filter (where f.replayed_at is null) as open, count(distinct f.user_id) as users,
      min(f.failed_at) as "firstAt", max(f.failed_at) as "lastAt", (array_agg(f.id order by f.failed_at desc))[1] as "sampleId"
    from public.find_failed_jobs(p_filter::jsonb) f
    group by f.fingerprint, f.queue, f.name
    order by count(*) desc, max(f.failed_at) desc
    limit p_limit
  ) g
$$;

-- Newest first, after a row if one is named.
create or replace function public.list_failed_jobs(p_filter text, p_limit integer, p_after_time timestamptz default null, p_after_id uuid default null)
returns setof public.failed_jobs
language sql stable security invoker set search_path = '' as $$
  select * from public.find_failed_jobs(p_filter::jsonb) f
  where p_after_id is null or (f.failed_at, f.id) < (p_after_time, p_after_id)
  order by f.failed_at desc, f.id desc
  limit p_limit
$$;

-- Puts dead letters back to work, oldest first, at most `p_per_second` of them a second: { replayed, skipped: [{ id, reason }], outboxIds }.
-- Letters that were replayed before are left out unless named by their id. Jobs with a row of their own are charged again: those whose user
-- has too few credits are skipped, as are rows that are gone or under way. `p_replay` names the request: repeated, it changes nothing more.
create or replace function public.replay_failed_jobs(p_replay uuid, p_filter text, p_by text, p_limit integer, p_per_second numeric default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_filter jsonb := p_filter::jsonb;
  v_table text;
  v_row_result jsonb;
  v_skipped jsonb := '[]';
  v_outbox bigint;
  v_outbox_ids jsonb := '[]';
  v_count integer := 0;
  v_due timestamptz;
  f public.failed_jobs;
begin
  if exists (select from public.failed_jobs where replay_id = p_replay) then
    select count(*), coalesce(jsonb_agg(o.id) filter (where o.id is not null), '[]') into v_count, v_outbox_ids
    from public.failed_jobs r left join public.job_outbox o on o.queue = r.queue and o.job_id = r.job_id and o.ended is null
    where r.replay_id = p_replay;
    return jsonb_build_object('replayed', v_count, 'skipped', v_skipped, 'outboxIds', v_outbox_ids);
  end if;
  if not v_filter ? 'ids' then v_filter := v_filter || '{"replayed": false}'; end if;
  for f in
    select * from public.failed_jobs
    where id in (select id from public.find_failed_jobs(v_filter) order by failed_at, id limit p_limit)
    order by failed_at, id
    for update skip locked
  loop
    v_due := case when p_per_second is null then null else clock_timestamp() + v_count / p_per_second * interval '1 second' end;
    v_table := case f.queue when 'review-ai' then 'jobs' when 'gmail-fetch' then 'analytics_jobs' when 'conversation-analysis' then 'conversation_analysis_jobs' end;
    v_outbox := null;
    if v_table is null then
      v_outbox := public.put_outbox(
        f.queue, f.name, f.job_id, f.payload, jsonb_strip_nulls(jsonb_build_object('userId', f.user_id, 'correlationId', f.correlation_id)),
        f.run + 1, true, case f.queue when 'story-enhancement' then 'stories' end,
        case when f.queue = 'story-enhancement' and f.payload ->> 'storyId' ~ '^[0-9a-fA-F-]{36}$' then (f.payload ->> 'storyId')::uuid end, v_due
      );
    elsif f.job_id !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
      v_skipped := v_skipped || jsonb_build_object('id', f.id, 'reason', 'not_found');
    else
      begin
        v_row_result := public.retry_job_row(v_table, f.job_id::uuid, null, v_due);
        if v_row_result ->> 'outcome' = 'retried' then
          v_outbox := (v_row_result ->> 'outboxId')::bigint;
        else
          v_skipped := v_skipped || jsonb_build_object('id', f.id, 'reason', v_row_result ->> 'outcome');
        end if;
      exception when sqlstate 'PT402' then
        v_skipped := v_skipped || jsonb_build_object('id', f.id, 'reason', 'insufficient_credits');
      end;
    end if;
    if v_outbox is not null then
      update public.failed_jobs set replayed_at = now(), replayed_job_id = f.job_id, replayed_by = p_by, replay_id = p_replay where id = f.id;
      v_outbox_ids := v_outbox_ids || to_jsonb(v_outbox);
      v_count := v_count + 1;
    end if;
  end loop;
  return jsonb_build_object('replayed', v_count, 'skipped', v_skipped, 'outboxIds', v_outbox_ids);
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000007' $$;

revoke execute on function
  public.find_failed_jobs(jsonb),
  public.failed_job_groups(text, integer),
  public.list_failed_jobs(text, integer, timestamptz, uuid),
  public.replay_failed_jobs(uuid, text, text, integer, numeric)
from public, anon, authenticated;
grant execute on function
  public.find_failed_jobs(jsonb),
  public.failed_job_groups(text, integer),
  public.list_failed_jobs(text, integer, timestamptz, uuid)
to authenticated, service_role;
grant execute on function public.replay_failed_jobs(uuid, text, text, integer, numeric) to service_role;
