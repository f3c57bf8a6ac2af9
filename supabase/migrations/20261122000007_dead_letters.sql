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
-- Called in pages, for many in one transaction would hold up everybody's balances: `p_after_…` is the last letter of the page before, `p_offset` how many were
-- replayed in those, `p_from` when the whole began. The answer has `seen` (letters looked at), `lastTime` and `lastId` for the next page.
create or replace function public.replay_failed_jobs(
  p_replay uuid, p_filter text, p_by text, p_limit integer, p_per_second numeric default null,
  p_offset integer default 0, p_from timestamptz default null, p_after_time timestamptz default null, p_after_id uuid default null
) returns jsonb
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
  v_ids uuid[];
  v_page uuid[];
  v_last public.failed_jobs;
  f public.failed_jobs;
begin
  -- The same request again while the first one is under way waits for it.
  perform pg_advisory_xact_lock(hashtextextended(p_replay::text, 0));
  if exists (select from public.failed_jobs where replay_id = p_replay) then
    select count(*), coalesce(jsonb_agg(o.id) filter (where o.id is not null), '[]') into v_count, v_outbox_ids
    from public.failed_jobs r left join public.job_outbox o on o.queue = r.queue and o.job_id = r.job_id and o.ended is null
    where r.replay_id = p_replay;
    select * into v_last from public.failed_jobs where replay_id = p_replay order by failed_at desc, id desc limit 1;
    return jsonb_build_object(
      'replayed', v_count, 'skipped', v_skipped, 'outboxIds', v_outbox_ids, 'seen', p_limit, 'lastTime', v_last.failed_at, 'lastId', v_last.id
    );
  end if;
  if not v_filter ? 'ids' then v_filter := v_filter || '{"replayed": false}'; end if;
  select array_agg(page.id) into v_page from (
    select m.id from public.find_failed_jobs(v_filter) m
    where p_after_id is null or (m.failed_at, m.id) > (p_after_time, p_after_id)
    order by m.failed_at, m.id limit p_limit
  ) page;
  select * into v_last from public.failed_jobs where id = any (v_page) order by failed_at desc, id desc limit 1;
  -- Of several letters of one job the last; none that another replay is busy with.
  select array_agg(id) into v_ids from (select id from public.failed_jobs where id = any (v_page) for update skip locked) free;
  select array_agg(last.id) into v_ids from (
    select distinct on (l.queue, l.job_id) l.id from public.failed_jobs l where l.id = any (v_ids) order by l.queue, l.job_id, l.run desc
  ) last;
  -- All that will be changed, in the order in which everybody takes it.
  foreach v_table in array array['analytics_jobs', 'conversation_analysis_jobs', 'jobs'] loop
    execute format('select from public.%I where id::text = any (array(
      select l.job_id from public.failed_jobs l where l.id = any ($1) and l.queue = $2)) order by id for update', v_table)
    using v_ids, (public.job_row_words(v_table)).queue;
  end loop;
  perform from public.user_credits
  where user_id in (select j.user_id from public.jobs j join public.failed_jobs l on l.job_id = j.id::text and l.queue = 'review-ai' where l.id = any (v_ids))
  order by user_id for update;
  for f in select * from public.failed_jobs where id = any (v_ids) order by failed_at, id loop
    v_due := case
      when p_per_second is not null then coalesce(p_from, now()) + (p_offset + v_count) / p_per_second * interval '1 second'
    end;
    v_table := case f.queue when 'review-ai' then 'jobs' when 'gmail-fetch' then 'analytics_jobs' when 'conversation-analysis' then 'conversation_analysis_jobs' end;
    v_outbox := null;
    if v_table is null then
      v_outbox := public.put_outbox(
        f.queue, f.name, f.job_id, f.payload, jsonb_strip_nulls(jsonb_build_object('userId', f.user_id, 'correlationId', f.correlation_id)),
        (select max(l.run) + 1 from public.failed_jobs l where l.queue = f.queue and l.job_id = f.job_id), true, case f.queue when 'story-enhancement' then 'stories' end,
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
      -- What failed earlier of the same job is done with as well.
      update public.failed_jobs
      set replayed_at = now(), replayed_job_id = f.job_id, replayed_by = p_by, replay_id = case when id = f.id then p_replay else replay_id end
      where id = f.id or (queue = f.queue and job_id = f.job_id and run < f.run and replayed_at is null);
      v_outbox_ids := v_outbox_ids || to_jsonb(v_outbox);
      v_count := v_count + 1;
    end if;
  end loop;
  return jsonb_build_object(
    'replayed', v_count, 'skipped', v_skipped, 'outboxIds', v_outbox_ids, 'seen', coalesce(cardinality(v_page), 0), 'lastTime', v_last.failed_at, 'lastId', v_last.id
  );
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000007' $$;

revoke execute on function
  public.find_failed_jobs(jsonb),
  public.failed_job_groups(text, integer),
  public.list_failed_jobs(text, integer, timestamptz, uuid),
  public.replay_failed_jobs(uuid, text, text, integer, numeric, integer, timestamptz, timestamptz, uuid)
from public, anon, authenticated;
grant execute on function
  public.find_failed_jobs(jsonb),
  public.failed_job_groups(text, integer),
  public.list_failed_jobs(text, integer, timestamptz, uuid)
to authenticated, service_role;
grant execute on function public.replay_failed_jobs(uuid, text, text, integer, numeric, integer, timestamptz, timestamptz, uuid) to service_role;
