-- The three tables whose rows are jobs. A row that is inserted waiting, or set back to waiting, puts its job into the outbox.
-- Tables that are there already are kept: missing columns are added.

create table if not exists public.conversations (id uuid primary key default gen_random_uuid());
alter table public.conversations
  add column if not exists user_id uuid,
  add column if not exists title text not null default '',
  add column if not exists analysis_status text not null default 'idle',
  add column if not exists analysis_error text,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

create table if not exists public.conversation_analysis_jobs (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null references public.conversations (id) on delete cascade
);
alter table public.conversation_analysis_jobs
  add column if not exists status text not null default 'queued',
  add column if not exists attempts integer not null default 0,
  add column if not exists last_error text,
  add column if not exists created_by uuid,
  add column if not exists result jsonb;

create table if not exists public.analytics_jobs (id uuid primary key default gen_random_uuid());
alter table public.analytics_jobs
  add column if not exists user_id uuid,
  add column if not exists type text not null default 'fetch_messages',
  add column if not exists status text not null default 'pending',
  add column if not exists params jsonb not null default '{}',
  add column if not exists result jsonb,
  add column if not exists attempts integer not null default 0,
  add column if not exists last_error text;

create table if not exists public.jobs (id uuid primary key default gen_random_uuid());
alter table public.jobs
  add column if not exists user_id uuid,
  add column if not exists type text not null default '',
  add column if not exists status text not null default 'pending',
  add column if not exists payload jsonb not null default '{}',
  add column if not exists result jsonb,
  add column if not exists error text,
  add column if not exists attempts integer not null default 0,
  add column if not exists credits_cost integer;

-- What differs between the three: the words for their states, and where an error stands.
create or replace function public.job_row_words(p_table text, out waiting text, out running text, out done text, out error_column text, out queue text)
language plpgsql immutable set search_path = '' as $$
begin
  case p_table
    when 'jobs' then waiting := 'pending'; running := 'processing'; done := 'completed'; error_column := 'error'; queue := 'review-ai';
    when 'analytics_jobs' then waiting := 'pending'; running := 'processing'; done := 'completed'; error_column := 'last_error'; queue := 'gmail-fetch';
    when 'conversation_analysis_jobs' then
      waiting := 'queued'; running := 'processing'; done := 'succeeded'; error_column := 'last_error'; queue := 'conversation-analysis';
    else raise exception 'There is no job table %', p_table using errcode = '22023';
  end case;
end
$$;

-- Before each insert and update: a row that is set back to waiting starts a new run.
create or replace function public.hivepulse_job_row_before() returns trigger language plpgsql set search_path = '' as $$
declare
  words record := public.job_row_words(tg_table_name);
begin
  new.updated_at := now();
  if tg_op = 'UPDATE' and old.status is distinct from new.status then
    if new.status = words.waiting and coalesce(current_setting('hivepulse.report', true), '') <> 'on' then
      new.run := old.run + 1;
      new.run_id := null;
      new.attempts := 0;
      new.progress := 0;
      new.current_step := null;
      new.started_at := null;
      new.finished_at := null;
      new.result := null;
    elsif new.status in (words.done, 'failed', 'cancelled') then
      new.run_id := null;
      new.finished_at := now();
    end if;
  end if;
  return new;
end
$$;

