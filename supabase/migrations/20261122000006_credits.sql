-- Credits: a balance per user, every movement of it, and the triggers that move them with the state of a `jobs` row.
-- A row that starts waiting takes its cost (or cannot start); completed keeps it; failed, cancelled, expired or deleted gives it back, once.

create table if not exists public.user_credits (user_id uuid primary key);
alter table public.user_credits
  add column if not exists user_id uuid,
  add column if not exists balance integer not null default 0,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
create unique index if not exists user_credits_one_per_user on public.user_credits (user_id);
update public.user_credits set balance = 0 where balance is null;
alter table public.user_credits alter column balance set default 0, alter column balance set not null;
do $$
begin
  if not exists (select from pg_catalog.pg_constraint where conname = 'user_credits_never_negative' and conrelid = 'public.user_credits'::regclass) then
    alter table public.user_credits add constraint user_credits_never_negative check (balance >= 0) not valid;
  end if;
end
$$;

create table if not exists public.credit_ledger (
  id bigint generated always as identity primary key,
  user_id uuid not null,
  -- What the balance changed by: a grant or a release adds, a reservation takes, a settlement changes nothing;
  -- an adjustment is what somebody else's SQL did to the balance.
  amount integer not null,
  kind text not null check (kind in ('opening', 'grant', 'adjustment', 'reserve', 'settle', 'release')),
  balance_after integer not null check (balance_after >= 0),
  -- The job and its run, where it is about one.
  job_id uuid,
  run integer,
  note text,
  idempotency_key text,
  -- Of the movement, not of its transaction: in the order of a user's movements.
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default now()
);
create index if not exists credit_ledger_by_user on public.credit_ledger (user_id, created_at desc, id desc);
-- A run of a job takes its cost once, and it is settled or given back once.
create unique index if not exists credit_ledger_reserved_once on public.credit_ledger (job_id, run) where kind = 'reserve';
create unique index if not exists credit_ledger_ended_once on public.credit_ledger (job_id, run) where kind in ('settle', 'release');
create unique index if not exists credit_ledger_granted_once on public.credit_ledger (user_id, idempotency_key) where idempotency_key is not null;

create table if not exists public.job_prices (type text primary key);
alter table public.job_prices
  add column if not exists credits integer not null default 0 check (credits >= 0),
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
insert into public.job_prices (type, credits)
values ('ai_generation', 2), ('review_processing', 1), ('prompt_analysis', 1), ('sentiment_analysis', 1)
on conflict (type) do nothing;

-- A balance that was there before Hivepulse is the first movement of its ledger.
insert into public.credit_ledger (user_id, amount, kind, balance_after, note)
select c.user_id, c.balance, 'opening', c.balance, 'Balance when Hivepulse was installed'
from public.user_credits c
where c.balance > 0 and not exists (select from public.credit_ledger l where l.user_id = c.user_id);

alter table public.jobs
  -- held while the job is unfinished; none where nothing was taken
  add column if not exists credits_state text not null default 'none' check (credits_state in ('none', 'held', 'settled', 'released'));
-- Null means the price of the type; a default of an adopted table would be taken for a price.
alter table public.jobs alter column credits_cost drop default, alter column credits_cost drop not null;
create index if not exists jobs_holding_though_ended on public.jobs (id) where credits_state = 'held' and status in ('completed', 'failed', 'cancelled');

do $$
declare
  t text;
begin
  foreach t in array array['user_credits', 'credit_ledger', 'job_prices'] loop
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
end
$$;
grant select on public.user_credits, public.credit_ledger to authenticated;
create policy hivepulse_own on public.user_credits for select to authenticated using (user_id = (select auth.uid()));
create policy hivepulse_own on public.credit_ledger for select to authenticated using (user_id = (select auth.uid()));

