-- Schedules: user-defined cron entries, one row per (schedule, deal, due time), and how far due times have been looked at by any scheduler. Cron expressions and
-- time zones are computed in JavaScript: deals and schedules that share them are a group, and what is due is started a group at a time.

-- Since when the deal has been active with this brief time and time zone: nothing is due before.
alter table public.deals add column if not exists briefs_since timestamptz not null default now();

create or replace function public.hivepulse_briefs_since() returns trigger language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' or (old.status, old.time_zone, old.brief_time) is distinct from (new.status, new.time_zone, new.brief_time) then
    new.briefs_since := now();
  end if;
  return new;
end
$$;
drop trigger if exists hivepulse_briefs_since on public.deals;
create trigger hivepulse_briefs_since before insert or update on public.deals for each row execute function public.hivepulse_briefs_since();

create table if not exists public.schedules (id uuid primary key default gen_random_uuid());
alter table public.schedules
  -- Null: each active deal.
  add column if not exists deal_id uuid references public.deals (id) on delete cascade,
  -- daily-brief: further times of it; report: one of its own.
  add column if not exists kind text not null default 'report',
  -- Its name in daily_briefs; null: the daily brief.
  add column if not exists report text,
  add column if not exists title text,
  add column if not exists cron text,
  -- Null: that of the deal, else TIMEZONE.
  add column if not exists time_zone text,
  add column if not exists enabled boolean not null default true,
  add column if not exists created_by uuid,
  -- Nothing is due before.
  add column if not exists since timestamptz not null default now(),
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
create index if not exists schedules_by_deal on public.schedules (deal_id);
create index if not exists schedules_by_age on public.schedules (created_at desc, id desc);
select public.hivepulse_ask_no_more('schedules', array['id']);

create or replace function public.hivepulse_schedule_since() returns trigger language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' or (old.cron, old.time_zone, old.enabled, old.deal_id) is distinct from (new.cron, new.time_zone, new.enabled, new.deal_id) then
    new.since := now();
  end if;
  return new;
end
$$;
drop trigger if exists hivepulse_schedule_since on public.schedules;
create trigger hivepulse_schedule_since before insert or update on public.schedules for each row execute function public.hivepulse_schedule_since();

-- What became of each due time: the unique row that makes it happen once.
create table if not exists public.schedule_runs (
  -- daily-brief, the id of a schedule, or chore:<its key>
  schedule_key text not null,
  -- Chores have none: the uuid of zeros.
  deal_id uuid not null,
  due_at timestamptz not null,
  primary key (schedule_key, deal_id, due_at)
);
alter table public.schedule_runs
  -- asked, skipped (missed, and not caught up); of chores: started, done, failed, busy (an earlier run was still at it)
  add column if not exists outcome text not null default 'asked',
  -- Handled more than five minutes after it was due.
  add column if not exists late boolean not null default false,
  -- Of the brief; of a chore, its run.
  add column if not exists job_id text,
  add column if not exists error text,
  -- The alert that told of it.
  add column if not exists alert_id uuid,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
create index if not exists schedule_runs_by_time on public.schedule_runs (due_at);
create index if not exists schedule_runs_untold on public.schedule_runs (due_at) where outcome = 'skipped' and alert_id is null;

-- One row.
create table if not exists public.scheduler_state (id boolean primary key default true check (id));
alter table public.scheduler_state
  -- Due times until then have been handled. It is a heartbeat, too.
  add column if not exists looked_at timestamptz,
  -- { "<DAILY_BRIEF_TIME>|<TIMEZONE>": when a scheduler came with them first }
  add column if not exists defaults jsonb not null default '{}',
  -- While an alert tells that no scheduler is seen.
  add column if not exists missing_since timestamptz,
  add column if not exists alert_id uuid,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
insert into public.scheduler_state default values on conflict do nothing;

do $$
declare
  t text;
begin
  foreach t in array array['schedules', 'schedule_runs', 'scheduler_state'] loop
    execute format('drop trigger if exists hivepulse_touch on public.%I', t);
    execute format('create trigger hivepulse_touch before update on public.%I for each row execute function public.hivepulse_touch()', t);
    execute format('alter table public.%I enable row level security', t);
    execute format('revoke all on public.%I from anon, authenticated', t);
    execute format('grant all on public.%I to service_role', t);
    execute format('drop policy if exists hivepulse_own on public.%I', t);
    execute format('drop policy if exists hivepulse_service on public.%I', t);
    execute format('create policy hivepulse_service on public.%I for all to service_role using (true) with check (true)', t);
    perform public.hivepulse_users_only_read(t);
  end loop;
  foreach t in array array['schedules', 'schedule_runs'] loop
    execute format('grant select on public.%I to authenticated', t);
    execute format('create policy hivepulse_own on public.%I for select to authenticated using (public.hivepulse_sees_deal(deal_id))', t);
  end loop;