-- Asks for the jobs of rows, which are given as JSON, the oldest first. `p_replaces` null: those whose run is not the first.
create or replace function public.put_job_rows(p_table text, p_rows jsonb[], p_replaces boolean default null) returns void
language sql security definer set search_path = '' as $$
  insert into public.job_outbox as o (queue, name, job_id, payload, options, run, replaces, row_table, row_id, available_at)
  select
    words.queue,
    coalesce(r ->> 'type', 'analyze'),
    r ->> 'id',
    case p_table
      when 'jobs' then public.hivepulse_json(r -> 'payload')
      when 'analytics_jobs' then coalesce(nullif(public.hivepulse_json(r -> 'params'), 'null'), '{}') || jsonb_build_object('userId', r -> 'user_id')
      else jsonb_build_object('conversationId', r -> 'conversation_id')
    end,
    options.given - 'delay' || jsonb_strip_nulls(jsonb_build_object('userId', coalesce(r ->> 'user_id', r ->> 'created_by'))),
    (r ->> 'run')::integer,
    coalesce(p_replaces, (r ->> 'run')::integer > 1),
    p_table,
    (r ->> 'id')::uuid,
    -- The delay is for the first time that the first run is sent.
    now() + case when p_replaces is null and (r ->> 'run')::integer = 1 and jsonb_typeof(options.given -> 'delay') = 'number'
      then (options.given ->> 'delay')::double precision * interval '1 millisecond' else interval '0' end
  from unnest(p_rows) as r
  cross join public.job_row_words(p_table) as words
  cross join lateral (select coalesce(nullif(public.hivepulse_json(r -> 'options'), 'null'), '{}') as given) options
  order by r ->> 'created_at', r ->> 'id'
  on conflict (queue, job_id) where ended is null do update
  set payload = excluded.payload, options = excluded.options, run = excluded.run, replaces = o.replaces or excluded.replaces,
      available_at = excluded.available_at, asked = o.asked + 1, updated_at = now()
$$;

-- After each statement that inserts, changes or deletes rows: waiting ones ask for their job, ended ones take back what has not been sent.
-- Once for all rows of the statement, the entries locked in one order, so that statements that meet never wait for each other in a circle.
create or replace function public.hivepulse_job_rows_after() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  words record := public.job_row_words(tg_table_name);
  v_ended text[];
  v_waiting jsonb[];
begin
  if tg_op = 'INSERT' then
    select array_agg(to_jsonb(n)) into v_waiting from new_rows n where n.status = words.waiting;
  elsif tg_op = 'DELETE' then
    select array_agg(o.id::text) into v_ended from old_rows o;
  else
    select array_agg(n.id::text) filter (where n.status in (words.done, 'failed', 'cancelled')),
      array_agg(to_jsonb(n)) filter (where n.status = words.waiting and coalesce(current_setting('hivepulse.report', true), '') <> 'on')
    into v_ended, v_waiting
    from new_rows n join old_rows o on o.id = n.id where n.status is distinct from o.status;
  end if;
  if v_ended is null and v_waiting is null then return null; end if;
  if tg_op <> 'INSERT' then
    perform from public.job_outbox
    where queue = words.queue and ended is null and job_id = any (v_ended || array(select r ->> 'id' from unnest(v_waiting) as r))
    order by id for update;
  end if;
  update public.job_outbox set ended = 'void', ended_at = now(), updated_at = now()
  where queue = words.queue and ended is null and job_id = any (v_ended);
  if v_waiting is not null then perform public.put_job_rows(tg_table_name, v_waiting); end if;
  return null;
end
$$;

-- Policies that an adopted table had may let users write, and some servers in front of the database grant all tables to everybody: this holds all the same.
create or replace function public.hivepulse_users_only_read(p_table text) returns void
language plpgsql set search_path = '' as $$
declare
  v_command text;
begin
  foreach v_command in array array['insert', 'update', 'delete'] loop
    execute format('drop policy if exists %I on public.%I', 'hivepulse_no_' || v_command, p_table);
    execute format(
      'create policy %I on public.%I as restrictive for %s to anon, authenticated %s (false)',
      'hivepulse_no_' || v_command, p_table, v_command, case v_command when 'insert' then 'with check' else 'using' end
    );
  end loop;
end
$$;

-- The status of an adopted table: text, waiting by default, without older rules for its words (they may lack `cancelled`).
create or replace function public.hivepulse_adopt_status(p_table text, p_waiting text, p_column text default 'status') returns void
language plpgsql set search_path = '' as $$
declare
  v_table regclass := format('public.%I', p_table)::regclass;
  v_type regtype;
  v_column smallint;
  v_rule record;
begin
  select atttypid::regtype, attnum into v_type, v_column from pg_catalog.pg_attribute where attrelid = v_table and attname = p_column;
  for v_rule in
    select conname from pg_catalog.pg_constraint
    where conrelid = v_table and contype = 'c' and conkey = array[v_column] and conname <> p_table || '_' || p_column || '_words'
  loop
    execute format('alter table %s drop constraint %I', v_table, v_rule.conname);
  end loop;
  if v_type not in ('text'::regtype, 'character varying'::regtype) then
    execute format('alter table %s alter column %2$I drop default, alter column %2$I type text using %2$I::text', v_table, p_column);
  end if;
  execute format('alter table %s alter column %I set default %L', v_table, p_column, p_waiting);