-- The one function that moves credits of jobs: in the given order, all or none, users' rows locked in one order, so that statements that
-- meet never wait for each other in a circle. Of each movement it reads user_id, amount, kind, job_id, run and note.
-- PT402 is answered as HTTP 402 by PostgREST.
create or replace function public.move_credits(p_moves public.credit_ledger[]) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_short record;
begin
  perform from public.user_credits where user_id = any (array(select m.user_id from unnest(p_moves) as m)) order by user_id for update;
  select -m.amount as cost, m.balance_after - m.amount as balance into v_short
  from public.running_credits(p_moves) m where m.balance_after < 0 order by m.n limit 1;
  if found then
    raise exception 'The job costs % credits, the balance is %', v_short.cost, v_short.balance
      using errcode = 'PT402', detail = json_build_object('code', 'insufficient_credits', 'cost', v_short.cost, 'balance', v_short.balance)::text,
        hint = 'Grant credits with POST /api/credits/grant or select grant_credits(user, amount)';
  end if;
  insert into public.credit_ledger (user_id, amount, kind, balance_after, job_id, run, note)
  select m.user_id, m.amount, m.kind, m.balance_after, m.job_id, m.run, m.note from public.running_credits(p_moves) m order by m.n;
  perform set_config('hivepulse.credits', 'on', true);
  update public.user_credits c set balance = c.balance + moved.total
  from (select m.user_id, sum(m.amount) as total from unnest(p_moves) as m group by m.user_id) moved
  where c.user_id = moved.user_id and moved.total <> 0;
  perform set_config('hivepulse.credits', '', true);
end
$$;

-- The balance after each of these movements. Where the account is gone (its user was deleted) nothing is given back.
create or replace function public.running_credits(p_moves public.credit_ledger[])
returns table (n bigint, user_id uuid, amount integer, kind text, balance_after integer, job_id uuid, run integer, note text)
language sql stable set search_path = '' as $$
  select m.n, m.user_id, m.amount, m.kind, (m.balance + sum(m.amount) over (partition by m.user_id order by m.n))::integer, m.job_id, m.run, m.note
  from (
    select given.n, given.user_id, given.kind, given.job_id, given.run, coalesce(c.balance, 0) as balance,
      case when c.user_id is null and given.amount > 0 then 0 else given.amount end as amount,
      case when c.user_id is null and given.amount > 0 then 'the account is gone' else given.note end as note
    from rows from (unnest(p_moves)) with ordinality as
      given(id, user_id, amount, kind, balance_after, job_id, run, note, idempotency_key, created_at, updated_at, n)
    left join public.user_credits c on c.user_id = given.user_id
  ) m
$$;

-- Whatever else changes a balance (a top-up by plain SQL, a deleted account) is a movement too.
create or replace function public.hivepulse_balance_changed() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_before integer := case when tg_op = 'INSERT' then 0 else old.balance end;
  v_after integer := case when tg_op = 'DELETE' then 0 else new.balance end;
begin
  if v_after <> v_before and coalesce(current_setting('hivepulse.credits', true), '') <> 'on' then
    insert into public.credit_ledger (user_id, amount, kind, balance_after, note)
    values (
      case when tg_op = 'DELETE' then old.user_id else new.user_id end, v_after - v_before, 'adjustment', v_after,
      case tg_op when 'INSERT' then 'account made by SQL' when 'DELETE' then 'account deleted' else 'balance set by SQL' end
    );
  end if;
  return null;
end
$$;
drop trigger if exists hivepulse_balance_changed on public.user_credits;
create trigger hivepulse_balance_changed after insert or delete or update of balance on public.user_credits
  for each row execute function public.hivepulse_balance_changed();

-- What a row holds, decided before it is written; runs after hivepulse_before (triggers fire by name), which has set the run.
create or replace function public.hivepulse_job_credits() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' then
    if new.id <> old.id then raise exception 'The id of a job cannot change' using errcode = '22023'; end if;
    if old.credits_state = 'held' and (new.user_id is distinct from old.user_id or new.credits_cost is distinct from old.credits_cost) then
      raise exception 'The owner and the cost of a job cannot change while it holds credits' using errcode = '22023';
    end if;
    -- Nobody writes it by hand.
    new.credits_state := case
      when old.credits_state <> 'held' then old.credits_state
      when new.status = 'completed' then 'settled'
      when new.status in ('failed', 'cancelled') then 'released'
      else 'held'
    end;
  else
    new.credits_state := 'none';
  end if;
  if new.status = 'pending' and (tg_op = 'INSERT' or new.run > old.run) then
    new.credits_cost := coalesce(new.credits_cost, (select credits from public.job_prices where type = new.type), 0);
    if new.credits_cost < 0 then raise exception 'credits_cost must not be negative' using errcode = '22023'; end if;
    if new.credits_cost > 0 and new.user_id is null then
      raise exception 'user_id is missing: a job of type % costs % credits', new.type, new.credits_cost using errcode = '22023';
    end if;
    new.credits_state := case when new.credits_cost > 0 then 'held' else 'none' end;
  end if;
  return new;
