-- What model calls cost, and their answers, so that the same question is not paid for twice.

create table if not exists public.ai_usage (id uuid primary key default gen_random_uuid());

alter table public.ai_usage
  add column if not exists queue text not null default '',
  add column if not exists job_id text not null default '',
  add column if not exists user_id text,
  add column if not exists provider text not null default '',
  add column if not exists model text not null default '',
  add column if not exists operation text not null default '',
  add column if not exists prompt_id text,
  add column if not exists prompt_version text,
  add column if not exists input_tokens integer not null default 0,
  add column if not exists output_tokens integer not null default 0,
  add column if not exists cached_input_tokens integer not null default 0,
  -- Dollars. A call can cost less than a ten-thousandth of a cent.
  add column if not exists cost_usd numeric(16, 10) not null default 0,
  add column if not exists duration_ms integer not null default 0,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

create index if not exists ai_usage_by_time on public.ai_usage (created_at) include (cost_usd);
create index if not exists ai_usage_by_user on public.ai_usage (user_id, created_at);
create index if not exists ai_usage_by_job on public.ai_usage (queue, job_id);

drop trigger if exists hivepulse_touch on public.ai_usage;
create trigger hivepulse_touch before update on public.ai_usage for each row execute function public.hivepulse_touch();

alter table public.ai_usage enable row level security;
revoke all on public.ai_usage from anon, authenticated;
grant select on public.ai_usage to authenticated;
grant all on public.ai_usage to service_role;
drop policy if exists hivepulse_own on public.ai_usage;
create policy hivepulse_own on public.ai_usage for select to authenticated using (user_id = (select auth.uid())::text);
drop policy if exists hivepulse_service on public.ai_usage;
create policy hivepulse_service on public.ai_usage for all to service_role using (true) with check (true);

create table if not exists public.ai_cache (key text primary key);

alter table public.ai_cache
  -- { "value": … }: an answer may be JSON null.
  add column if not exists answer jsonb not null default '{}',
  add column if not exists provider text not null default '',
  add column if not exists model text not null default '',
  add column if not exists prompt_id text not null default '',
  add column if not exists prompt_version text not null default '',
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

drop trigger if exists hivepulse_touch on public.ai_cache;
create trigger hivepulse_touch before update on public.ai_cache for each row execute function public.hivepulse_touch();

alter table public.ai_cache enable row level security;
revoke all on public.ai_cache from anon, authenticated;
grant all on public.ai_cache to service_role;
drop policy if exists hivepulse_service on public.ai_cache;
create policy hivepulse_service on public.ai_cache for all to service_role using (true) with check (true);

-- Dollars, by all processes.
create or replace function public.ai_spent_since(p_since timestamptz) returns numeric
language sql stable security invoker set search_path = '' as $$
  select coalesce(sum(cost_usd), 0) from public.ai_usage where created_at >= p_since
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000003' $$;

revoke execute on function public.ai_spent_since(timestamptz) from public, anon, authenticated;
grant execute on function public.ai_spent_since(timestamptz) to service_role;