end
$$;

do $$
declare
  t text;
  words record;
begin
  foreach t in array array['conversation_analysis_jobs', 'analytics_jobs', 'jobs'] loop
    words := public.job_row_words(t);
    execute format($f$
      alter table public.%1$I
        -- priority, delay (milliseconds), force, correlationId: as of every producer call
        add column if not exists options jsonb not null default '{}',
        add column if not exists idempotency_key text,
        add column if not exists progress integer not null default 0,
        add column if not exists total integer not null default 0,
        add column if not exists current_step text,
        -- 1 at first, one more each time the row is set back to waiting.
        add column if not exists run integer not null default 1,
        -- The run that holds the row; the run that ended it, so that repeating a report is answered as the first time.
        add column if not exists run_id text,
        add column if not exists recorded_run text,
        add column if not exists started_at timestamptz,
        add column if not exists finished_at timestamptz,
        add column if not exists created_at timestamptz not null default now(),
        add column if not exists updated_at timestamptz not null default now()
    $f$, t);
    perform public.hivepulse_adopt_status(t, words.waiting);
    execute format('update public.%I set attempts = coalesce(attempts, 0), progress = coalesce(progress, 0), total = coalesce(total, 0),
      created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, now())
      where attempts is null or progress is null or total is null or created_at is null or updated_at is null', t);
    execute format('alter table public.%I alter column attempts set default 0, alter column progress set default 0, alter column total set default 0,
      alter column created_at set default now(), alter column updated_at set default now()', t);
    if not exists (select from pg_catalog.pg_constraint where conname = t || '_status_words' and conrelid = format('public.%I', t)::regclass) then
      -- Not valid: rows of an adopted table may hold words of their own; new ones may not.
      execute format(
        'alter table public.%I add constraint %I check (status in (%L, %L, %L, ''failed'', ''cancelled'')) not valid',
        t, t || '_status_words', words.waiting, words.running, words.done
      );
    end if;
    execute format('create index if not exists %I on public.%I (id) where status in (%L, %L)', t || '_unfinished', t, words.waiting, words.running);
    execute format('create index if not exists %I on public.%I (status, created_at desc, id desc)', t || '_by_status', t);
    execute format('drop trigger if exists hivepulse_before on public.%I', t);
    execute format('create trigger hivepulse_before before insert or update on public.%I for each row execute function public.hivepulse_job_row_before()', t);
    execute format('drop trigger if exists hivepulse_asked on public.%I', t);
    execute format(
      'create trigger hivepulse_asked after insert on public.%I referencing new table as new_rows
      for each statement execute function public.hivepulse_job_rows_after()', t
    );
    execute format('drop trigger if exists hivepulse_changed on public.%I', t);
    execute format(
      'create trigger hivepulse_changed after update on public.%I referencing old table as old_rows new table as new_rows
      for each statement execute function public.hivepulse_job_rows_after()', t
    );
    execute format('drop trigger if exists hivepulse_deleted on public.%I', t);
    execute format(
      'create trigger hivepulse_deleted after delete on public.%I referencing old table as old_rows
      for each statement execute function public.hivepulse_job_rows_after()', t
    );
    execute format('alter table public.%I enable row level security', t);
    execute format('revoke all on public.%I from anon, authenticated', t);
    execute format('grant select on public.%I to authenticated', t);
    execute format('grant all on public.%I to service_role', t);
    execute format('drop policy if exists hivepulse_own on public.%I', t);
    execute format('drop policy if exists hivepulse_service on public.%I', t);
    execute format('create policy hivepulse_service on public.%I for all to service_role using (true) with check (true)', t);
    perform public.hivepulse_users_only_read(t);
  end loop;
  perform public.hivepulse_users_only_read('conversations');
end
$$;

create policy hivepulse_own on public.jobs for select to authenticated using (user_id = (select auth.uid()));
create policy hivepulse_own on public.analytics_jobs for select to authenticated using (user_id = (select auth.uid()));
create policy hivepulse_own on public.conversation_analysis_jobs for select to authenticated using (
  created_by = (select auth.uid())
  or exists (select from public.conversations c where c.id = conversation_id and c.user_id = (select auth.uid()))
);

create index if not exists jobs_by_user on public.jobs (user_id, created_at desc, id desc);
create unique index if not exists jobs_idempotent on public.jobs (user_id, idempotency_key) where idempotency_key is not null;
create index if not exists analytics_jobs_by_user on public.analytics_jobs (user_id, created_at desc, id desc);
create unique index if not exists analytics_jobs_idempotent on public.analytics_jobs (user_id, idempotency_key) where idempotency_key is not null;
create unique index if not exists conversation_analysis_jobs_idempotent
  on public.conversation_analysis_jobs (conversation_id, idempotency_key) where idempotency_key is not null;

-- One active job per conversation. Where an adopted table has several, the newest stays.
update public.conversation_analysis_jobs j
set status = 'cancelled', last_error = 'A newer job for the same conversation was waiting when Hivepulse was installed'
where status in ('queued', 'processing') and exists (
  select from public.conversation_analysis_jobs n
  where n.conversation_id = j.conversation_id and n.status in ('queued', 'processing') and (n.created_at, n.id) > (j.created_at, j.id)
);
create unique index if not exists conversation_analysis_jobs_one_active
  on public.conversation_analysis_jobs (conversation_id) where status in ('queued', 'processing');

-- conversations: users see their own; its state follows the job.
create index if not exists conversations_by_user on public.conversations (user_id, created_at desc, id desc);
alter table public.conversations enable row level security;
revoke all on public.conversations from anon, authenticated;
grant select on public.conversations to authenticated;
grant all on public.conversations to service_role;
drop policy if exists hivepulse_own on public.conversations;
create policy hivepulse_own on public.conversations for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists hivepulse_service on public.conversations;
create policy hivepulse_service on public.conversations for all to service_role using (true) with check (true);
drop trigger if exists hivepulse_touch on public.conversations;
create trigger hivepulse_touch before update on public.conversations for each row execute function public.hivepulse_touch();
do $$
begin
  if not exists (select from pg_catalog.pg_constraint where conname = 'conversations_analysis_status_words' and conrelid = 'public.conversations'::regclass) then
    -- An adopted table has words of its own for a conversation that nobody has asked about.
    perform public.hivepulse_adopt_status('conversations', 'idle', 'analysis_status');
    update public.conversations set analysis_status = 'idle'
    where analysis_status not in ('idle', 'queued', 'processing', 'succeeded', 'failed', 'cancelled');
    alter table public.conversations add constraint conversations_analysis_status_words
      check (analysis_status in ('idle', 'queued', 'processing', 'succeeded', 'failed', 'cancelled')) not valid;
  end if;
end
$$;

create or replace function public.hivepulse_conversation_follows() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.conversations set analysis_status = new.status, analysis_error = new.last_error where id = new.conversation_id;
  return null;
end
$$;
drop trigger if exists hivepulse_conversation_follows on public.conversation_analysis_jobs;
create trigger hivepulse_conversation_follows after insert or update of status on public.conversation_analysis_jobs
  for each row execute function public.hivepulse_conversation_follows();

-- Takes rows for runs: [{ table, id, run, runId, attempt }]; of two for one row the later has it. Answers, in the same order, [{ id, state, … }]: `run` (the row is ours now),
-- `finished` (with its result), `ended` (failed or cancelled: status, error), `superseded` (asked for again since), `missing`.
create or replace function public.begin_job_runs(p_runs text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_runs jsonb := p_runs::jsonb;
  v_found jsonb := '{}';
  v_part jsonb;
  t text;
  words record;
begin
  for t in select distinct value ->> 'table' from jsonb_array_elements(v_runs) order by 1 loop
    words := public.job_row_words(t);
    execute format($f$
      with asked as materialized (
        select * from rows from (jsonb_to_recordset($1) as ("table" text, id uuid, run integer, "runId" text, attempt integer)) with ordinality as
          r("table", id, run, "runId", attempt, n)
        where r."table" = %1$L
      ), held as materialized (
        select j.id, j.status, j.run, j.result, j.%5$I as error from public.%1$I j where j.id in (select id from asked) order by j.id for update
      ), taken as (
        update public.%1$I j
        set status = %3$L, run_id = a."runId", attempts = a.attempt, started_at = coalesce(j.started_at, now())
        from (
          select distinct on (a.id) a.id, a."runId", a.attempt from asked a join held h on h.id = a.id
          where h.status in (%2$L, %3$L) and h.run = a.run
          order by a.id, a.n desc
        ) a
        where j.id = a.id
        returning j.id
      )
      select jsonb_object_agg(a."runId", jsonb_build_object(
        'id', a.id,
        'state', case
          when h.id is null then 'missing'
          when h.run <> a.run then 'superseded'
          when taken.id is not null then 'run'
          when h.status = %4$L then 'finished'
          else 'ended'
        end,
        'status', h.status, 'result', case when h.status = %4$L then h.result end, 'error', h.error
      ))
      from asked a left join held h on h.id = a.id left join taken on taken.id = a.id
    $f$, t, words.waiting, words.running, words.done, words.error_column) into v_part using v_runs;
    v_found := v_found || coalesce(v_part, '{}');
  end loop;
  return (select coalesce(jsonb_agg(v_found -> (r.value ->> 'runId') order by r.ordinality), '[]') from jsonb_array_elements(v_runs) with ordinality r);
end
$$;

-- Ends or puts off runs: [{ table, id, runId, outcome: done|failed|cancelled|retry, result, error }]; a group commit. Answers booleans in the same order:
-- false where another run has the row or it had ended: nothing was changed then. Without a runId (the job never entered a runner) any unfinished row is ended.
create or replace function public.end_job_runs(p_endings text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_endings jsonb;
  v_ended jsonb := '[]';
  v_part jsonb;
  t text;
  words record;
begin
  select coalesce(jsonb_agg(value || jsonb_build_object('n', ordinality) order by ordinality), '[]') into v_endings
  from jsonb_array_elements(p_endings::jsonb) with ordinality;
  perform set_config('hivepulse.report', 'on', true);
  for t in select distinct value ->> 'table' from jsonb_array_elements(v_endings) order by 1 loop
    words := public.job_row_words(t);
    execute format($f$
      with asked as materialized (
        select * from jsonb_to_recordset($1) as r(n integer, "table" text, id uuid, run integer, "runId" text, outcome text, result jsonb, error text)
        where r."table" = %1$L
      ), held as materialized (
        select j.id, j.status, j.run, j.run_id, j.recorded_run from public.%1$I j where j.id in (select id from asked) order by j.id for update
      ), open as materialized (
        -- Of two for one row the first that may.
        select distinct on (a.id) a.* from asked a join held h on h.id = a.id
        where h.status in (%2$L, %3$L)
          and (a.run is null or h.run = a.run)
          -- A run that never got the row may still fail it, as long as no other has it.
          and (h.run_id = a."runId" or (a.outcome in ('failed', 'cancelled') and (a."runId" is null or h.run_id is null)))
        order by a.id, a.n
      ), changed as (
        update public.%1$I j
        set status = case o.outcome when 'done' then %4$L when 'retry' then %2$L else o.outcome end,
            result = case when o.outcome = 'done' then o.result else j.result end,
            %5$I = case when o.outcome = 'done' then null else o.error end,
            progress = case when o.outcome = 'done' then j.total else j.progress end,
            run_id = null,
            recorded_run = coalesce(o."runId", j.recorded_run)
        from open o where j.id = o.id
        returning j.id, j.recorded_run
      )
      select jsonb_agg(jsonb_build_object('n', a.n, 'ok', coalesce(o.n = a.n or coalesce(changed.recorded_run, h.recorded_run) = a."runId", false)))
      from asked a left join held h on h.id = a.id left join open o on o.id = a.id left join changed on changed.id = a.id
    $f$, t, words.waiting, words.running, words.done, words.error_column) into v_part using v_endings;
    v_ended := v_ended || coalesce(v_part, '[]');
  end loop;
  perform set_config('hivepulse.report', '', true);
  return (select coalesce(jsonb_agg(value -> 'ok' order by (value ->> 'n')::integer), '[]') from jsonb_array_elements(v_ended));
end
$$;

-- Progress of runs: [{ table, id, runId, progress, total, currentStep }]. A late report changes nothing.
create or replace function public.report_job_progress(p_progress text) returns void
language plpgsql security invoker set search_path = '' as $$
declare
  t text;
begin
  for t in select distinct value ->> 'table' from jsonb_array_elements(p_progress::jsonb) order by 1 loop
    execute format($f$
      update public.%1$I j set progress = r.progress, total = r.total, current_step = r."currentStep"
      from jsonb_to_recordset($1) as r("table" text, id uuid, "runId" text, progress integer, total integer, "currentStep" text)
      where r."table" = %1$L and j.id = r.id and j.run_id = r."runId"
    $f$, t) using p_progress::jsonb;
  end loop;
end
$$;

-- `cancelled`, `finished` (it had ended) or `not_found`. Asked twice it answers `cancelled` twice.
create or replace function public.cancel_job_row(p_table text, p_id uuid, p_reason text) returns text
language plpgsql security invoker set search_path = '' as $$
declare
  words record := public.job_row_words(p_table);
  v_status text;
begin
  execute format('select status from public.%I where id = $1 for update', p_table) into v_status using p_id;
  if v_status is null then return 'not_found'; end if;
  if v_status in (words.waiting, words.running) then
    execute format('update public.%I set status = ''cancelled'', %I = $2 where id = $1', p_table, words.error_column) using p_id, p_reason;
    return 'cancelled';
  end if;
  return case when v_status = 'cancelled' then 'cancelled' else 'finished' end;
end
$$;

-- A row that failed or was cancelled runs again: { outcome: retried|not_failed|not_found, run, outboxId },
-- or { outcome: merged, jobId } where another job of the same conversation is active.
-- Asked twice (`p_run` is the run that had failed) it runs again once.
create or replace function public.retry_job_row(p_table text, p_id uuid, p_run integer default null, p_available_at timestamptz default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  words record := public.job_row_words(p_table);
  v_status text;
  v_run integer;
  v_outbox bigint;
  v_active jsonb;
begin
  execute format('select status, run from public.%I where id = $1 for update', p_table) into v_status, v_run using p_id;
  if v_status is null then return jsonb_build_object('outcome', 'not_found'); end if;
  if v_status in ('failed', 'cancelled') and coalesce(p_run, v_run) = v_run then
    loop
      begin
        execute format('update public.%I set status = $2, %I = null where id = $1', p_table, words.error_column) using p_id, words.waiting;
        exit;
      exception when unique_violation then
        if p_table <> 'conversation_analysis_jobs' then raise; end if;
        select jsonb_build_object('outcome', 'merged', 'jobId', a.id) into v_active
        from public.conversation_analysis_jobs a join public.conversation_analysis_jobs mine on mine.conversation_id = a.conversation_id and mine.id = p_id
        where a.status in ('queued', 'processing');
        -- It may have ended meanwhile.
        if found then return v_active; end if;
      end;
    end loop;
    v_run := v_run + 1;
    if p_available_at is not null then
      update public.job_outbox set available_at = p_available_at where queue = words.queue and job_id = p_id::text and ended is null;
    end if;
  elsif v_status in ('failed', 'cancelled', words.done) or coalesce(p_run, v_run) = v_run then
    return jsonb_build_object('outcome', 'not_failed', 'status', v_status, 'run', v_run);
  end if;
  select max(id) into v_outbox from public.job_outbox where queue = words.queue and job_id = p_id::text and ended is null;
  return jsonb_build_object('outcome', 'retried', 'run', v_run, 'outboxId', v_outbox);
end
$$;

-- For the sweep: rows that have not ended and that nobody has touched since `p_before`, none of them waiting in the outbox; by id, after `p_after`.
create or replace function public.unfinished_job_rows(p_table text, p_before timestamptz, p_after uuid, p_limit integer) returns jsonb
language plpgsql stable security invoker set search_path = '' as $$
declare
  words record := public.job_row_words(p_table);
  v_rows jsonb;
begin
  execute format($f$
    select coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'run', f.run, 'runId', f.run_id, 'status', f.status) order by f.id), '[]')
    from (
      select j.id, j.run, j.run_id, j.status from public.%1$I j
      where j.status in (%2$L, %3$L) and j.updated_at < $1 and ($2 is null or j.id > $2)
        and not exists (select from public.job_outbox o where o.queue = %4$L and o.job_id = j.id::text and o.ended is null)
      order by j.id limit $3
    ) f
  $f$, p_table, words.waiting, words.running, words.queue) into v_rows using p_before, p_after, p_limit;
  return v_rows;
end
$$;

-- Asks again for rows whose job has vanished: [{ table, id, run }]; rows that have ended or begun a newer run meanwhile are left alone. Answers how many.
create or replace function public.resend_job_rows(p_rows text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  t text;
  words record;
  v_rows jsonb[];
  v_count integer := 0;
begin
  for t in select distinct value ->> 'table' from jsonb_array_elements(p_rows::jsonb) order by 1 loop
    words := public.job_row_words(t);
    execute format($f$
      select array_agg(held.row_json) from (
        select to_jsonb(j) as row_json
        from public.%1$I j join jsonb_to_recordset($1) as r("table" text, id uuid, run integer) on r."table" = %1$L and r.id = j.id and r.run = j.run
        where j.status in (%2$L, %3$L)
        order by j.id
        for update of j
      ) held
    $f$, t, words.waiting, words.running) into v_rows using p_rows::jsonb;
    if v_rows is null then continue; end if;
    perform from public.job_outbox
    where queue = words.queue and ended is null and job_id = any (array(select r ->> 'id' from unnest(v_rows) as r)) order by id for update;
    perform public.put_job_rows(t, v_rows, true);
    v_count := v_count + cardinality(v_rows);
  end loop;
  return v_count;
end
$$;

-- Asks for the analysis of a conversation: { id, deduplicated, outboxId }. While a job of it is active, that one is the answer.
-- Options: as of every producer call. A signed-in user may ask for own conversations only.
create or replace function public.create_conversation_analysis_job(
  p_conversation_id uuid, p_created_by uuid default null, p_idempotency_key text default null, p_options jsonb default '{}'
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_options jsonb := coalesce(public.hivepulse_json(p_options), '{}');
  v_by uuid := public.hivepulse_acting_for(p_created_by);
  v_owner uuid;
  v_id uuid;
  v_existing uuid;
begin
  select user_id into v_owner from public.conversations where id = p_conversation_id;
  if not found or (public.hivepulse_is_user() and v_owner is distinct from auth.uid()) then
    raise exception 'There is no conversation %', p_conversation_id using errcode = '23503';
  end if;
  -- An active job that stands in the way may end before it is read: then once more.
  for attempt in 1..10 loop
    select id into v_existing from public.conversation_analysis_jobs
    where conversation_id = p_conversation_id
      and (id = (v_options ->> 'jobId')::uuid or idempotency_key = p_idempotency_key or status in ('queued', 'processing'))
    order by id = (v_options ->> 'jobId')::uuid desc nulls last, idempotency_key = p_idempotency_key desc nulls last, created_at desc
    limit 1;
    exit when found;
    insert into public.conversation_analysis_jobs (id, conversation_id, created_by, idempotency_key, options)
    values (coalesce((v_options ->> 'jobId')::uuid, gen_random_uuid()), p_conversation_id, v_by, p_idempotency_key, v_options - 'jobId')
    on conflict do nothing
    returning id into v_id;
    exit when found;
  end loop;
  if v_id is null and v_existing is null then
    raise exception 'The job % is there already, for another conversation', v_options ->> 'jobId' using errcode = '23505';
  end if;
  return jsonb_build_object('id', coalesce(v_id, v_existing), 'deduplicated', v_id is null, 'outboxId', public.outbox_of('conversation-analysis', coalesce(v_id, v_existing)));
end
$$;

-- Asks for a Gmail fetch: { id, deduplicated, outboxId }. `p_params`: query, labelIds, maxResults.
create or replace function public.create_analytics_job(
  p_user_id uuid, p_params jsonb default '{}', p_idempotency_key text default null, p_options jsonb default '{}'
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_options jsonb := coalesce(public.hivepulse_json(p_options), '{}');
  v_user uuid := public.hivepulse_acting_for(p_user_id);
  v_id uuid;
  v_existing uuid;
begin
  if v_user is null then raise exception 'create_analytics_job: the user is missing' using errcode = '22023'; end if;
  insert into public.analytics_jobs (id, user_id, params, idempotency_key, options)
  values (
    coalesce((v_options ->> 'jobId')::uuid, gen_random_uuid()), v_user, coalesce(public.hivepulse_json(p_params), '{}'), p_idempotency_key, v_options - 'jobId'
  )
  on conflict do nothing
  returning id into v_id;
  if v_id is null then
    select id into v_existing from public.analytics_jobs
    where user_id = v_user and (id = (v_options ->> 'jobId')::uuid or idempotency_key = p_idempotency_key);
    if v_existing is null then
      raise exception 'The job % is there already, for another user', v_options ->> 'jobId' using errcode = '23505';
    end if;
  end if;
  return jsonb_build_object('id', coalesce(v_id, v_existing), 'deduplicated', v_id is null, 'outboxId', public.outbox_of('gmail-fetch', coalesce(v_id, v_existing)));
end
$$;

create or replace function public.outbox_of(p_queue text, p_job uuid) returns bigint
language sql stable set search_path = '' as $$
  select max(id) from public.job_outbox where queue = p_queue and job_id = p_job::text and ended is null
$$;

-- Whether the caller is a signed-in user (not the service role, nor someone with a connection of their own to the database).
create or replace function public.hivepulse_is_user() returns boolean
language sql stable set search_path = '' as $$
  select coalesce(current_setting('role', true) in ('authenticated', 'anon'), false) or coalesce(auth.role() in ('authenticated', 'anon'), false)
$$;

-- Users act for themselves; others name whom they act for.
create or replace function public.hivepulse_acting_for(p_user uuid) returns uuid
language plpgsql stable set search_path = '' as $$
begin
  if not public.hivepulse_is_user() then return p_user; end if;
  if p_user is not null and p_user is distinct from auth.uid() then
    raise exception 'Only the service role may act for another user' using errcode = '42501';
  end if;
  return auth.uid();
end
$$;

-- Rows that waited when Hivepulse was installed.
do $$
declare
  t text;
  words record;
  v_rows jsonb[];
begin
  foreach t in array array['conversation_analysis_jobs', 'analytics_jobs', 'jobs'] loop
    words := public.job_row_words(t);
    execute format('select array_agg(to_jsonb(j)) from public.%I j where status in (%L, %L)', t, words.waiting, words.running) into v_rows;
    if v_rows is not null then perform public.put_job_rows(t, v_rows, false); end if;
  end loop;
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000005' $$;

revoke execute on function
  public.hivepulse_adopt_status(text, text, text),
  public.hivepulse_users_only_read(text),
  public.put_job_rows(text, jsonb[], boolean),
  public.begin_job_runs(text),
  public.end_job_runs(text),
  public.report_job_progress(text),
  public.cancel_job_row(text, uuid, text),
  public.retry_job_row(text, uuid, integer, timestamptz),
  public.unfinished_job_rows(text, timestamptz, uuid, integer),
  public.resend_job_rows(text),
  public.outbox_of(text, uuid),
  public.create_conversation_analysis_job(uuid, uuid, text, jsonb),
  public.create_analytics_job(uuid, jsonb, text, jsonb)
from public, anon, authenticated;
grant execute on function
  public.put_job_rows(text, jsonb[], boolean),
  public.begin_job_runs(text),
  public.end_job_runs(text),
  public.report_job_progress(text),
  public.cancel_job_row(text, uuid, text),
  public.retry_job_row(text, uuid, integer, timestamptz),
  public.unfinished_job_rows(text, timestamptz, uuid, integer),
  public.resend_job_rows(text),
  public.outbox_of(text, uuid)
to service_role;
grant execute on function
  public.create_conversation_analysis_job(uuid, uuid, text, jsonb),
  public.create_analytics_job(uuid, jsonb, text, jsonb)
to authenticated, service_role;