end
$$;
drop trigger if exists hivepulse_credits on public.jobs;
create trigger hivepulse_credits before insert or update on public.jobs for each row execute function public.hivepulse_job_credits();

-- The money moves once the rows have really been written: an insert that a conflict turned away moves none.
-- Once for all rows of the statement: what is given back first, then what is taken, the oldest job first.
create or replace function public.hivepulse_job_credits_move() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_ends public.credit_ledger[];
  v_reserves public.credit_ledger[];
begin
  if tg_op = 'INSERT' then
    select array_agg(public.credit_move(n.user_id, -n.credits_cost, 'reserve', n.id, n.run) order by n.created_at, n.id) into v_reserves
    from new_rows n where n.credits_state = 'held';
  elsif tg_op = 'DELETE' then
    select array_agg(public.credit_move(o.user_id, o.credits_cost, 'release', o.id, o.run, 'deleted') order by o.created_at, o.id) into v_ends
    from old_rows o where o.credits_state = 'held';
  else
    select
      array_agg(
        case when n.credits_state = 'settled' then public.credit_move(o.user_id, 0, 'settle', o.id, o.run)
        else public.credit_move(
          o.user_id, o.credits_cost, 'release', o.id, o.run, case when n.credits_state = 'held' then 'set back to waiting' else n.status end
        ) end
        order by o.created_at, o.id
      ) filter (where o.credits_state = 'held'),
      array_agg(public.credit_move(n.user_id, -n.credits_cost, 'reserve', n.id, n.run) order by n.created_at, n.id) filter (where n.credits_state = 'held')
    into v_ends, v_reserves
    from new_rows n join old_rows o on o.id = n.id
    where n.credits_state <> o.credits_state or (n.credits_state = 'held' and n.run <> o.run);
  end if;
  if v_ends is not null or v_reserves is not null then perform public.move_credits(v_ends || v_reserves); end if;
  return null;
end
$$;

create or replace function public.credit_move(p_user uuid, p_amount integer, p_kind text, p_job uuid, p_run integer, p_note text default null)
returns public.credit_ledger
language sql immutable set search_path = '' as $$
  select row(null, p_user, p_amount, p_kind, null, p_job, p_run, p_note, null, null, null)::public.credit_ledger
$$;

drop trigger if exists hivepulse_credits_move on public.jobs;
drop trigger if exists hivepulse_credits_take on public.jobs;
create trigger hivepulse_credits_take after insert on public.jobs
  referencing new table as new_rows for each statement execute function public.hivepulse_job_credits_move();
drop trigger if exists hivepulse_credits_end on public.jobs;
create trigger hivepulse_credits_end after update on public.jobs
  referencing old table as old_rows new table as new_rows for each statement execute function public.hivepulse_job_credits_move();
drop trigger if exists hivepulse_credits_give_back on public.jobs;
create trigger hivepulse_credits_give_back after delete on public.jobs
  referencing old table as old_rows for each statement execute function public.hivepulse_job_credits_move();

-- Takes the credits and inserts the row in one statement: { id, deduplicated, status, cost, balance, outboxId }. With too few credits it raises PT402 and nothing changes.
-- `p_cost` null means the price of the type. A signed-in user creates jobs for itself, at the price. The same idempotency key answers the same job.
create or replace function public.create_job_with_credits(
  p_user_id uuid, p_type text, p_payload jsonb, p_cost integer default null, p_idempotency_key text default null, p_options jsonb default '{}'
) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_options jsonb := coalesce(public.hivepulse_json(p_options), '{}');
  v_payload jsonb := coalesce(public.hivepulse_json(p_payload), '{}');
  v_user uuid := public.hivepulse_acting_for(p_user_id);
  v_id uuid;
  v_job public.jobs;
  v_new boolean;
