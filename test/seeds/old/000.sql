-- Tables of a Hivemind installation: text states under a rule without `cancelled`, a unique index of its own, a trigger of its own.
create table conversations (
  id uuid primary key default gen_random_uuid(),
  org_slug text not null default 'acme',
  title text,
  analysis_status text not null default 'not_started' check (analysis_status in ('not_started', 'queued', 'processing', 'succeeded', 'failed')),
  created_by uuid,
  created_at timestamptz default now()
);
create table conversation_themes (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid references conversations (id) on delete cascade,
  name text not null,
  size integer not null default 0
);
create table conversation_responses (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null references conversations (id) on delete cascade,
  response_text text not null,
  created_at timestamptz not null default now()
);
create table conversation_analysis_jobs (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null references conversations (id) on delete cascade,
  status text not null default 'queued' check (status in ('queued', 'processing', 'succeeded', 'failed')),
  attempts integer not null default 0,
  last_error text,
  locked_at timestamptz,
  created_by uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index uq_active_analysis_job on conversation_analysis_jobs (conversation_id) where status in ('queued', 'processing');
create index idx_analysis_jobs_status on conversation_analysis_jobs (status, created_at);
alter table conversation_analysis_jobs enable row level security;
create policy "Members see jobs" on conversation_analysis_jobs for select using (created_by = auth.uid());
create function touch_analysis_job() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
create trigger touch_analysis_job before update on conversation_analysis_jobs for each row execute function touch_analysis_job();

insert into conversations (id, title, analysis_status, created_by) values
  ('00000000-0000-4000-8000-0000000000c1', 'What should the town build?', 'queued', '00000000-0000-4000-8000-000000000001'),
  ('00000000-0000-4000-8000-0000000000c2', 'Freshwater', 'processing', '00000000-0000-4000-8000-000000000001'),
  ('00000000-0000-4000-8000-0000000000c3', 'Fifteen an hour', 'succeeded', '00000000-0000-4000-8000-000000000001'),
  ('00000000-0000-4000-8000-0000000000c4', 'Nobody has asked yet', 'not_started', '00000000-0000-4000-8000-000000000001');
insert into conversation_responses (conversation_id, response_text, created_at)
select '00000000-0000-4000-8000-0000000000c1', thing || ' ' || wish, timestamptz '2026-11-21 09:00+00' + interval '1 second' * row_number() over ()
from unnest(array['A new library', 'The library', 'More books in the library', 'A swimming pool', 'An indoor pool', 'A bigger pool for swimming', 'A bus station', 'Better buses', 'The night bus']) as thing,
  unnest(array['would help everybody.', 'is what we need.', 'should come first.']) as wish;
insert into conversation_responses (conversation_id, response_text) values
  ('00000000-0000-4000-8000-0000000000c2', 'The lake is dirty.'),
  ('00000000-0000-4000-8000-0000000000c2', 'Farmers use too much water.');
insert into conversation_themes (conversation_id, name, size) values ('00000000-0000-4000-8000-0000000000c3', 'Wages', 12);
insert into conversation_analysis_jobs (id, conversation_id, status, attempts, last_error, created_by, created_at, updated_at) values
  ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000c1', 'queued', 0, null, '00000000-0000-4000-8000-000000000001', '2026-11-21 10:00+00', '2026-11-21 10:00+00'),
  ('00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000c2', 'processing', 1, null, '00000000-0000-4000-8000-000000000001', '2026-11-21 09:00+00', '2026-11-21 09:01+00'),
  ('00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-0000000000c3', 'succeeded', 1, null, '00000000-0000-4000-8000-000000000001', '2026-11-20 09:00+00', '2026-11-20 09:00:42+00'),
  ('00000000-0000-4000-8000-0000000000a4', '00000000-0000-4000-8000-0000000000c3', 'failed', 3, 'OpenAI said 500', '00000000-0000-4000-8000-000000000001', '2026-11-19 09:00+00', '2026-11-19 09:05+00');
