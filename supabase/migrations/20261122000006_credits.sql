-- Credits: a balance per user, every movement of it, and the triggers that move them with the state of a `jobs` row.
-- A row that starts waiting takes its cost (or cannot start); completed keeps it; failed, cancelled, expired or deleted gives it back, once.

create table if not exists public.user_credits (user_id uuid primary key);
alter table public.user_credits
  add column if not exists balance integer not null default 0,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
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
  -- What the balance changed by: a grant or a release adds, a reservation takes, a settlement changes nothing.
  amount integer not null,
  kind text not null check (kind in ('opening', 'grant', 'reserve', 'settle', 'release')),
  balance_after integer not null check (balance_after >= 0),
  -- The job and its run, where it is about one.
  job_id uuid,
  run integer,
  note text,
  idempotency_key text,
  created_at timestamptz not null default now(),
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
create index if not exists jobs_holding on public.jobs (updated_at) where credits_state = 'held';

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
  end loop;
end
$$;
grant select on public.user_credits, public.credit_ledger to authenticated;
create policy hivepulse_own on public.user_credits for select to authenticated using (user_id = (select auth.uid()));
create policy hivepulse_own on public.credit_ledger for select to authenticated using (user_id = (select auth.uid()));

-- The only two functions that move credits of a job. PT402 is answered as HTTP 402 by PostgREST.
create or replace function public.reserve_credits(p_user uuid, p_cost integer, p_job uuid, p_run integer) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_balance integer;
begin
  update public.user_credits set balance = balance - p_cost where user_id = p_user and balance >= p_cost returning balance into v_balance;
  if not found then
    select balance into v_balance from public.user_credits where user_id = p_user;
    raise exception 'The job costs % credits, the balance is %', p_cost, coalesce(v_balance, 0)
      using errcode = 'PT402', detail = json_build_object('code', 'insufficient_credits', 'cost', p_cost, 'balance', coalesce(v_balance, 0))::text,
        hint = 'Grant credits with POST /api/credits/grant or select grant_credits(user, amount)';
  end if;
  insert into public.credit_ledger (user_id, amount, kind, balance_after, job_id, run)
  values (p_user, -p_cost, 'reserve', v_balance, p_job, p_run);
end
$$;

create or replace function public.end_credits(p_user uuid, p_cost integer, p_job uuid, p_run integer, p_kind text, p_note text) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_balance integer;
begin
  update public.user_credits set balance = balance + case when p_kind = 'release' then p_cost else 0 end
  where user_id = p_user returning balance into v_balance;
  insert into public.credit_ledger (user_id, amount, kind, balance_after, job_id, run, note)
  values (p_user, case when p_kind = 'release' then p_cost else 0 end, p_kind, coalesce(v_balance, 0), p_job, p_run, p_note);
end
$$;

-- What a row holds, decided before it is written; runs after hivepulse_before (triggers fire by name), which has set the run.
create or replace function public.hivepulse_job_credits() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' then
    if old.credits_state = 'held' and (new.user_id is distinct from old.user_id or new.credits_cost is distinct from old.credits_cost) then
      raise exception 'The owner and the cost of a job cannot change while it holds credits' using errcode = '23514';
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
    if new.credits_cost < 0 then raise exception 'credits_cost must not be negative' using errcode = '23514'; end if;
    if new.credits_cost > 0 and new.user_id is null then
      raise exception 'user_id is missing: a job of type % costs % credits', new.type, new.credits_cost using errcode = '23502';
    end if;
    new.credits_state := case when new.credits_cost > 0 then 'held' else 'none' end;
  end if;
  return new;
end
$$;
drop trigger if exists hivepulse_credits on public.jobs;
create trigger hivepulse_credits before insert or update on public.jobs for each row execute function public.hivepulse_job_credits();

-- The money moves once the row has really been written: an insert that a conflict turned away moves none.
create or replace function public.hivepulse_job_credits_move() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_held boolean := tg_op <> 'INSERT' and old.credits_state = 'held';
  v_holds boolean := tg_op <> 'DELETE' and new.credits_state = 'held';
begin
  if v_held and v_holds and new.run = old.run then return null; end if;
  if v_held and tg_op = 'UPDATE' and new.credits_state = 'settled' then
    perform public.end_credits(old.user_id, old.credits_cost, old.id, old.run, 'settle', null);
  elsif v_held then
    perform public.end_credits(
      old.user_id, old.credits_cost, old.id, old.run, 'release', case when tg_op = 'DELETE' then 'deleted' when v_holds then 'set back to waiting' else new.status end
    );
  end if;
  if v_holds then perform public.reserve_credits(new.user_id, new.credits_cost, new.id, new.run); end if;
  return null;
end
$$;
drop trigger if exists hivepulse_credits_move on public.jobs;
create trigger hivepulse_credits_move after insert or delete or update of status on public.jobs for each row execute function public.hivepulse_job_credits_move();

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
  if v_job.type <> p_type or v_job.payload <> v_payload then
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
  update public.user_credits set balance = balance + p_amount where user_id = p_user_id returning balance into v_balance;
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
  v_expired integer;
begin
  update public.jobs set status = 'failed', error = 'Expired: it did not end in time, its credits were given back'
  where id in (
    select id from public.jobs
    where credits_state = 'held' and status in ('pending', 'processing') and updated_at < now() - p_after_ms * interval '1 millisecond'
    order by updated_at limit p_limit for update skip locked
  );
  get diagnostics v_expired = row_count;
  update public.jobs set status = status where credits_state = 'held' and status in ('completed', 'failed', 'cancelled');
  return v_expired;
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000006' $$;

revoke execute on function
  public.reserve_credits(uuid, integer, uuid, integer),
  public.end_credits(uuid, integer, uuid, integer, text, text),
  public.create_job_with_credits(uuid, text, jsonb, integer, text, jsonb),
  public.grant_credits(uuid, integer, text, text),
  public.expire_jobs(bigint, integer)
from public, anon, authenticated;
grant execute on function public.create_job_with_credits(uuid, text, jsonb, integer, text, jsonb) to authenticated, service_role;
grant execute on function public.grant_credits(uuid, integer, text, text), public.expire_jobs(bigint, integer) to service_role;