begin
  if v_user is null then raise exception 'create_job_with_credits: the user is missing' using errcode = '22023'; end if;
  if public.hivepulse_is_user() then
    if p_cost is not null then raise exception 'Only the service role may name a cost' using errcode = '42501'; end if;
    if not exists (select from public.job_prices where type = p_type) then raise exception 'There is no job type %', p_type using errcode = '22023'; end if;
    v_options := v_options - 'priority';
  end if;
  insert into public.jobs (id, user_id, type, status, payload, credits_cost, idempotency_key, options)
  values (coalesce((v_options ->> 'jobId')::uuid, gen_random_uuid()), v_user, p_type, 'pending', v_payload, p_cost, p_idempotency_key, v_options - 'jobId')
  on conflict do nothing
  returning id into v_id;
  v_new := v_id is not null;
  select * into v_job from public.jobs
  where case when v_new then id = v_id else user_id = v_user and (id = (v_options ->> 'jobId')::uuid or idempotency_key = p_idempotency_key) end;
  if v_job.id is null then
    raise exception 'The job % is there already, for another user', v_options ->> 'jobId' using errcode = '23505';
  end if;
  if v_job.type <> p_type or v_job.payload::jsonb <> v_payload then
    raise exception 'The idempotency key was used for another request' using errcode = 'PT409', detail = json_build_object('code', 'idempotency_key_reused', 'jobId', v_job.id)::text;
  end if;
  return jsonb_build_object(
    'id', v_job.id, 'deduplicated', not v_new, 'status', v_job.status, 'cost', v_job.credits_cost,
    'balance', coalesce((select balance from public.user_credits where user_id = v_user), 0),
    'outboxId', public.outbox_of('review-ai', v_job.id)
  );
end
$$;

-- Adds credits: { balance, granted }. The same idempotency key adds once.
create or replace function public.grant_credits(p_user_id uuid, p_amount integer, p_idempotency_key text default null, p_note text default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_balance integer;
begin
  if p_user_id is null then raise exception 'grant_credits: the user is missing' using errcode = '22023'; end if;
  if p_amount is null or p_amount <= 0 then raise exception 'grant_credits: the amount is a number above 0' using errcode = '22023'; end if;
  insert into public.user_credits (user_id) values (p_user_id) on conflict do nothing;
  select balance into v_balance from public.user_credits where user_id = p_user_id for update;
  if p_idempotency_key is not null and exists (select from public.credit_ledger where user_id = p_user_id and idempotency_key = p_idempotency_key) then
    return jsonb_build_object('balance', v_balance, 'granted', false);
  end if;
  perform set_config('hivepulse.credits', 'on', true);
  update public.user_credits set balance = balance + p_amount where user_id = p_user_id returning balance into v_balance;
  perform set_config('hivepulse.credits', '', true);
  insert into public.credit_ledger (user_id, amount, kind, balance_after, note, idempotency_key)
  values (p_user_id, p_amount, 'grant', v_balance, p_note, p_idempotency_key);
  return jsonb_build_object('balance', v_balance, 'granted', true);
end
$$;

-- The sweeper: jobs that hold credits and that nobody has touched for `p_after_ms` fail, which gives the credits back;
-- what a restored or hand-made row holds although it has ended is settled or released. Answers how many rows it ended.
create or replace function public.expire_jobs(p_after_ms bigint, p_limit integer default 500) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_left uuid[];
  v_wrong uuid[];
  v_expired integer;
begin
  v_left := array(
    select id from public.jobs
    where credits_state = 'held' and updated_at < clock_timestamp() - p_after_ms * interval '1 millisecond'
    order by updated_at limit p_limit for update skip locked
  );
  v_wrong := array(
    select id from public.jobs where credits_state = 'held' and status in ('completed', 'failed', 'cancelled') limit p_limit for update skip locked
  );
  update public.jobs j
  set status = case when j.status in ('pending', 'processing') then 'failed' else j.status end,
      error = case when j.status in ('pending', 'processing') then 'Expired: it did not end in time, its credits were given back' else j.error end
  where j.id = any (v_left || v_wrong);
  get diagnostics v_expired = row_count;
  return v_expired;
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000006' $$;

revoke execute on function
  public.move_credits(public.credit_ledger[]),
  public.running_credits(public.credit_ledger[]),
  public.credit_move(uuid, integer, text, uuid, integer, text),
  public.create_job_with_credits(uuid, text, jsonb, integer, text, jsonb),
  public.grant_credits(uuid, integer, text, text),
  public.expire_jobs(bigint, integer)
from public, anon, authenticated;
grant execute on function public.create_job_with_credits(uuid, text, jsonb, integer, text, jsonb) to authenticated, service_role;
grant execute on function public.grant_credits(uuid, integer, text, text), public.expire_jobs(bigint, integer) to service_role;
