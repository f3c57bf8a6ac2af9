-- Tables of a 360Brief installation: no rule for the words, columns that may be null, parameters under the worker's own name.
create table analytics_jobs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  type varchar(50) not null,
  status varchar(20) default 'pending',
  params jsonb default '{}',
  progress integer default 0,
  total integer,
  current_step text,
  result jsonb,
  retry_count integer default 0,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
create index idx_analytics_jobs_pending on analytics_jobs (created_at) where status = 'pending';
create index idx_analytics_jobs_user on analytics_jobs (user_id);
create table message_cache (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  message_id text not null,
  subject text,
  unique (user_id, message_id)
);
alter table analytics_jobs enable row level security;
create policy "Users can view own jobs" on analytics_jobs for select using (auth.uid() = user_id);
create policy "Users can create own jobs" on analytics_jobs for insert with check (auth.uid() = user_id);

insert into message_cache (user_id, message_id, subject) values ('00000000-0000-4000-8000-000000000001', '18c2f0', 'Lunch');
insert into analytics_jobs (id, user_id, type, status, params, progress, total, created_at, updated_at) values
  ('00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-000000000001', 'fetch_messages', 'pending', '{"maxResults": 50}', null, null, '2026-11-21 10:00+00', null),
  ('00000000-0000-4000-8000-0000000000b2', '00000000-0000-4000-8000-000000000001', 'fetch_messages', 'processing', null, 40, 100, '2026-11-21 09:00+00', '2026-11-21 09:01+00'),
  ('00000000-0000-4000-8000-0000000000b3', '00000000-0000-4000-8000-000000000001', 'fetch_messages', 'completed', '{}', 42, 42, '2026-11-20 09:00+00', '2026-11-20 09:00:10+00');
