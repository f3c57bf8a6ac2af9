-- Tables of a review responder: a default price, a balance per user, and the function that took it.
create table user_credits (
  user_id uuid primary key,
  balance integer not null default 0,
  updated_at timestamptz default now()
);
create table jobs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  type text not null check (type in ('ai_generation', 'review_processing', 'prompt_analysis', 'sentiment_analysis')),
  status text not null default 'pending' check (status in ('pending', 'processing', 'completed', 'failed')),
  payload jsonb not null,
  result jsonb,
  error text,
  retry_count integer not null default 0,
  credits_cost integer not null default 1,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
create index idx_jobs_status_created_at on jobs (status, created_at);
create index idx_jobs_user_id on jobs (user_id);
alter table jobs enable row level security;
alter table user_credits enable row level security;
create policy "Users can view their own jobs" on jobs for select using (auth.uid() = user_id);
create policy "Users can create their own jobs" on jobs for insert with check (auth.uid() = user_id);
create policy "Users can update their own jobs" on jobs for update using (auth.uid() = user_id);
create policy "Users manage their own credits" on user_credits for all using (auth.uid() = user_id);
create function update_updated_at_column() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
create trigger update_jobs_updated_at before update on jobs for each row execute function update_updated_at_column();

create function create_credit_consuming_job(p_user_id uuid, p_type text, p_payload jsonb, p_cost integer default 1) returns uuid
language plpgsql security definer as $$
declare
  v_job uuid;
begin
  update user_credits set balance = balance - p_cost, updated_at = now() where user_id = p_user_id and balance >= p_cost;
  if not found then raise exception 'Insufficient credits'; end if;
  insert into jobs (user_id, type, payload, credits_cost) values (p_user_id, p_type, p_payload, p_cost) returning id into v_job;
  return v_job;
end
$$;

insert into user_credits (user_id, balance) values
  ('00000000-0000-4000-8000-000000000001', 12),
  ('00000000-0000-4000-8000-000000000002', 0);
-- Paid for when they were made; the second was being worked on when the old worker was stopped.
insert into jobs (id, user_id, type, status, payload, result, error, retry_count, created_at, updated_at) values
  ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-000000000001', 'ai_generation', 'pending', '{"review_text": "Great service!", "tone": "friendly"}', null, null, 0, '2026-11-21 10:00+00', '2026-11-21 10:00+00'),
  ('00000000-0000-4000-8000-0000000000d2', '00000000-0000-4000-8000-000000000001', 'review_processing', 'processing', '{"review_text": "The room was clean, but nobody answered the phone."}', null, null, 1, '2026-11-21 09:00+00', '2026-11-21 09:01+00'),
  ('00000000-0000-4000-8000-0000000000d3', '00000000-0000-4000-8000-000000000002', 'prompt_analysis', 'pending', '{"prompt": "Write a reply."}', null, null, 0, '2026-11-21 10:01+00', '2026-11-21 10:01+00'),
  ('00000000-0000-4000-8000-0000000000d4', '00000000-0000-4000-8000-000000000002', 'sentiment_analysis', 'pending', '{"text": "I love it. The delivery was slow."}', null, null, 2, '2026-11-21 10:02+00', '2026-11-21 10:02+00'),
  ('00000000-0000-4000-8000-0000000000d5', '00000000-0000-4000-8000-000000000001', 'ai_generation', 'pending', '{"text": "The key of this payload has never been right."}', null, null, 0, '2026-11-21 10:03+00', '2026-11-21 10:03+00'),
  ('00000000-0000-4000-8000-0000000000d6', '00000000-0000-4000-8000-000000000001', 'ai_generation', 'completed', '{"review_text": "Nice."}', '{"response": "Thank you!"}', null, 0, '2026-11-20 09:00+00', '2026-11-20 09:00:02.5+00'),
  ('00000000-0000-4000-8000-0000000000d7', '00000000-0000-4000-8000-000000000002', 'ai_generation', 'failed', '{"review_text": "Hm."}', null, 'OpenAI API error', 3, '2026-11-20 09:00+00', '2026-11-20 09:00:30+00');