end
$$;

-- For one who acts for a user; see hivepulse_sees_deal.
create or replace function public.hivepulse_user_sees_deal(p_deal uuid, p_user uuid) returns boolean
language sql stable security invoker set search_path = '' as $$
  select exists (select from public.deal_members m where m.deal_id = p_deal and m.user_id = p_user)
    or exists (select from public.deals d where d.id = p_deal and d.created_by = p_user)
$$;

-- A schedule as everybody may see it; `deal_time_zone` is that of its deal.
create or replace function public.hivepulse_schedule_view(s public.schedules) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select to_jsonb(s) || jsonb_build_object('deal_time_zone', (select d.time_zone from public.deals d where d.id = s.deal_id))
$$;

-- { id, dealId, userId }; newest first, after a time and an id.
create or replace function public.find_schedules(p_filter text, p_limit integer, p_after_time timestamptz default null, p_after_id uuid default null) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(public.hivepulse_schedule_view(f) order by f.created_at desc, f.id desc), '[]')
  from (
    select s.* from public.schedules s, (select p_filter::jsonb as v) asked
    where (v ->> 'id' is null or s.id = (v ->> 'id')::uuid)
      and (v ->> 'dealId' is null or s.deal_id = (v ->> 'dealId')::uuid)
      and (v ->> 'userId' is null or public.hivepulse_user_sees_deal(s.deal_id, (v ->> 'userId')::uuid))
      and (p_after_time is null or (s.created_at, s.id) < (p_after_time, p_after_id))
    order by s.created_at desc, s.id desc limit p_limit
  ) f
$$;

-- For a user: of a deal that the user sees. The same id again answers what is there.
create or replace function public.create_schedule(p_id uuid, p_schedule text, p_user uuid) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_schedule::jsonb;
  v_deal uuid := (v ->> 'dealId')::uuid;
begin
  if (v_deal is not null or p_user is not null)
    and not exists (select from public.deals d where d.id = v_deal and (p_user is null or public.hivepulse_user_sees_deal(d.id, p_user))) then
    raise exception 'There is no deal %', v_deal using errcode = 'PT404', detail = json_build_object('what', 'Deal', 'id', coalesce(v_deal::text, ''));
  end if;
  insert into public.schedules (id, deal_id, kind, report, title, cron, time_zone, enabled, created_by)
  values (p_id, v_deal, v ->> 'kind', v ->> 'report', v ->> 'title', v ->> 'cron', v ->> 'timeZone', (v ->> 'enabled')::boolean, p_user)
  on conflict (id) do nothing;
  return (select public.hivepulse_schedule_view(s) from public.schedules s where s.id = p_id);
end
$$;

-- Only what the changes name; null where there is no such schedule, or the user does not see it.
create or replace function public.change_schedule(p_id uuid, p_changes text, p_user uuid) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_changes::jsonb;
  s public.schedules;
begin
  update public.schedules o
  set title = case when v ? 'title' then v ->> 'title' else title end,
      cron = coalesce(v ->> 'cron', cron),
      time_zone = case when v ? 'timeZone' then v ->> 'timeZone' else time_zone end,
      enabled = coalesce((v ->> 'enabled')::boolean, enabled)
  where id = p_id and (p_user is null or public.hivepulse_user_sees_deal(o.deal_id, p_user))
  returning * into s;
  if not found then return null; end if;
  return public.hivepulse_schedule_view(s);
end
$$;

create or replace function public.remove_schedule(p_id uuid, p_user uuid) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  delete from public.schedules where id = p_id and (p_user is null or public.hivepulse_user_sees_deal(deal_id, p_user));
  return found;
end
$$;

