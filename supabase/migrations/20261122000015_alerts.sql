-- Alerts: what troubles whom since when, and the messages that tell of it. All is stored before it is told, in the transaction that finds it where the database does,
-- and told by whichever process takes it. The tables bear our name: many apps have alerts of their own.

-- One row per kind and subject: the last trouble of that kind with it.
create table if not exists public.hivepulse_alerts (
  kind text not null,
  -- A queue, a connection, a fingerprint; empty where there is only one.
  subject text not null default '',
  -- pending: seen, and not for long enough to be told
  status text not null default 'over' check (status in ('pending', 'firing', 'over')),
  -- Told at once when it grows.
  level integer not null default 0,
  since timestamptz not null,
  -- When it was seen last, and since when it has not been.
  seen_at timestamptz not null,
  clear_since timestamptz,
  -- How often it was seen since it was told last, and since it began.
  count bigint not null default 0,
  total bigint not null default 0,
  -- Null: not yet, of this trouble.
  told_at timestamptz,
  details jsonb not null default '{}',
  -- The last question and what came of it: repeated, it changes nothing more.
  request uuid,
  answer jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (kind, subject)
);

create table if not exists public.hivepulse_alert_messages (
  id bigint generated always as identity primary key,
  kind text not null,
  subject text not null,
  -- firing, still (it goes on), over
  phase text not null,
  level integer not null default 0,
  since timestamptz not null,
  at timestamptz not null,
  count bigint not null,
  total bigint not null,
  details jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index if not exists hivepulse_alert_messages_by_time on public.hivepulse_alert_messages (at);

-- Where messages go: `webhook`, `mail`. Each process names those that it can send to; whoever raises an alert need not be one of them.
create table if not exists public.hivepulse_alert_targets (
  target text primary key,
  seen_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table if not exists public.hivepulse_alert_deliveries (
  message_id bigint not null references public.hivepulse_alert_messages (id) on delete cascade,
  target text not null,
  status text not null default 'pending' check (status in ('pending', 'sending', 'sent', 'failed')),
  attempts integer not null default 0,
  next_at timestamptz not null,
  claim_id uuid,
  -- Whoever has not said by then what became of it has died: another sends it.
  claimed_until timestamptz,
  error text,
  sent_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (message_id, target)
);
create index if not exists hivepulse_alert_deliveries_due on public.hivepulse_alert_deliveries (target, message_id) where status in ('pending', 'sending');
create index if not exists hivepulse_alert_deliveries_by_claim on public.hivepulse_alert_deliveries (claim_id) where claim_id is not null;

-- Jobs that were completed, as workers report them: one row per report and queue, so that repeating a report counts once.
create table if not exists public.hivepulse_job_endings (
  report_id uuid not null,
  queue text not null,
  completed bigint not null,
  at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (report_id, queue)
);
create index if not exists hivepulse_job_endings_by_time on public.hivepulse_job_endings (at);

do $$
declare
  t text;
begin
  foreach t in array array[
    'hivepulse_alerts', 'hivepulse_alert_messages', 'hivepulse_alert_targets', 'hivepulse_alert_deliveries', 'hivepulse_job_endings'
  ] loop
    execute format('drop trigger if exists hivepulse_touch on public.%I', t);
    execute format('create trigger hivepulse_touch before update on public.%I for each row execute function public.hivepulse_touch()', t);
    execute format('alter table public.%I enable row level security', t);
    execute format('revoke all on public.%I from anon, authenticated', t);
    execute format('grant all on public.%I to service_role', t);
    execute format('drop policy if exists hivepulse_service on public.%I', t);
    execute format('create policy hivepulse_service on public.%I for all to service_role using (true) with check (true)', t);
  end loop;
end
$$;

-- Dead letters that no alert has counted. Those of before count as counted.
do $$
begin
  if not exists (
    select from information_schema.columns where table_schema = 'public' and table_name = 'failed_jobs' and column_name = 'alerted_at'
  ) then
    alter table public.failed_jobs add column alerted_at timestamptz default now();
    alter table public.failed_jobs alter column alerted_at drop default;
  end if;
end
$$;
create index if not exists failed_jobs_unalerted on public.failed_jobs (failed_at) where alerted_at is null;

-- Stores a message and where it goes: to every target that a process had within a day.
create or replace function public.hivepulse_tell_alert(a public.hivepulse_alerts, p_phase text, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  m public.hivepulse_alert_messages;
begin
  insert into public.hivepulse_alert_messages (kind, subject, phase, level, since, at, count, total, details)
  values (a.kind, a.subject, p_phase, a.level, a.since, p_now, a.count, a.total, a.details)
  returning * into m;
  insert into public.hivepulse_alert_deliveries (message_id, target, next_at)
  select m.id, t.target, p_now from public.hivepulse_alert_targets t where t.seen_at > p_now - interval '1 day';
  return to_jsonb(m);
end
$$;

-- One look at one subject: { kind, subject, firing, level, count, since, details, holdMs, settleMs, coolDownMs, quiet, request }.
-- It is told at once, or when it has been seen for holdMs; again when its level has grown, and every coolDownMs (absent: never) while it goes on. It is over when it has
-- not been seen for settleMs; that is told once, unless `quiet`. Answers the message; null: there is nothing to tell.
create or replace function public.hivepulse_observe_alert(p jsonb, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  a public.hivepulse_alerts;
  v_kind text := p ->> 'kind';
  v_subject text := coalesce(p ->> 'subject', '');
  v_level integer := coalesce((p ->> 'level')::integer, 0);
  v_count bigint := coalesce((p ->> 'count')::bigint, 1);
  v_hold interval := coalesce((p ->> 'holdMs')::bigint, 0) * interval '1 millisecond';
  v_settle interval := coalesce((p ->> 'settleMs')::bigint, 0) * interval '1 millisecond';
  v_cool_down interval := (p ->> 'coolDownMs')::bigint * interval '1 millisecond';
  v_request uuid := (p ->> 'request')::uuid;
  v_phase text;
  v_answer jsonb;
begin
  if (p ->> 'firing')::boolean then
    insert into public.hivepulse_alerts (kind, subject, since, seen_at) values (v_kind, v_subject, p_now, p_now) on conflict do nothing;
  end if;
  -- Most looks find nothing, and change nothing.
  if not (p ->> 'firing')::boolean and not exists (
    select from public.hivepulse_alerts where kind = v_kind and subject = v_subject and (status <> 'over' or request = v_request)
  ) then return null; end if;
  select * into a from public.hivepulse_alerts where kind = v_kind and subject = v_subject for update;
  if not found then return null; end if;
  if v_request is not null and a.request = v_request then return a.answer; end if;

  if (p ->> 'firing')::boolean then
    -- A look that comes late says nothing of the time in between.
    if a.status = 'over' or (a.status = 'pending' and a.seen_at < p_now - v_hold - interval '5 minutes') then
      a.status := 'pending';
      a.since := coalesce((p ->> 'since')::timestamptz, p_now);
      a.level := 0;
      a.count := 0;
      a.total := 0;
      a.told_at := null;
    end if;
    a.seen_at := p_now;
    a.clear_since := null;
    a.details := coalesce(p -> 'details', '{}');
    a.count := a.count + v_count;
    a.total := a.total + v_count;
    if a.status = 'firing' or a.since <= p_now - v_hold then
      a.status := 'firing';
      v_phase := case
        when a.told_at is null or v_level > a.level then 'firing'
        when a.told_at <= p_now - v_cool_down then 'still'
      end;
      a.level := v_level;
    end if;
  elsif a.status = 'over' then
    return null;
  else
    a.clear_since := coalesce(a.clear_since, p_now);
    if a.status = 'pending' or a.clear_since <= p_now - v_settle then
      v_phase := case when a.status = 'firing' and not coalesce((p ->> 'quiet')::boolean, false) then 'over' end;
      a.status := 'over';
      a.details := a.details || coalesce(p -> 'details', '{}');
    end if;
  end if;

  if v_phase is not null then
    v_answer := public.hivepulse_tell_alert(a, v_phase, p_now);
    a.told_at := p_now;
    a.count := 0;
  end if;
  update public.hivepulse_alerts set
    status = a.status, level = a.level, since = a.since, seen_at = a.seen_at, clear_since = a.clear_since, count = a.count, total = a.total,
    told_at = a.told_at, details = a.details, request = v_request, answer = v_answer
  where kind = v_kind and subject = v_subject;
  return v_answer;
end
$$;

-- Of `[observation]`, what is to be told. In one order, so that two who look never wait for each other in a circle.
create or replace function public.observe_alerts(p_request uuid, p_observations text, p_now timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_told jsonb := '[]';
  v_one jsonb;
  o jsonb;
begin
  for o in select value from jsonb_array_elements(p_observations::jsonb) order by value ->> 'kind', value ->> 'subject' loop
    v_one := public.hivepulse_observe_alert(o || jsonb_build_object('request', p_request), v_now);
    if v_one is not null then v_told := v_told || v_one; end if;
  end loop;
  return v_told;
end
$$;

-- Counts dead letters that nobody has counted, by their fingerprint, and tells of each group at once, then every `p_cool_down_ms` of what came since.
create or replace function public.observe_failed_jobs(p_cool_down_ms bigint, p_limit integer, p_now timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_told jsonb := '[]';
  v_one jsonb;
  v_counted bigint := 0;
  r record;
begin
  for r in
    with open as materialized (
      select f.id from public.failed_jobs f where f.alerted_at is null order by f.failed_at limit p_limit for update skip locked
    ), counted as (
      update public.failed_jobs f set alerted_at = v_now from open where f.id = open.id
      returning f.fingerprint, f.queue, f.name, f.job_id, f.error, f.failed_at
    ), fresh as (
      select case c.fingerprint when '' then c.queue || '/' || c.name else c.fingerprint end as subject, count(*) as count,
        (array_agg(jsonb_build_object('queue', c.queue, 'name', c.name, 'jobId', c.job_id, 'error', left(c.error, 2000)) order by c.failed_at desc))[1] as details
      from counted c group by 1
    )
    select coalesce(f.subject, a.subject) as subject, coalesce(f.count, 0) as count, coalesce(f.details, a.details) as details
    from fresh f
    full join (
      -- Held back while it was told of a short time ago.
      select * from public.hivepulse_alerts
      where kind = 'job_failed' and status = 'firing' and count > 0 and told_at <= v_now - p_cool_down_ms * interval '1 millisecond'
    ) a on a.subject = f.subject
    order by 1
  loop
    v_counted := v_counted + r.count;
    v_one := public.hivepulse_observe_alert(jsonb_build_object(
      'kind', 'job_failed', 'subject', r.subject, 'firing', true, 'count', r.count, 'details', r.details, 'coolDownMs', p_cool_down_ms
    ), v_now);
    if v_one is not null then v_told := v_told || v_one; end if;
  end loop;
  return jsonb_build_object('counted', v_counted, 'told', v_told);
end
$$;

-- Whether a scheduler has looked within `p_after_ms`. Any process asks.
create or replace function public.watch_schedulers(p_after_ms bigint, p_cool_down_ms bigint, p_now timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_since timestamptz;
  v_missing boolean;
  v_one jsonb;
begin
  select coalesce(looked_at, created_at) into v_since from public.scheduler_state;
  v_missing := v_since < v_now - p_after_ms * interval '1 millisecond';
  if v_missing then update public.scheduler_state set missing_since = v_since where missing_since is null; end if;
  v_one := public.hivepulse_observe_alert(jsonb_build_object('kind', 'scheduler_missing', 'firing', v_missing, 'since', v_since, 'coolDownMs', p_cool_down_ms)
    || case when v_missing then jsonb_build_object('details', jsonb_build_object('since', v_since)) else '{}' end, v_now);
  return case when v_one is null then '[]' else jsonb_build_array(v_one) end;
end
$$;

-- Due times until `p_now` are handled, and a scheduler is there. Answers since when an alert had told that none was seen; null: none had.
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
  perform public.hivepulse_observe_alert('{"kind": "scheduler_missing", "firing": false}', p_now);
  return v_missing;
end
$$;

-- Tells of due times that were missed and not caught up, together, and at most once in `p_cool_down_ms`: what comes meanwhile waits.
create or replace function public.tell_missed_runs(p_cool_down_ms bigint, p_now timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_alert uuid := gen_random_uuid();
  v_details jsonb;
  v_one jsonb;
begin
  if not exists (select from public.schedule_runs where outcome = 'skipped' and alert_id is null) then return '[]'; end if;
  -- Whoever else tells of them waits here.
  insert into public.hivepulse_alerts (kind, since, seen_at) values ('schedule_missed', v_now, v_now) on conflict do nothing;
  perform from public.hivepulse_alerts where kind = 'schedule_missed' and subject = '' for update;
  if exists (
    select from public.hivepulse_alerts
    where kind = 'schedule_missed' and subject = '' and told_at > v_now - p_cool_down_ms * interval '1 millisecond'
  ) then return '[]'; end if;
  update public.schedule_runs set alert_id = v_alert where outcome = 'skipped' and alert_id is null;
  select jsonb_build_object('runs', count(*), 'deals', count(distinct deal_id), 'from', min(due_at), 'until', max(due_at)) into v_details
  from public.schedule_runs where alert_id = v_alert having count(*) > 0;
  if v_details is null then return '[]'; end if;
  v_one := public.hivepulse_observe_alert(jsonb_build_object(
    'kind', 'schedule_missed', 'firing', true, 'count', v_details -> 'runs', 'details', v_details, 'coolDownMs', p_cool_down_ms
  ), v_now);
  return case when v_one is null then '[]' else jsonb_build_array(v_one) end;
end
$$;

-- An account that must be connected again is told of in the transaction that says so, whoever says it; once, for only its user can mend it.
create or replace function public.hivepulse_reauth_alert() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op <> 'DELETE' and new.status = 'reauth_required' then
    if tg_op = 'INSERT' or old.status is distinct from new.status then
      perform public.hivepulse_observe_alert(jsonb_build_object('kind', 'reauth_required', 'subject', new.id, 'firing', true, 'details', jsonb_build_object(
        'connectionId', new.id, 'userId', new.user_id, 'provider', new.provider, 'domain', split_part(new.email, '@', 2), 'reason', new.status_reason
      )), clock_timestamp());
    end if;
  elsif tg_op <> 'INSERT' and old.status = 'reauth_required' then
    -- Disconnected, it needs nobody any more.
    perform public.hivepulse_observe_alert(
      jsonb_build_object('kind', 'reauth_required', 'subject', old.id, 'firing', false, 'quiet', tg_op = 'DELETE'), clock_timestamp()
    );
  end if;
  return null;
end
$$;
drop trigger if exists hivepulse_reauth_alert on public.oauth_connections;
create trigger hivepulse_reauth_alert after insert or update of status or delete on public.oauth_connections
  for each row execute function public.hivepulse_reauth_alert();
-- Those of before have been told of.
insert into public.hivepulse_alerts (kind, subject, status, since, seen_at, told_at, count, total, details)
select 'reauth_required', c.id, 'firing', c.updated_at, c.updated_at, c.updated_at, 0, 1, jsonb_build_object(
  'connectionId', c.id, 'userId', c.user_id, 'provider', c.provider, 'domain', split_part(c.email, '@', 2), 'reason', c.status_reason
)
from public.oauth_connections c where c.status = 'reauth_required'
on conflict do nothing;

-- Takes what is to be sent to a target next: [message with `attempt`], the oldest one; with more than three of its kind and phase all of them, to be sent as one. The same
-- claim again answers what it has taken. What one subject has to tell goes out in its order.
create or replace function public.take_alert_messages(p_claim uuid, p_target text, p_lease_ms bigint, p_now timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_ids bigint[];
begin
  insert into public.hivepulse_alert_targets as t (target, seen_at) values (p_target, v_now)
  on conflict (target) do update set seen_at = excluded.seen_at where t.seen_at < excluded.seen_at - interval '5 minutes';
  if not exists (select from public.hivepulse_alert_deliveries where claim_id = p_claim) then
    with due as materialized (
      select m.id, m.kind, m.phase
      from public.hivepulse_alert_deliveries d join public.hivepulse_alert_messages m on m.id = d.message_id
      where d.target = p_target and (d.status = 'pending' and d.next_at <= v_now or d.status = 'sending' and d.claimed_until <= v_now)
        and not exists (
          select from public.hivepulse_alert_deliveries e join public.hivepulse_alert_messages n on n.id = e.message_id
          where e.target = p_target and e.status in ('pending', 'sending') and n.kind = m.kind and n.subject = m.subject and n.id < m.id
        )
      order by m.id limit 1000
      for update of d skip locked
    ), alike as (
      select due.id, row_number() over (order by due.id) as n, count(*) over () as count
      from due where (due.kind, due.phase) = (select first.kind, first.phase from due first order by first.id limit 1)
    )
    select array_agg(id) into v_ids from alike where n = 1 or count > 3;
    update public.hivepulse_alert_deliveries
    set status = 'sending', attempts = attempts + 1, claim_id = p_claim, claimed_until = v_now + p_lease_ms * interval '1 millisecond'
    where target = p_target and message_id = any (v_ids);
  end if;
  return (
    select coalesce(jsonb_agg(to_jsonb(m) || jsonb_build_object('attempt', d.attempts) order by m.id), '[]')
    from public.hivepulse_alert_deliveries d join public.hivepulse_alert_messages m on m.id = d.message_id
    where d.claim_id = p_claim and d.status = 'sending'
  );
end
$$;

-- { claim, outcome: sent|failed|again, error, retryMs }; `again` a day after the first message is `failed`. Answers what became of it; null: it was taken from this
-- sender, or reported before.
create or replace function public.settle_alert_messages(p_delivery text, p_now timestamptz default null) returns text
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_delivery::jsonb;
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_status text;
begin
  select case
    when v ->> 'outcome' = 'again' and min(m.at) > v_now - interval '1 day' then 'pending'
    when v ->> 'outcome' = 'sent' then 'sent'
    else 'failed'
  end into v_status
  from public.hivepulse_alert_deliveries d join public.hivepulse_alert_messages m on m.id = d.message_id
  where d.claim_id = (v ->> 'claim')::uuid and d.status = 'sending' having count(*) > 0;
  update public.hivepulse_alert_deliveries
  set status = v_status, error = v ->> 'error', claim_id = null, claimed_until = null, sent_at = case when v_status = 'sent' then v_now end,
      next_at = v_now + coalesce((v ->> 'retryMs')::bigint, 0) * interval '1 millisecond'
  where claim_id = (v ->> 'claim')::uuid and status = 'sending' and v_status is not null;
  return v_status;
end
$$;

-- What a worker has completed since its last report: [{ queue, completed }].
create or replace function public.report_job_endings(p_report uuid, p_endings text, p_now timestamptz default null) returns void
language sql security invoker set search_path = '' as $$
  insert into public.hivepulse_job_endings (report_id, queue, completed, at)
  select p_report, e.queue, e.completed, coalesce(p_now, clock_timestamp())
  from jsonb_to_recordset(p_endings::jsonb) as e(queue text, completed bigint)
  on conflict do nothing
$$;

-- [{ queue, completed, failed }] of the last `p_window_ms`. What was completed is known `p_lag_ms` late at most: failures are counted up to then.
create or replace function public.job_endings(p_window_ms bigint, p_lag_ms bigint, p_now timestamptz default null) returns jsonb
language sql stable security invoker set search_path = '' as $$
  with span as (
    select n.now, n.now - p_lag_ms * interval '1 millisecond' as until, n.now - (p_window_ms + p_lag_ms) * interval '1 millisecond' as since
    from (select coalesce(p_now, clock_timestamp()) as now) n
  )
  select coalesce(jsonb_agg(jsonb_build_object('queue', q.queue, 'completed', q.completed, 'failed', q.failed) order by q.queue), '[]')
  from (
    select e.queue, sum(e.completed) as completed, sum(e.failed) as failed
    from (
      select j.queue, sum(j.completed) as completed, 0 as failed from public.hivepulse_job_endings j, span where j.at > span.since and j.at <= span.now group by 1
      union all
      select f.queue, 0, count(*) from public.failed_jobs f, span where f.failed_at > span.since and f.failed_at <= span.until group by 1
    ) e group by 1
  ) q
$$;

-- What happens and does not go on is over, untold, when it has not come back for `p_cool_down_ms`. Forgets what is older than `p_keep_ms`, and what only minutes need.
-- Answers how many messages nobody has delivered within a day.
create or replace function public.clean_up_alerts(p_cool_down_ms bigint, p_keep_ms bigint, p_now timestamptz default null) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_old timestamptz := v_now - p_keep_ms * interval '1 millisecond';
  v_count integer;
begin
  update public.hivepulse_alerts set status = 'over'
  where kind in ('job_failed', 'schedule_missed') and status = 'firing' and count = 0 and seen_at < v_now - p_cool_down_ms * interval '1 millisecond';
  update public.hivepulse_alert_deliveries d set status = 'failed', error = 'nobody could deliver it within a day', claim_id = null
  from public.hivepulse_alert_messages m
  where m.id = d.message_id and d.status in ('pending', 'sending') and m.at < v_now - interval '25 hours';
  get diagnostics v_count = row_count;
  delete from public.hivepulse_alert_messages where at < v_old;
  delete from public.hivepulse_alerts where status = 'over' and seen_at < v_old;
  delete from public.hivepulse_alert_targets where seen_at < v_old;
  delete from public.hivepulse_job_endings where at < v_now - interval '1 hour';
  delete from public.schedule_runs where schedule_key = 'chore:alerts' and due_at < v_now - interval '1 day';
  return v_count;
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000015' $$;

do $$
declare
  f text;
begin
  foreach f in array array[
    'hivepulse_tell_alert(public.hivepulse_alerts, text, timestamptz)', 'hivepulse_observe_alert(jsonb, timestamptz)', 'observe_alerts(uuid, text, timestamptz)',
    'observe_failed_jobs(bigint, integer, timestamptz)', 'watch_schedulers(bigint, bigint, timestamptz)', 'looked_at_schedules(timestamptz)',
    'tell_missed_runs(bigint, timestamptz)', 'take_alert_messages(uuid, text, bigint, timestamptz)', 'settle_alert_messages(text, timestamptz)',
    'report_job_endings(uuid, text, timestamptz)', 'job_endings(bigint, bigint, timestamptz)', 'clean_up_alerts(bigint, bigint, timestamptz)'
  ] loop
    execute format('revoke execute on function public.%s from public, anon, authenticated', f);
    execute format('grant execute on function public.%s to service_role', f);
  end loop;
end
$$;
-- Only its trigger calls it.
revoke execute on function public.hivepulse_reauth_alert() from public, anon, authenticated;