-- What a scheduler computes due times of: { now, lookedAt, groups: [{ kind: brief|schedule, cron, timeZone }] }. `p_now`: instead of the database's clock.
create or replace function public.look_at_schedules(p_cron text, p_time_zone text, p_now timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_defaults text := p_cron || '|' || p_time_zone;
begin
  update public.scheduler_state set defaults = defaults || jsonb_build_object(v_defaults, v_now) where id and not defaults ? v_defaults;
  return (
    select jsonb_build_object('now', v_now, 'lookedAt', s.looked_at, 'groups', (
      select coalesce(jsonb_agg(jsonb_build_object('kind', g.kind, 'cron', g.cron, 'timeZone', g.zone) order by g.kind, g.cron, g.zone), '[]')
      from (
        select 'brief' as kind, coalesce(d.brief_time, p_cron) as cron, coalesce(d.time_zone, p_time_zone) as zone
        from public.deals d where d.status = 'active' and lower(d.brief_time) is distinct from 'off'
        union
        select 'schedule', c.cron, coalesce(c.time_zone, d.time_zone, p_time_zone)
        from public.schedules c join public.deals d on d.id = c.deal_id and d.status = 'active'
        where c.enabled and c.cron is not null
        union
        select 'schedule', c.cron, coalesce(c.time_zone, z.time_zone, p_time_zone)
        from public.schedules c cross join (select distinct d.time_zone from public.deals d where d.status = 'active') z
        where c.enabled and c.cron is not null and c.deal_id is null
      ) g
    ))
    from public.scheduler_state s
  );
end
$$;

-- Starts what one group has due: { kind, cron, timeZone, dueAt, date (the local one), outcome: asked|skipped, late, defaults: { cron, timeZone }, limit }. Each due time
-- of a deal and schedule once, whoever comes first, and its brief is asked for in the same transaction. Answers { found, started }: `limit` found, there may be more.
create or replace function public.start_schedule_runs(p_runs text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_runs::jsonb;
  v_due timestamptz := (v ->> 'dueAt')::timestamptz;
  v_stamp text := to_char((v ->> 'dueAt')::timestamptz at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"');
  v_cron text := v -> 'defaults' ->> 'cron';
  v_zone text := v -> 'defaults' ->> 'timeZone';
  v_asked boolean := v ->> 'outcome' = 'asked';
  v_default_since timestamptz;
  v_found integer := 0;
  v_started integer := 0;
  v_job text;
  r record;
begin
  select coalesce((defaults ->> (v_cron || '|' || v_zone))::timestamptz, '-infinity') into v_default_since from public.scheduler_state;
  for r in
    select t.* from (
      select 'daily-brief' as key, d.id as deal, null::text as report, null::text as title
      from public.deals d
      where v ->> 'kind' = 'brief' and d.status = 'active' and lower(d.brief_time) is distinct from 'off'
        and coalesce(d.brief_time, v_cron) = v ->> 'cron' and coalesce(d.time_zone, v_zone) = v ->> 'timeZone'
        and d.briefs_since < v_due and ((d.brief_time is not null and d.time_zone is not null) or v_default_since < v_due)
      union all
      select s.id::text, d.id, s.report, s.title
      from public.schedules s join public.deals d on (s.deal_id is null or s.deal_id = d.id) and d.status = 'active'
      where v ->> 'kind' = 'schedule' and s.enabled and s.cron = v ->> 'cron' and coalesce(s.time_zone, d.time_zone, v_zone) = v ->> 'timeZone'
        and greatest(s.since, d.briefs_since) < v_due
    ) t
    where not exists (select from public.schedule_runs o where o.schedule_key = t.key and o.deal_id = t.deal and o.due_at = v_due)
    -- In one order, so that two schedulers never wait for each other in a circle.
    order by t.key, t.deal
    limit (v ->> 'limit')::integer
  loop
    v_found := v_found + 1;
    v_job := concat_ws('-', 'daily-brief', r.deal, r.report, v_stamp);
    insert into public.schedule_runs (schedule_key, deal_id, due_at, outcome, late, job_id)
    values (r.key, r.deal, v_due, v ->> 'outcome', (v ->> 'late')::boolean, case when v_asked then v_job end)
    on conflict do nothing;
    if found then
      v_started := v_started + 1;
      if v_asked then
        perform public.hivepulse_ask_step('brief', v_job, 'generate', r.deal, 'daily-brief', jsonb_strip_nulls(jsonb_build_object(
          'dealId', r.deal, 'date', v ->> 'date', 'report', r.report, 'title', r.title, 'dueAt', v ->> 'dueAt', 'late', (v ->> 'late')::boolean
        )), jsonb_build_object('jobId', v_job, 'correlationId', 'schedule-' || v_stamp));
      end if;
    end if;
  end loop;
  return jsonb_build_object('found', v_found, 'started', v_started);
end
$$;

-- Due times until `p_now` are handled. Answers since when an alert had told that no scheduler was seen; null: none had.
create or replace function public.looked_at_schedules(p_now timestamptz) returns timestamptz
language plpgsql security invoker set search_path = '' as $$
declare
  v_missing timestamptz;
begin
  select missing_since into v_missing from public.scheduler_state for no key update;
  update public.scheduler_state
  -- Far ahead only where the clock has been set back since.
  set looked_at = case when looked_at > p_now + interval '10 minutes' then p_now else greatest(looked_at, p_now) end,
      missing_since = null, alert_id = null
  where id;
  return v_missing;
end
$$;

-- True for the one run of a chore that may do what was due then.
create or replace function public.start_chore(p_key text, p_due timestamptz, p_run text) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  insert into public.schedule_runs (schedule_key, deal_id, due_at, outcome, job_id)
  values ('chore:' || p_key, '00000000-0000-0000-0000-000000000000', p_due, 'started', p_run)
  on conflict do nothing;
  return exists (select from public.schedule_runs where schedule_key = 'chore:' || p_key and due_at = p_due and job_id = p_run);
end
$$;

create or replace function public.end_chore(p_key text, p_due timestamptz, p_run text, p_outcome text, p_error text) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  update public.schedule_runs set outcome = p_outcome, error = p_error
  where schedule_key = 'chore:' || p_key and due_at = p_due and job_id = p_run;
  return found;
end
$$;

-- What was missed and not caught up, and no alert has told of: whoever takes it tells. { runs, deals, from, until }; null: nothing.
create or replace function public.take_missed_runs(p_alert uuid) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_taken jsonb;
begin
  update public.schedule_runs set alert_id = p_alert where outcome = 'skipped' and alert_id is null;
  select jsonb_build_object('runs', count(*), 'deals', count(distinct deal_id), 'from', min(due_at), 'until', max(due_at)) into v_taken
  from public.schedule_runs where alert_id = p_alert having count(*) > 0;
  return v_taken;
end
$$;
create index if not exists schedule_runs_by_alert on public.schedule_runs (alert_id) where alert_id is not null;

-- Since when no scheduler has looked, for whoever is first to notice that it is longer than `p_after_ms`; else null.
create or replace function public.notice_missing_scheduler(p_alert uuid, p_after_ms bigint, p_now timestamptz default null) returns timestamptz
language plpgsql security invoker set search_path = '' as $$
begin
  update public.scheduler_state
  set missing_since = coalesce(looked_at, created_at), alert_id = p_alert
  where id and missing_since is null and coalesce(looked_at, created_at) < coalesce(p_now, clock_timestamp()) - p_after_ms * interval '1 millisecond';
  return (select missing_since from public.scheduler_state where alert_id = p_alert);
end
$$;

-- Forgets what nobody asks for any more, `p_limit` of each kind at most: { runs, steps, states }. Editions of briefs are kept.
create or replace function public.clean_up_schedules(p_keep_ms bigint, p_limit integer, p_now timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_before timestamptz := coalesce(p_now, clock_timestamp()) - p_keep_ms * interval '1 millisecond';
  v_runs integer;
  v_steps integer;
  v_states integer;
begin
  delete from public.schedule_runs where ctid in (select ctid from public.schedule_runs where due_at < v_before limit p_limit for update skip locked);
  get diagnostics v_runs = row_count;
  delete from public.deal_steps where ctid in (
    select ctid from public.deal_steps
    where subject = 'brief' and status in ('succeeded', 'failed', 'cancelled') and updated_at < v_before limit p_limit for update skip locked
  );
  get diagnostics v_steps = row_count;
  delete from public.oauth_states where id in (select id from public.oauth_states where expires_at < v_before limit p_limit for update skip locked);
  get diagnostics v_states = row_count;
  return jsonb_build_object('runs', v_runs, 'steps', v_steps, 'states', v_states);
end
$$;

-- The time zones of the active deals that briefs are asked for by hand, null where it is TIMEZONE: { deal (null: all), userId (null: of all users) }.
-- Null where the deal is missing, or the user does not see it; a deal that is not active has none.
create or replace function public.zones_of_briefs(p_asked text) returns jsonb
language plpgsql stable security invoker set search_path = '' as $$
declare
  v jsonb := p_asked::jsonb;
  v_deal uuid := (v ->> 'deal')::uuid;
  v_user uuid := (v ->> 'userId')::uuid;
begin
  if v_deal is not null and not exists (select from public.deals d where d.id = v_deal and (v_user is null or public.hivepulse_user_sees_deal(d.id, v_user))) then
    return null;
  end if;
  return (
    select coalesce(jsonb_agg(distinct d.time_zone), '[]') from public.deals d
    where d.status = 'active' and (v_deal is null or d.id = v_deal) and (v_user is null or public.hivepulse_user_sees_deal(d.id, v_user))
  );
end
$$;

-- Asks for a brief of each: { deal, userId, date (null: today's), dates: { time zone: today there, "": today in TIMEZONE }, suffix (ends the ids of the jobs), after, limit,
-- options: { userId, correlationId } }. Answers [{ dealId, date, jobId, outboxId, deduplicated }] in the order of the deals' ids: one that was asked for by hand
-- and is still unfinished goes on, and is named.
create or replace function public.ask_for_briefs(p_asked text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_asked::jsonb;
  v_user uuid := (v ->> 'userId')::uuid;
  v_date text;
  v_job text;
  v_mine text;
  v_outbox bigint;
  v_answer jsonb := '[]';
  d record;
begin
  -- One after another: two that ask at the same moment see each other's.
  perform from public.scheduler_state for update;
  for d in
    select o.id, o.time_zone from public.deals o
    where o.status = 'active' and (v ->> 'deal' is null or o.id = (v ->> 'deal')::uuid) and (v_user is null or public.hivepulse_user_sees_deal(o.id, v_user))
      and (v ->> 'after' is null or o.id > (v ->> 'after')::uuid)
    order by o.id limit (v ->> 'limit')::integer
  loop
    v_date := coalesce(v ->> 'date', v -> 'dates' ->> coalesce(d.time_zone, ''), v -> 'dates' ->> '');
    v_mine := 'daily-brief-' || d.id || '-' || v_date || '-' || (v ->> 'suffix');
    select s.job_id into v_job from public.deal_steps s
    where s.deal_id = d.id and s.subject = 'brief' and s.status in ('queued', 'processing')
      and s.payload ->> 'date' = v_date and not s.payload ? 'dueAt' and coalesce(s.payload ->> 'report', 'daily') = 'daily'
    order by s.created_at desc limit 1;
    if v_job is null then
      v_job := v_mine;
      v_outbox := (public.hivepulse_ask_step(
        'brief', v_job, 'generate', d.id, 'daily-brief', jsonb_build_object('dealId', d.id, 'date', v_date),
        coalesce(v -> 'options', '{}') || jsonb_build_object('jobId', v_job)
      ) ->> 'outboxId')::bigint;
    else
      select max(id) into v_outbox from public.job_outbox where queue = 'daily-brief' and job_id = v_job and ended is null;
    end if;
    v_answer := v_answer || jsonb_build_object('dealId', d.id, 'date', v_date, 'jobId', v_job, 'outboxId', v_outbox, 'deduplicated', v_job <> v_mine);
  end loop;
  return v_answer;
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000012' $$;

do $$
declare
  f text;
begin
  foreach f in array array[
    'hivepulse_user_sees_deal(uuid, uuid)', 'hivepulse_schedule_view(public.schedules)', 'find_schedules(text, integer, timestamptz, uuid)',
    'create_schedule(uuid, text, uuid)', 'change_schedule(uuid, text, uuid)', 'remove_schedule(uuid, uuid)', 'look_at_schedules(text, text, timestamptz)',
    'start_schedule_runs(text)', 'looked_at_schedules(timestamptz)', 'start_chore(text, timestamptz, text)', 'end_chore(text, timestamptz, text, text, text)',
    'take_missed_runs(uuid)', 'notice_missing_scheduler(uuid, bigint, timestamptz)', 'clean_up_schedules(bigint, integer, timestamptz)', 'zones_of_briefs(text)',
    'ask_for_briefs(text)'
  ] loop
    execute format('revoke execute on function public.%s from public, anon, authenticated', f);
    execute format('grant execute on function public.%s to service_role', f);
  end loop;
end
$$;
-- Of what row-level security lets them see.
grant execute on function public.hivepulse_user_sees_deal(uuid, uuid), public.hivepulse_schedule_view(public.schedules),
  public.find_schedules(text, integer, timestamptz, uuid) to authenticated;
