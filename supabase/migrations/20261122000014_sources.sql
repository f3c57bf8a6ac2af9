-- Sources: where a deal fills itself from (a folder, a site's library, a mailbox), what of it is known item by item, and each sync. A sync is a run that holds its
-- source: it plans a page against what is known, applies what is new, and turns the page, which moves the cursor on. A crash repeats one page at most.

alter table public.deal_sources
  add column if not exists name text not null default '',
  -- Whose account it is read with; null: it was disconnected.
  add column if not exists connection_id uuid references public.oauth_connections (id) on delete set null,
  -- What of the account: of the kind of source, and types, maxBytes, deletes, pollMinutes.
  add column if not exists settings jsonb not null default '{}',
  add column if not exists status_reason text,
  add column if not exists paused boolean not null default false,
  add column if not exists progress_at timestamptz,
  add column if not exists synced_at timestamptz,
  add column if not exists watch_expires_at timestamptz,
  add column if not exists created_by uuid;
-- idle, syncing, failed, reauth: older workers kept words of their own, which are put right by the next sync. Sources of kinds of their own are left alone.
select public.hivepulse_adopt_deal_table('deal_sources');
select public.hivepulse_adopt_column('deal_sources', c.name, c.type::regtype, c.value)
from (values
  ('source_type', 'text', null), ('connection_id', 'uuid', null), ('settings', 'jsonb', '{}'), ('paused', 'boolean', 'false'), ('status', 'text', 'idle'),
  ('progress_at', 'timestamptz', null), ('synced_at', 'timestamptz', null), ('watch_expires_at', 'timestamptz', null)
) as c(name, type, value);
create index if not exists deal_sources_by_deal on public.deal_sources (deal_id, created_at desc, id desc);
create index if not exists deal_sources_by_connection on public.deal_sources (connection_id);

alter table public.source_syncs
  -- How it was done: full also where incremental was asked and the source had to be listed anew.
  add column if not exists mode text,
  -- manual, notice, poll, created, connected
  add column if not exists trigger text not null default 'manual',
  add column if not exists error_code text,
  add column if not exists job_id text,
  add column if not exists pages integer not null default 0,
  add column if not exists listed integer not null default 0,
  add column if not exists unchanged integer not null default 0,
  add column if not exists created integer not null default 0,
  add column if not exists changed integer not null default 0,
  add column if not exists renamed integer not null default 0,
  add column if not exists deleted integer not null default 0,
  add column if not exists skipped integer not null default 0,
  add column if not exists failed integer not null default 0,
  add column if not exists calls integer not null default 0;
select public.hivepulse_adopt_deal_table('source_syncs');
select public.hivepulse_adopt_column('source_syncs', c.name, c.type::regtype, c.value)
from (values
  ('source_id', 'uuid', null), ('source_type', 'text', null), ('sync_type', 'text', null), ('mode', 'text', null), ('trigger', 'text', 'manual'), ('status', 'text', 'queued'),
  ('error', 'text', null), ('error_code', 'text', null), ('job_id', 'text', null), ('started_at', 'timestamptz', null), ('finished_at', 'timestamptz', null),
  ('pages', 'integer', '0'), ('listed', 'integer', '0'), ('unchanged', 'integer', '0'), ('created', 'integer', '0'), ('changed', 'integer', '0'), ('renamed', 'integer', '0'),
  ('deleted', 'integer', '0'), ('skipped', 'integer', '0'), ('failed', 'integer', '0'), ('calls', 'integer', '0')
) as c(name, type, value);
-- Older workers may say no more than which source it is.
create or replace function public.hivepulse_sync_of_source() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if new.deal_id is null or new.source_type is null then
    select coalesce(new.deal_id, s.deal_id), coalesce(new.source_type, s.source_type) into new.deal_id, new.source_type
    from (select 1) one left join public.deal_sources s on s.id = new.source_id;
  end if;
  return new;
end
$$;
drop trigger if exists hivepulse_of_source on public.source_syncs;
create trigger hivepulse_of_source before insert on public.source_syncs for each row execute function public.hivepulse_sync_of_source();
update public.source_syncs y set deal_id = coalesce(y.deal_id, s.deal_id), source_type = coalesce(y.source_type, s.source_type)
from public.deal_sources s where s.id = y.source_id and (y.deal_id is null and s.deal_id is not null or y.source_type is null and s.source_type is not null);
-- One row per job that synced it; rows of older workers have no job.
create unique index if not exists source_syncs_once on public.source_syncs (source_id, job_id) where job_id is not null;
create index if not exists source_syncs_by_source on public.source_syncs (source_id, created_at desc, id desc);

-- What nobody but a sync needs to see.
create table if not exists public.source_states (
  source_id uuid primary key references public.deal_sources (id) on delete cascade,
  -- The connector's own: of a listing that is under way, or for changes.
  cursor text,
  phase text check (phase in ('listing', 'changes')),
  -- One more with each listing: what the latest one has not seen is gone.
  generation integer not null default 0,
  listing_job text,
  -- The run that holds the source.
  run_id text,
  sync_id uuid,
  -- The one that has ended last, and the latest call that stored something, with its answer: repeated, because the answer was lost, it is answered the same.
  ended_run text,
  call_id text,
  call_answer jsonb,
  watch_id text unique,
  watch_resource text,
  -- SHA-256, hex: the secret comes with each notice.
  watch_secret_hash text,
  -- Of the latest notice, where they are numbered; of a mailbox, the history id that one has told.
  watch_number numeric,
  -- PUBLIC_URL when it was made; null: it is of other settings, or of another account.
  watch_base text,
  watch_renew_at timestamptz,
  watch_tried_at timestamptz,
  -- When the latest sync that a notice has asked for may begin.
  noticed_at timestamptz,
  noticed_outbox bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
insert into public.source_states (source_id) select id from public.deal_sources on conflict do nothing;

create or replace function public.hivepulse_source_has_state() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.source_states (source_id) values (new.id) on conflict do nothing;
  return null;
end
$$;
drop trigger if exists hivepulse_state on public.deal_sources;
create trigger hivepulse_state after insert on public.deal_sources for each row execute function public.hivepulse_source_has_state();

-- Notices that are not numbered are known by what they say, for as long as one may say that its subscription still holds.
create table if not exists public.source_notices (
  source_id uuid not null references public.deal_sources (id) on delete cascade,
  key text not null,
  created_at timestamptz not null default now(),
  primary key (source_id, key)
);
create index if not exists source_notices_by_time on public.source_notices (created_at);

create table if not exists public.source_items (
  source_id uuid not null references public.deal_sources (id) on delete cascade,
  -- The source's own id.
  ref text not null,
  deal_id uuid not null references public.deals (id) on delete cascade,
  kind text not null check (kind in ('document', 'email')),
  -- Of the content that is stored.
  version text,
  name text not null default '',
  place text,
  path text,
  url text,
  mime_type text,
  size_bytes bigint,
  modified_at timestamptz,
  state text not null check (state in ('stored', 'skipped', 'failed', 'deleted')),
  reason text,
  -- Null: removed here, or its content is in no deal any more.
  document_id uuid references public.documents (id) on delete set null,
  email_id uuid references public.emails (id) on delete set null,
  generation integer not null default 0,
  -- A run has told so; it is final when the run is complete.
  gone boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (source_id, ref)
);
create index if not exists source_items_gone on public.source_items (source_id) where gone;
create index if not exists source_items_by_name on public.source_items (source_id, name collate "C", ref collate "C");
create index if not exists source_items_by_document on public.source_items (document_id) where document_id is not null;
create index if not exists source_items_by_email on public.source_items (email_id) where email_id is not null;

do $$
declare
  t text;
begin
  foreach t in array array['source_states', 'source_notices', 'source_items'] loop
    execute format('drop trigger if exists hivepulse_touch on public.%I', t);
    if t <> 'source_notices' then execute format('create trigger hivepulse_touch before update on public.%I for each row execute function public.hivepulse_touch()', t); end if;
    execute format('alter table public.%I enable row level security', t);
    execute format('revoke all on public.%I from anon, authenticated', t);
    execute format('grant all on public.%I to service_role', t);
    execute format('drop policy if exists hivepulse_own on public.%I', t);
    execute format('drop policy if exists hivepulse_service on public.%I', t);
    execute format('create policy hivepulse_service on public.%I for all to service_role using (true) with check (true)', t);
    perform public.hivepulse_users_only_read(t);
  end loop;
  grant select on public.source_items to authenticated;
  create policy hivepulse_own on public.source_items for select to authenticated using (deal_id in (select public.hivepulse_my_deals()));
end
$$;

-- Syncs are steps of the deal room: a source and how it is synced (<source>/incremental, <source>/full), or all sources of a type (<deal>/<type>/<how>).
alter table public.deal_steps drop constraint if exists deal_steps_subject_check;
alter table public.deal_steps add constraint deal_steps_subject_check check (subject in ('document', 'email', 'brief', 'source'));

-- As before, and sources: deal, source, document or e-mail, step, outbox.
create or replace function public.hivepulse_hold(p_subject text, p_key text, p_deal uuid) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  perform from public.deals where id = p_deal for key share;
  if not found then return false; end if;
  if p_subject = 'brief' then return true; end if;
  if p_subject = 'source' then
    if p_key !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/(incremental|full)$' then return true; end if;
    perform from public.deal_sources where id = left(p_key, 36)::uuid and deal_id = p_deal for key share;
    return found;
  end if;
  if p_key !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then return false; end if;
  if p_subject = 'document' then perform from public.documents where id = p_key::uuid and deal_id = p_deal for no key update;
  else perform from public.emails where id = p_key::uuid and deal_id = p_deal for no key update;
  end if;
  return found;
end
$$;

create or replace function public.hivepulse_source_steps_go() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  with gone as (
    delete from public.deal_steps where subject = 'source' and key in (old.id || '/incremental', old.id || '/full') returning queue, job_id
  )
  update public.job_outbox o set ended = 'void', ended_at = now(), updated_at = now()
  where o.id in (
    select e.id from public.job_outbox e join gone g on g.queue = e.queue and g.job_id = e.job_id where e.ended is null for update of e skip locked
  );
  return null;
end
$$;
drop trigger if exists hivepulse_steps_go on public.deal_sources;
create trigger hivepulse_steps_go after delete on public.deal_sources for each row execute function public.hivepulse_source_steps_go();

-- As before, in the deal's turn: a sync, which holds many of its documents and mails, does not wait for this in a circle.
create or replace function public.resend_deal_steps(p_steps text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_count integer;
begin
  perform from public.deals where id in (
    select s.deal_id from jsonb_to_recordset(p_steps::jsonb) as a(subject text, key text, operation text, "jobId" text)
    join public.deal_steps s on s.subject = a.subject and s.key = a.key and s.operation = a.operation and s.job_id = a."jobId"
  ) order by id for no key update;
  perform public.hivepulse_hold(h.subject, h.key, h.deal_id) from (
    select distinct s.deal_id, s.subject, s.key from jsonb_to_recordset(p_steps::jsonb) as a(subject text, key text, operation text, "jobId" text)
    join public.deal_steps s on s.subject = a.subject and s.key = a.key and s.operation = a.operation and s.job_id = a."jobId"
    order by s.deal_id, s.subject, s.key
  ) h;
  with put as (
    select public.put_outbox(s.queue, s.operation, s.job_id, s.payload, s.options, p_replaces => true, p_row_table => 'deal_steps') as id
    from jsonb_to_recordset(p_steps::jsonb) as a(subject text, key text, operation text, "jobId" text)
    join public.deal_steps s on s.subject = a.subject and s.key = a.key and s.operation = a.operation and s.job_id = a."jobId"
    where s.status in ('queued', 'processing')
    -- As finish_outbox takes them.
    order by (select o.id from public.job_outbox o where o.queue = s.queue and o.job_id = s.job_id and o.ended is null) nulls last, s.queue, s.job_id
  )
  select count(*) into v_count from put;
  return v_count;
end
$$;

-- As before, in the deal's turn; and steps of sources are taken before the outbox, as all who ask for one take them: nothing else of a source is held alone.
create or replace function public.finish_outbox(p_results text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_ended integer;
begin
  perform from public.deals where id in (
    select s.deal_id from jsonb_to_recordset(p_results::jsonb) as r(id bigint, ended text)
    join public.job_outbox o on o.id = r.id join public.deal_steps s on s.queue = o.queue and s.job_id = o.job_id
    where r.ended = 'merged' and o.row_table = 'deal_steps' and o.ended is null
  ) order by id for no key update;
  -- Before the outbox, as all who ask for steps take them.
  perform public.hivepulse_hold(h.subject, h.key, h.deal_id) from (
    select distinct s.deal_id, s.subject, s.key from jsonb_to_recordset(p_results::jsonb) as r(id bigint, ended text)
    join public.job_outbox o on o.id = r.id join public.deal_steps s on s.queue = o.queue and s.job_id = o.job_id
    where r.ended = 'merged' and o.row_table = 'deal_steps' and o.ended is null
    order by s.deal_id, s.subject, s.key
  ) h;
  perform from public.deal_steps where subject = 'source' and (queue, job_id) in (
    select o.queue, o.job_id from jsonb_to_recordset(p_results::jsonb) as r(id bigint, ended text) join public.job_outbox o on o.id = r.id
    where r.ended = 'merged' and o.row_table = 'deal_steps' and o.ended is null
  ) order by deal_id, key collate "C" for update;
  with result as (
    select * from jsonb_to_recordset(p_results::jsonb)
      as r(id bigint, asked integer, ended text, "jobId" text, error text, "retryMs" integer)
  ), held as materialized (
    -- In the order in which the triggers of the job tables take them, so that neither waits for the other in a circle.
    select o.id from public.job_outbox o
    where o.id in (select id from result) and o.ended is null
    order by o.row_table collate "C" nulls first, o.id
    for update
  ), done as (
    update public.job_outbox o
    set ended = case when o.asked = r.asked then r.ended end,
        ended_at = case when o.asked = r.asked and r.ended is not null then now() end,
        ended_job_id = case when o.asked = r.asked then r."jobId" end,
        error = r.error,
        claim_id = null,
        claimed_until = null,
        available_at = case when r."retryMs" is null then o.available_at else clock_timestamp() + r."retryMs" * interval '1 millisecond' end,
        updated_at = now()
    from result r join held on held.id = r.id
    where o.id = r.id
    returning o.id, o.ended, o.row_table, o.row_id, o.ended_job_id, o.job_id, o.queue, o.name
  ), merged_stories as (
    update public.stories s set job_id = d.ended_job_id
    from done d
    where d.ended = 'merged' and d.row_table = 'stories' and s.id = d.row_id and s.job_id = d.job_id
    returning s.id
  ), merged_steps as (
    update public.deal_steps s set job_id = d.ended_job_id
    from done d
    where d.ended = 'merged' and d.row_table = 'deal_steps' and s.subject <> 'brief' and s.queue = d.queue and s.operation = d.name and s.job_id = d.job_id
    returning s.key
  ), merged_briefs as (
    delete from public.deal_steps s using done d
    where d.ended = 'merged' and d.row_table = 'deal_steps' and s.subject = 'brief' and s.key = d.job_id
    returning s.key
  )
  select count(*) filter (where ended is not null) into v_ended from done;
  return v_ended;
end
$$;

-- As before, in the deal's turn: its sources' items are told of it.
create or replace function public.remove_document(p_document uuid) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_deal uuid := (select deal_id from public.documents where id = p_document);
  d public.documents;
begin
  perform from public.deals where id = v_deal for no key update;
  delete from public.documents where id = p_document returning * into d;
  if not found then return null; end if;
  perform public.hivepulse_tell(d.deal_id, 'document_removed', d.id, jsonb_build_object('name', d.name));
  return jsonb_build_object('dealId', d.deal_id, 'storagePath', d.storage_path);
end
$$;

-- As before, and `source/sync`, which has stored its pages by itself: where another job was asked for meanwhile, it still waits.
create or replace function public.record_deal_step(p_step text, p_changes text) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_step::jsonb;
  c jsonb := p_changes::jsonb;
  s public.deal_steps;
  v_again boolean;
begin
  select * into s from public.deal_steps where subject = v ->> 'subject' and key = v ->> 'key' and operation = v ->> 'operation';
  -- What it records is of the whole thread: its turn comes before the e-mail's lock, which a sync that changes the e-mail takes in its own turn.
  if s.operation = 'detect_blocker' then perform from public.deals where id = s.deal_id for no key update; end if;
  if s.subject is null or not public.hivepulse_hold(s.subject, s.key, s.deal_id) then return false; end if;
  select * into s from public.deal_steps
  where subject = v ->> 'subject' and key = v ->> 'key' and operation = v ->> 'operation' for update;
  if not found then return false; end if;
  if s.run_id is distinct from v ->> 'runId' then return s.recorded_run is not distinct from v ->> 'runId'; end if;
  -- What a run has read is not the document's text any more: it begins again. A job that asked for the new one may have been merged into this one.
  if s.subject = 'document' and s.operation <> 'ingest' and c ? 'readHash'
    and (select read_hash from public.documents where id = s.key::uuid) is distinct from c ->> 'readHash' then
    raise exception 'The document has been read anew' using errcode = '40001';
  end if;
  case s.subject || '/' || s.operation
    when 'document/ingest' then perform public.hivepulse_record_reading(s, c);
    when 'document/summarize' then
      update public.documents set summary = c ->> 'summary', key_points = public.hivepulse_list(c -> 'keyPoints') where id = s.key::uuid;
    when 'document/extract_risks' then perform public.hivepulse_record_risks(s, c);
    when 'document/classify' then
      update public.documents
      set workstream = c ->> 'workstream', document_type = c ->> 'documentType', class_confidence = (c ->> 'confidence')::double precision
      where id = s.key::uuid;
    when 'email/analyze_sentiment' then perform public.hivepulse_record_sentiment(s, c);
    when 'email/detect_blocker' then perform public.hivepulse_record_blocker(s, c);
    when 'source/sync' then null;
    when 'brief/generate' then
      if not public.hivepulse_record_brief(s, c) then return false; end if;
    else raise exception 'There is no step % of %', s.operation, s.subject using errcode = '22023';
  end case;
  v_again := s.again;
  update public.deal_steps
  set status = case when s.again or s.subject = 'source' and s.job_id is distinct from s.run_job then 'queued' else 'succeeded' end,
      again = false, error = null, error_code = null, run_id = null,
      recorded_run = v ->> 'runId', recorded_job = s.run_job, result = v -> 'result', input_hash = v ->> 'inputHash',
      job_id = case when s.again then s.operation || '-' || gen_random_uuid() else s.job_id end
  where subject = s.subject and key = s.key and operation = s.operation
  returning * into s;
  -- After the run that reports now has ended: until then the queue would take both for one. What is merged all the same, the sweep finds.
  if v_again then
    perform public.put_outbox(s.queue, s.operation, s.job_id, s.payload, '{}', p_row_table => 'deal_steps', p_available_at => now() + interval '1 second');
  end if;
  return true;
end
$$;

-- Asks for a sync: incremental or full. { outboxId, jobId }; null where there is no such source. One that nobody has taken out of the outbox yet sees all that has
-- happened until now: any number of notices make one; `waiting` tells so. Options: as of ask_for_document, and trigger.
create or replace function public.ask_for_source(p_source uuid, p_type text, p_options text default '{}') returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_options jsonb := jsonb_build_object('jobSuffix', gen_random_uuid()) || coalesce(p_options::jsonb, '{}');
  v_key text := p_source || '/' || p_type;
  s public.deal_sources;
  v_waiting jsonb;
begin
  if p_type is null or p_type not in ('incremental', 'full') then raise exception 'A sync is incremental or full, not %', p_type using errcode = '22023'; end if;
  select * into s from public.deal_sources where id = p_source;
  if not found or not public.hivepulse_hold('source', v_key, s.deal_id) then return null; end if;
  select jsonb_build_object('outboxId', o.id, 'jobId', o.job_id, 'waiting', true) into v_waiting
  from public.deal_steps t join public.job_outbox o on o.queue = t.queue and o.job_id = t.job_id and o.ended is null
  where t.subject = 'source' and t.key = v_key and t.operation = 'sync' and o.claim_id is null
    and o.available_at <= now() + greatest(1000, (v_options ->> 'delay')::double precision) * interval '1 millisecond';
  if v_waiting is not null then return v_waiting; end if;
  return public.hivepulse_ask_step(
    'source', v_key, 'sync', s.deal_id, 'source-sync',
    jsonb_build_object('dealId', s.deal_id, 'sourceType', s.source_type, 'syncType', p_type, 'sourceId', s.id),
    v_options - 'jobSuffix' || jsonb_build_object('jobId', 'source-sync-' || s.id || '-' || p_type || '-' || (v_options ->> 'jobSuffix'))
  );
end
$$;

-- Stores a source: { id, dealId, sourceType, name, connectionId, settings, createdBy }, and asks for its first sync where options are given. The same id again answers
-- what is there. { source, outboxId, jobId }
-- With `most` (how many a deal may have), another one of the same account and settings, or one too many, is refused: the deal is held, so that of two calls one is the first.
create or replace function public.create_source(p_source text, p_options text default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_source::jsonb;
  v_deal uuid := (v ->> 'dealId')::uuid;
  v_id uuid := coalesce((v ->> 'id')::uuid, gen_random_uuid());
  v_asked jsonb := '{}';
  v_same uuid;
begin
  perform from public.deals where id = v_deal for key share;
  if not found then
    raise exception 'There is no deal %', v_deal using errcode = 'PT404', detail = json_build_object('what', 'Deal', 'id', v_deal);
  end if;
  if v ->> 'most' is not null and not exists (select from public.deal_sources where id = v_id) then
    perform from public.deals where id = v_deal for no key update;
    select id into v_same from public.deal_sources
    where deal_id = v_deal and source_type = v ->> 'sourceType' and connection_id = (v ->> 'connectionId')::uuid
      and settings - 'pollMinutes' - 'deletes' = coalesce(v -> 'settings', '{}') - 'pollMinutes' - 'deletes' limit 1;
    if found then
      raise exception 'The deal has this source already: %', v_same
      using errcode = 'PT409', detail = json_build_object('code', 'source_exists', 'sourceId', v_same)::text;
    end if;
    if (select count(*) from public.deal_sources where deal_id = v_deal) >= (v ->> 'most')::integer then
      raise exception 'A deal has % sources at most: remove one first', v ->> 'most'
      using errcode = 'PT409', detail = json_build_object('code', 'too_many_sources', 'most', (v ->> 'most')::integer)::text;
    end if;
  end if;
  insert into public.deal_sources (id, deal_id, source_type, name, connection_id, settings, created_by)
  values (v_id, v_deal, v ->> 'sourceType', coalesce(v ->> 'name', ''), (v ->> 'connectionId')::uuid, coalesce(v -> 'settings', '{}'), (v ->> 'createdBy')::uuid)
  on conflict (id) do nothing;
  -- The same call once more, its answer was lost, is answered as before.
  if p_options is not null and (found or exists (
    select from public.deal_steps
    where subject = 'source' and key = v_id || '/full' and job_id = 'source-sync-' || v_id || '-full-' || (p_options::jsonb ->> 'jobSuffix')
  )) then
    v_asked := public.ask_for_source(v_id, 'full', (p_options::jsonb || '{"trigger": "created"}')::text);
  end if;
  return jsonb_build_object(
    'source', (select to_jsonb(s) from public.deal_sources s where s.id = v_id), 'outboxId', v_asked -> 'outboxId', 'jobId', v_asked -> 'jobId'
  );
end
$$;

-- { id, dealId, sourceType, connectionId }; newest first, 200 at most.
create or replace function public.find_sources(p_filter text) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(f) order by f.created_at desc, f.id desc), '[]')
  from (
    select s.* from public.deal_sources s, (select p_filter::jsonb as v) asked
    -- An app may have sources of its own kinds in an adopted table.
    where s.source_type in ('gdrive', 'sharepoint', 'gmail', 'outlook') and s.deal_id is not null
      and (v ->> 'id' is null or s.id = (v ->> 'id')::uuid)
      and (v ->> 'dealId' is null or s.deal_id = (v ->> 'dealId')::uuid)
      and (v ->> 'sourceType' is null or s.source_type = v ->> 'sourceType')
      and (v ->> 'connectionId' is null or s.connection_id = (v ->> 'connectionId')::uuid)
    order by s.created_at desc, s.id desc limit 200
  ) f
$$;

-- Only what the changes name: name, settings, paused, connectionId. With other settings, or another account, what is known of it says nothing any more of what it
-- has: it is listed anew. A run that is under way loses it then, and when it is paused. Null where there is no such source.
create or replace function public.change_source(p_id uuid, p_changes text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_changes::jsonb;
  v_old public.deal_sources;
  v_new public.deal_sources;
  v_sync uuid;
begin
  -- Before the source: who removes an account holds it when its sources are told.
  if v ->> 'connectionId' is not null then perform from public.oauth_connections where id = (v ->> 'connectionId')::uuid for key share; end if;
  select * into v_old from public.deal_sources where id = p_id;
  perform from public.deals where id = v_old.deal_id for key share;
  select * into v_old from public.deal_sources where id = p_id for no key update;
  if not found then return null; end if;
  update public.deal_sources
  set name = coalesce(v ->> 'name', name), settings = coalesce(v -> 'settings', settings), paused = coalesce((v ->> 'paused')::boolean, paused),
      connection_id = coalesce((v ->> 'connectionId')::uuid, connection_id)
  where id = p_id returning * into v_new;
  if (v_old.settings - 'pollMinutes' - 'deletes', v_old.connection_id) is distinct from (v_new.settings - 'pollMinutes' - 'deletes', v_new.connection_id) then
    update public.source_states
    set cursor = null, phase = null, listing_job = null, watch_base = null, watch_renew_at = now(), watch_tried_at = null,
        watch_number = case when v_new.source_type <> 'gmail' then watch_number end
    where source_id = p_id;
  elsif not v_new.paused or v_old.paused then
    return to_jsonb(v_new);
  end if;
  update public.source_states set run_id = null where source_id = p_id returning sync_id into v_sync;
  update public.source_syncs
  set status = 'cancelled', error = case when v_new.paused then 'The source was paused' else 'The source was changed' end, error_code = 'changed', finished_at = now()
  where id = v_sync and status::text in ('running', 'retrying');
  update public.deal_sources set status = 'idle', status_reason = null
  where id = p_id and (status::text = 'syncing' or v_old.connection_id is distinct from v_new.connection_id) returning * into v_new;
  return (select to_jsonb(s) from public.deal_sources s where s.id = p_id);
end
$$;

-- What no item of a source has any more goes: a document and its file, a mail; the threads that mails left are looked at again. In the deal's turn. Answers paths of
-- files that can go.
create or replace function public.hivepulse_drop_contents(p_deal uuid, p_documents uuid[], p_emails uuid[]) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_paths jsonb;
  v_threads text[];
  r record;
begin
  with gone as (
    delete from public.documents d where d.id = any (p_documents) and d.deal_id = p_deal
      and not exists (select from public.source_items i where i.document_id = d.id and i.state <> 'deleted')
    returning d.id, d.name, d.storage_path
  ), told as (
    insert into public.deal_events (deal_id, kind, subject_id, data)
    select p_deal, 'document_removed', g.id, jsonb_build_object('name', g.name) from gone g order by g.name, g.id
  )
  select coalesce(jsonb_agg(g.storage_path) filter (where g.storage_path is not null), '[]') into v_paths from gone g;
  with gone as (
    -- One that an app has added stays, also where a mailbox has it, too.
    delete from public.emails e where e.id = any (p_emails) and e.deal_id = p_deal and e.source_ref is not null
      and not exists (select from public.source_items i where i.email_id = e.id and i.state <> 'deleted')
    returning e.thread_id
  )
  select array_agg(distinct thread_id) into v_threads from gone where thread_id is not null;
  for r in
    select t.thread_id, (
      select e.id from public.emails e where e.deal_id = p_deal and e.thread_id = t.thread_id order by coalesce(e.sent_at, e.created_at) desc, e.id desc limit 1
    ) as latest
    from unnest(v_threads) as t(thread_id) order by 2
  loop
    if r.latest is null then delete from public.deal_blockers where deal_id = p_deal and thread_id = r.thread_id;
    else perform public.ask_for_email(r.latest, '["detect_blocker"]', '{}');
    end if;
  end loop;
  return v_paths;
end
$$;

-- { paths }: files that can go; null where there is no such source.
create or replace function public.remove_source(p_id uuid, p_keep boolean) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_deal uuid := (select deal_id from public.deal_sources where id = p_id);
  v_documents uuid[];
  v_emails uuid[];
begin
  perform from public.deals where id = v_deal for no key update;
  perform from public.deal_sources where id = p_id for update;
  if not found then return null; end if;
  select array_agg(document_id) filter (where document_id is not null), array_agg(email_id) filter (where email_id is not null)
  into v_documents, v_emails from public.source_items where source_id = p_id and state <> 'deleted';
  delete from public.deal_sources where id = p_id;
  if p_keep then return '{"paths": []}'; end if;
  return jsonb_build_object('paths', public.hivepulse_drop_contents(v_deal, v_documents, v_emails));
end
$$;

-- A run takes its source: { sourceId, runId, jobId, syncType }. { state: missing | paused }; `finished`, with the sync that this very job has made; or `run`, with source, sync,
-- mode (full: a listing, from the cursor where one was cut off; incremental: changes since the cursor), and `paths`: files that the run before may have left behind.
create or replace function public.begin_source_run(p_run text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_run::jsonb;
  v_id uuid := (v ->> 'sourceId')::uuid;
  v_job text := v ->> 'jobId';
  v_full boolean := v ->> 'syncType' = 'full';
  s public.deal_sources;
  t public.source_states;
  y public.source_syncs;
  v_trigger text;
begin
  select * into s from public.deal_sources where id = v_id;
  perform from public.deals where id = s.deal_id for key share;
  select * into s from public.deal_sources where id = v_id for no key update;
  if not found then return jsonb_build_object('state', 'missing'); end if;
  select * into t from public.source_states where source_id = v_id;
  select * into y from public.source_syncs where source_id = v_id and job_id = v_job;
  if found and y.status::text = 'succeeded' then return jsonb_build_object('state', 'finished', 'sync', to_jsonb(y)); end if;
  if s.paused then return jsonb_build_object('state', 'paused'); end if;
  if t.phase = 'listing' and t.cursor is not null and (not v_full or t.listing_job = v_job) then null;
  elsif t.phase = 'changes' and (not v_full or t.listing_job = v_job) then null;
  else
    t.phase := 'listing'; t.cursor := null; t.generation := t.generation + 1; t.listing_job := v_job;
  end if;
  select k.options ->> 'trigger' into v_trigger from public.deal_steps k
  where k.subject = 'source' and k.key = v_id || '/' || (v ->> 'syncType') and k.operation = 'sync' and v_job in (k.job_id, k.run_job);
  -- A run that died left its row behind.
  update public.source_syncs set status = 'failed', error = 'The run ended without a word; another one went on', error_code = 'lost', finished_at = now()
  where source_id = v_id and job_id is distinct from v_job and status::text in ('running', 'retrying') and id = t.sync_id;
  insert into public.source_syncs as o (deal_id, source_id, source_type, sync_type, mode, trigger, status, job_id, started_at)
  values (
    s.deal_id, v_id, s.source_type, v ->> 'syncType', case t.phase when 'listing' then 'full' else 'incremental' end, coalesce(v_trigger, 'manual'), 'running', v_job, now()
  )
  on conflict (source_id, job_id) where job_id is not null do update
  set status = 'running', error = null, error_code = null, finished_at = null, mode = case when o.mode = 'full' then o.mode else excluded.mode end
  returning * into y;
  update public.source_states
  set phase = t.phase, cursor = t.cursor, generation = t.generation, listing_job = t.listing_job, run_id = v ->> 'runId', sync_id = y.id where source_id = v_id;
  update public.deal_sources set status = 'syncing', status_reason = null, progress_at = now() where id = v_id returning * into s;
  return jsonb_build_object(
    'state', 'run', 'source', to_jsonb(s), 'sync', to_jsonb(y), 'cursor', t.cursor, 'mode', case t.phase when 'listing' then 'full' else 'incremental' end,
    'paths', coalesce(t.call_answer -> 'paths', '[]')
  );
end
$$;

-- The state of a source that this run holds; nothing where it does not (any more). Locks deal and source, in their order: the deal's turn, since documents and mails
-- that are held together would else be waited for in a circle.
create or replace function public.hivepulse_hold_source(p_source uuid, p_run text) returns public.source_states
language plpgsql security invoker set search_path = '' as $$
declare
  v_deal uuid := (select deal_id from public.deal_sources where id = p_source);
  t public.source_states;
begin
  perform from public.deals where id = v_deal for no key update;
  perform from public.deal_sources where id = p_source for no key update;
  if not found then return null; end if;
  -- Who changes what a run goes by holds the source, too: notices, which change the rest of it, wait for nothing here.
  select * into t from public.source_states where source_id = p_source;
  if t.run_id is distinct from p_run then return null; end if;
  return t;
end
$$;

-- The cursor is not known to the source any more: a listing begins. False where the run has lost its source.
create or replace function public.restart_source_run(p_source uuid, p_run text) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  t public.source_states := public.hivepulse_hold_source(p_source, p_run);
begin
  if t.source_id is null then return false; end if;
  update public.source_states set phase = 'listing', cursor = null, generation = generation + 1,
    listing_job = (select job_id from public.source_syncs where id = t.sync_id) where source_id = p_source;
  update public.source_syncs set mode = 'full' where id = t.sync_id;
  update public.source_items set gone = false where source_id = p_source and gone;
  return true;
end
$$;

-- What is to be done about listed items: { ref: content|meta|skip }, those left out that need nothing, which are marked as seen. Null where the run has lost its source.
-- Items: [{ ref, version, name, place, path, url, skip }].
create or replace function public.plan_source_items(p_source uuid, p_run text, p_items text) returns jsonb
language plpgsql security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  t public.source_states := public.hivepulse_hold_source(p_source, p_run);
  v_plan jsonb;
begin
  if t.source_id is null then return null; end if;
  with listed as (
    select distinct on (l.ref) l.* from jsonb_to_recordset(p_items::jsonb) as l(ref text, version text, name text, place text, path text, skip text)
  ), work as materialized (
    select l.ref, case
        when l.skip is not null then case when i.state = 'skipped' and i.reason = l.skip and (i.name, i.place) is not distinct from (l.name, l.place) then 'none' else 'skip' end
        when i.ref is null or i.state <> 'stored' or i.version is distinct from l.version then 'content'
        -- A mail's listing may not name it.
        when i.place is distinct from l.place or i.path <> l.path or i.path is null and l.path is not null or (l.name <> '' and i.name is distinct from l.name) then 'meta'
        else 'none'
      end as what
    from listed l
      -- One by one, by their key: without statistics of a source that is new, a join would look at all for each.
      left join lateral (select * from public.source_items k where k.source_id = p_source and k.ref = l.ref limit 1) i on true
  ), seen as (
    update public.source_items i set gone = false, generation = t.generation
    where i.source_id = p_source and i.ref = any (array(select w.ref from work w where w.what = 'none')) and (i.gone or i.generation <> t.generation)
    returning i.ref
  )
  select coalesce(jsonb_object_agg(w.ref, w.what), '{}') into v_plan from work w where w.what <> 'none';
  return v_plan;
end
$$;

-- Whoever stores many at once plans each statement anew: plans are kept, and those that were made while a table was almost empty would read all of it each time.

-- Stores a document as create_document does, but asks for nothing: its id and state, `created`, `known` or `changed`, where its file stands, and the file that can go.
create or replace function public.hivepulse_put_document(
  v jsonb, out id uuid, out status text, out outcome text, out storage_path text, out replaced_path text, out version integer
)
language plpgsql security invoker set search_path = '' as $$
declare
  v_deal uuid := (v ->> 'dealId')::uuid;
  v_id uuid := coalesce((v ->> 'id')::uuid, gen_random_uuid());
  v_found boolean;
  v_known uuid[];
  d public.documents;
begin
  outcome := 'known';
  -- One after the other, each by an index of its own. A new content keeps its document; the file of an upload is known by its name and content.
  select * into d from public.documents o where o.id = v_id;
  v_found := found and d.deal_id = v_deal;
  -- Not `order by … limit 1`: an index by age would be read until one is found, which is all of it for what is new.
  if not v_found and v ->> 'sourceRef' is not null then
    v_known := (select array_agg(o.id order by o.created_at) from public.documents o where o.deal_id = v_deal and o.source = v ->> 'source' and o.source_ref = v ->> 'sourceRef');
  elsif not v_found then
    v_known := (
      select array_agg(o.id order by o.created_at) from public.documents o
      where o.deal_id = v_deal and o.content_hash = v ->> 'contentHash' and o.source = 'upload' and o.source_ref is null and o.name = v ->> 'name'
    );
  end if;
  if v_known is not null then
    select * into d from public.documents o where o.id = v_known[1];
    v_found := true;
  end if;
  if not v_found then
    outcome := 'created';
    insert into public.documents (id, deal_id, created_by, name, mime_type, size_bytes, content_hash, storage_path, source, source_ref)
    values (
      v_id, v_deal, (v ->> 'createdBy')::uuid, v ->> 'name', v ->> 'mimeType', (v ->> 'sizeBytes')::bigint, v ->> 'contentHash', v ->> 'storagePath',
      coalesce(v ->> 'source', 'upload'), v ->> 'sourceRef'
    ) returning * into d;
    perform public.hivepulse_tell(d.deal_id, 'document_added', d.id, jsonb_build_object('name', d.name));
  elsif d.content_hash is distinct from v ->> 'contentHash' then
    outcome := 'changed';
    replaced_path := nullif(d.storage_path, v ->> 'storagePath');
    update public.documents o
    set name = v ->> 'name', mime_type = v ->> 'mimeType', size_bytes = (v ->> 'sizeBytes')::bigint, content_hash = v ->> 'contentHash',
        storage_path = v ->> 'storagePath', version = o.version + 1
    where o.id = d.id returning * into d;
    perform public.hivepulse_tell(d.deal_id, 'document_changed', d.id, jsonb_build_object('name', d.name, 'version', d.version));
  elsif d.name is distinct from v ->> 'name' then
    update public.documents o set name = v ->> 'name' where o.id = d.id;
  end if;
  id := d.id; status := d.status; storage_path := d.storage_path; version := d.version;
end
$$;

-- As before, each look by an index: a deal may have a hundred thousand documents.
create or replace function public.create_document(p_document text, p_options text default null) returns jsonb
language plpgsql security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  v jsonb := p_document::jsonb;
  v_deal uuid := (v ->> 'dealId')::uuid;
  put record;
  v_asked jsonb := '{}';
begin
  perform from public.deals where id = v_deal for no key update;
  if not found then
    raise exception 'There is no deal %', v_deal using errcode = 'PT404', detail = json_build_object('what', 'Deal', 'id', v_deal);
  end if;
  select * into put from public.hivepulse_put_document(v);
  -- The same call once more, its answer was lost.
  if put.outcome = 'known' and exists (
    select from public.deal_steps
    where subject = 'document' and key = put.id::text and operation = 'ingest' and job_id = public.hivepulse_document_job('ingest', put.id, p_options::jsonb)
  ) then
    put.outcome := case when put.version = 1 then 'created' else 'changed' end;
  end if;
  if p_options is not null and (put.outcome <> 'known' or put.status in ('stored', 'failed', 'cancelled')) then
    v_asked := public.ask_for_document(put.id, '["ingest"]', p_options);
  end if;
  return jsonb_build_object(
    'document', (select to_jsonb(d) from public.documents d where d.id = put.id), 'outcome', put.outcome, 'replacedPath', put.replaced_path,
    'outboxId', v_asked -> 'ingest' -> 'outboxId', 'jobId', v_asked -> 'ingest' -> 'jobId'
  );
end
$$;

-- Stores a mail as create_email does, but asks for nothing: `created`, or `known` by its id or Message-ID.
create or replace function public.hivepulse_put_email(v jsonb, out id uuid, out outcome text)
language plpgsql security invoker set search_path = '' as $$
declare
  v_deal uuid := (v ->> 'dealId')::uuid;
  v_parent text;
  v_known uuid[];
  e public.emails;
begin
  outcome := 'known';
  id := coalesce((v ->> 'id')::uuid, gen_random_uuid());
  -- The same call once more, its answer was lost, is answered as before.
  if v ->> 'id' is not null and (select o.deal_id from public.emails o where o.id = (v ->> 'id')::uuid) = v_deal then
    outcome := 'created';
    return;
  end if;
  v_known := (select array_agg(o.id order by o.created_at) from public.emails o where o.deal_id = v_deal and o.message_id = v ->> 'messageId');
  if v_known is not null then
    id := v_known[1];
    return;
  end if;
  -- A reply belongs to the thread of what it replies to, whatever it says itself.
  v_parent := (select (array_agg(p.thread_id order by p.created_at))[1] from public.emails p where p.deal_id = v_deal and p.message_id = v ->> 'inReplyTo');
  insert into public.emails (
    id, deal_id, created_by, message_id, thread_id, in_reply_to, from_name, from_address, recipients, subject, sent_at, text, content_hash, source, source_ref
  ) values (
    id, v_deal, (v ->> 'createdBy')::uuid, v ->> 'messageId',
    coalesce(v_parent, v ->> 'threadId', v ->> 'inReplyTo', v ->> 'messageId', id::text), v ->> 'inReplyTo', v ->> 'fromName', v ->> 'fromAddress',
    public.hivepulse_list(v -> 'recipients'), v ->> 'subject', (v ->> 'sentAt')::timestamptz, coalesce(v ->> 'text', ''), v ->> 'contentHash',
    coalesce(v ->> 'source', 'api'), v ->> 'sourceRef'
  ) returning * into e;
  outcome := 'created';
  perform public.hivepulse_tell(e.deal_id, 'email_added', e.id, jsonb_build_object('subject', e.subject, 'from', coalesce(e.from_name, e.from_address), 'threadId', e.thread_id));
end
$$;

create or replace function public.create_email(p_email text, p_options text) returns jsonb
language plpgsql security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  v jsonb := p_email::jsonb;
  v_deal uuid := (v ->> 'dealId')::uuid;
  put record;
begin
  perform from public.deals where id = v_deal for no key update;
  if not found then
    raise exception 'There is no deal %', v_deal using errcode = 'PT404', detail = json_build_object('what', 'Deal', 'id', v_deal);
  end if;
  select * into put from public.hivepulse_put_email(v);
  return jsonb_build_object(
    'email', (select to_jsonb(e) from public.emails e where e.id = put.id), 'outcome', put.outcome,
    'asked', case put.outcome when 'known' then '{}'::jsonb else public.ask_for_email(put.id, '["analyze_sentiment", "detect_blocker"]', p_options) end
  );
end
$$;

-- Asks for the steps of what a page has brought, all in one: [{ id, kind: document|email, suffix }], as ask_for_document and ask_for_email do one by one. The caller holds
-- deal, documents and mails.
create or replace function public.hivepulse_ask_for_contents(p_deal uuid, p_contents jsonb, p_options jsonb) returns void
language sql security invoker set search_path = '' as $$
  with wanted as (
    select 'document' as subject, a.id::text as key, 'ingest' as operation, 'document-processing' as queue,
      jsonb_build_object('documentId', a.id, 'dealId', p_deal) as payload, 'document-ingest-' || a.id || '-' || a.suffix as job_id
    from jsonb_to_recordset(p_contents) as a(id uuid, kind text, suffix text) where a.kind = 'document'
    union all
    select 'email', a.id::text, o.operation, 'email-processing', jsonb_build_object('emailId', a.id, 'dealId', p_deal), 'email-' || o.operation || '-' || a.id || '-' || a.suffix
    from jsonb_to_recordset(p_contents) as a(id uuid, kind text, suffix text) cross join (values ('analyze_sentiment'), ('detect_blocker')) as o(operation)
    where a.kind = 'email'
  ), asked as (
    insert into public.deal_steps as s (subject, key, operation, deal_id, queue, payload, job_id, options)
    select distinct on (w.subject, w.key, w.operation) w.subject, w.key, w.operation, p_deal, w.queue, w.payload, w.job_id, p_options
    from wanted w order by w.subject, w.key, w.operation
    on conflict (subject, key, operation) do update
    set payload = excluded.payload, job_id = excluded.job_id, options = excluded.options,
        status = case when s.status = 'processing' then s.status else 'queued' end, error = null, error_code = null
    where s.job_id is distinct from excluded.job_id
    returning s.queue, s.operation, s.job_id, s.payload
  )
  insert into public.job_outbox as o (queue, name, job_id, payload, options, row_table)
  select a.queue, a.operation, a.job_id, a.payload, p_options, 'deal_steps' from asked a
  on conflict (queue, job_id) where ended is null do update
  set payload = excluded.payload, options = excluded.options, available_at = excluded.available_at, asked = o.asked + 1, updated_at = now()
$$;

-- Stores what became of planned items: [{ ref, kind, version, name, place, path, url, mimeType, sizeBytes, modifiedAt, outcome, … }], outcome: document (with `document`:
-- contentHash, sizeBytes, storagePath), email (with `email`, as of create_email), meta, skipped (`skip`), failed (`reason`), gone. Documents and mails that are new or changed are asked to be
-- worked on. { paths }: files that nothing refers to any more; null where the run has lost its source.
create or replace function public.apply_source_items(p_source uuid, p_run text, p_items text, p_call text default null) returns jsonb
language plpgsql security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  t public.source_states := public.hivepulse_hold_source(p_source, p_run);
  s public.deal_sources;
  i public.source_items;
  d public.documents;
  e public.emails;
  v jsonb;
  put record;
  v_asks jsonb := '[]';
  v_suffix text;
  v_document uuid;
  v_email uuid;
  v_options jsonb;
  v_outcome text;
  v_state text;
  v_drop_documents uuid[] := '{}';
  v_drop_emails uuid[] := '{}';
  v_paths jsonb := '[]';
  v_counts jsonb := '{"created": 0, "changed": 0, "renamed": 0, "unchanged": 0, "skipped": 0, "failed": 0}';
begin
  if t.source_id is null then return null; end if;
  if p_call = t.call_id then return t.call_answer; end if;
  -- Before the items, as whoever deletes a document or mail takes them.
  perform from public.documents where id in (
    select k.document_id from public.source_items k where k.source_id = p_source and k.ref in (select r ->> 'ref' from jsonb_array_elements(p_items::jsonb) as r)
  ) order by id for no key update;
  perform from public.emails where id in (
    select k.email_id from public.source_items k where k.source_id = p_source and k.ref in (select r ->> 'ref' from jsonb_array_elements(p_items::jsonb) as r)
  ) order by id for no key update;
  select * into s from public.deal_sources where id = p_source;
  v_options := jsonb_strip_nulls(jsonb_build_object('userId', s.created_by, 'correlationId', 'sync-' || t.sync_id));
  for v in select value from jsonb_array_elements(p_items::jsonb) loop
    select * into i from public.source_items where source_id = p_source and ref = v ->> 'ref';
    if not found then i := null; end if;
    v_document := i.document_id;
    v_email := i.email_id;
    v_outcome := v ->> 'outcome';
    v_state := case v_outcome when 'skipped' then 'skipped' when 'failed' then 'failed' when 'gone' then coalesce(i.state, 'failed') else 'stored' end;
    -- Another one in each sync: what goes back to an older version is worked on again.
    v_suffix := md5(p_source || '/' || t.sync_id || '/' || coalesce(v ->> 'version', ''));
    if v_outcome = 'document' then
      select * into put from public.hivepulse_put_document(jsonb_build_object(
        'dealId', s.deal_id, 'createdBy', s.created_by, 'name', v ->> 'name', 'mimeType', v ->> 'mimeType', 'source', s.source_type, 'sourceRef', v ->> 'ref'
      ) || (v -> 'document'));
      v_document := put.id;
      if put.replaced_path is not null then v_paths := v_paths || jsonb_build_array(put.replaced_path); end if;
      -- The same content under another version: its file stands where it stood.
      if put.storage_path is distinct from v -> 'document' ->> 'storagePath' then v_paths := v_paths || jsonb_build_array(v -> 'document' -> 'storagePath'); end if;
      if put.outcome <> 'known' or put.status in ('stored', 'failed', 'cancelled') then
        v_asks := v_asks || jsonb_build_object('id', put.id, 'kind', 'document', 'suffix', v_suffix);
      end if;
      v_outcome := case put.outcome when 'known' then 'unchanged' else put.outcome end;
    elsif v_outcome = 'email' then
      select * into e from public.emails where id = v_email and deal_id = s.deal_id for no key update;
      if found then
        if e.content_hash is distinct from v -> 'email' ->> 'contentHash' then
          update public.emails
          set subject = v -> 'email' ->> 'subject', text = coalesce(v -> 'email' ->> 'text', ''), content_hash = v -> 'email' ->> 'contentHash',
              from_name = v -> 'email' ->> 'fromName', from_address = v -> 'email' ->> 'fromAddress', recipients = public.hivepulse_list(v -> 'email' -> 'recipients'),
              sent_at = (v -> 'email' ->> 'sentAt')::timestamptz
          where id = e.id;
          v_asks := v_asks || jsonb_build_object('id', e.id, 'kind', 'email', 'suffix', v_suffix);
          v_outcome := 'changed';
        else v_outcome := 'unchanged';
        end if;
      else
        select * into put from public.hivepulse_put_email((v -> 'email') || jsonb_build_object(
          'dealId', s.deal_id, 'createdBy', s.created_by, 'source', s.source_type, 'sourceRef', v ->> 'ref'
        ));
        v_email := put.id;
        if put.outcome = 'created' then v_asks := v_asks || jsonb_build_object('id', put.id, 'kind', 'email', 'suffix', v_suffix); end if;
        v_outcome := case put.outcome when 'known' then 'unchanged' else 'created' end;
      end if;
    elsif v_outcome = 'meta' then
      v_outcome := 'renamed';
      select * into d from public.documents where id = v_document and deal_id = s.deal_id for no key update;
      if found and v ->> 'name' <> '' and i.name is distinct from v ->> 'name' and d.name is distinct from v ->> 'name' then
        update public.documents set name = v ->> 'name' where id = d.id;
        -- A name tells something.
        if d.read_hash is not null then perform public.ask_for_document(d.id, '["classify"]', (v_options || jsonb_build_object('jobSuffix', md5(v_suffix || (v ->> 'name'))))::text); end if;
      end if;
    elsif v_outcome = 'skipped' then
      -- What a filter leaves out now leaves the deal.
      if i.state in ('stored', 'failed') and coalesce(s.settings ->> 'deletes', 'follow') = 'follow' then
        v_drop_documents := v_drop_documents || v_document;
        v_drop_emails := v_drop_emails || v_email;
      end if;
      v_document := null;
      v_email := null;
      if i.state is not distinct from 'skipped' then v_outcome := 'unchanged'; end if;
    end if;
    if v_outcome = 'gone' then
      update public.source_items set gone = true where source_id = p_source and ref = v ->> 'ref';
    else
      insert into public.source_items as o (
        source_id, ref, deal_id, kind, version, name, place, path, url, mime_type, size_bytes, modified_at, state, reason, document_id, email_id, generation
      ) values (
        p_source, v ->> 'ref', s.deal_id, v ->> 'kind', case when v_state = 'stored' then v ->> 'version' end, coalesce(v ->> 'name', ''), v ->> 'place', v ->> 'path',
        v ->> 'url', v ->> 'mimeType', coalesce((v -> 'document' ->> 'sizeBytes')::bigint, (v ->> 'sizeBytes')::bigint), (v ->> 'modifiedAt')::timestamptz,
        v_state, coalesce(v ->> 'reason', v ->> 'skip'), v_document, v_email, t.generation
      )
      on conflict (source_id, ref) do update
      set kind = excluded.kind,
          -- Of one that could not be read this time the old content stays.
          version = case when excluded.state = 'failed' then o.version else excluded.version end,
          name = case when excluded.name = '' then o.name else excluded.name end, place = excluded.place,
          path = case when excluded.path is null and o.place is not distinct from excluded.place then o.path else excluded.path end, url = coalesce(excluded.url, o.url),
          mime_type = coalesce(excluded.mime_type, o.mime_type), size_bytes = coalesce(excluded.size_bytes, o.size_bytes),
          modified_at = coalesce(excluded.modified_at, o.modified_at), state = excluded.state, reason = excluded.reason,
          document_id = excluded.document_id, email_id = excluded.email_id, generation = excluded.generation, gone = false;
      v_counts := jsonb_set(v_counts, array[v_outcome], to_jsonb((v_counts ->> v_outcome)::integer + 1));
    end if;
  end loop;
  if v_asks <> '[]' then perform public.hivepulse_ask_for_contents(s.deal_id, v_asks, v_options); end if;
  v_paths := v_paths || public.hivepulse_drop_contents(s.deal_id, v_drop_documents, v_drop_emails);
  update public.source_syncs
  set created = created + (v_counts ->> 'created')::integer, changed = changed + (v_counts ->> 'changed')::integer, renamed = renamed + (v_counts ->> 'renamed')::integer,
      unchanged = unchanged + (v_counts ->> 'unchanged')::integer, skipped = skipped + (v_counts ->> 'skipped')::integer, failed = failed + (v_counts ->> 'failed')::integer
  where id = t.sync_id;
  update public.deal_sources set progress_at = now() where id = p_source;
  update public.source_states set call_id = p_call, call_answer = jsonb_build_object('paths', v_paths) where source_id = p_source;
  return jsonb_build_object('paths', v_paths);
end
$$;

-- A page is done: { deletes: [{ ref, from }], cursor, complete, listed, unchanged, calls }. Deletes are final at the end of the listing, or of the changes; a complete
-- listing also says what is gone. So many go at a time: `more` of them means that the page has not been turned yet, and the same is to be called again.
-- Answers { deleted, paths, more }; null where the run has lost its source.
create or replace function public.turn_source_page(p_source uuid, p_run text, p_page text, p_call text default null) returns jsonb
language plpgsql security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  c_most constant integer := 200;
  t public.source_states := public.hivepulse_hold_source(p_source, p_run);
  v jsonb := p_page::jsonb;
  s public.deal_sources;
  v_refs text[];
  v_documents uuid[];
  v_emails uuid[];
  v_answer jsonb := '{"deleted": 0, "paths": [], "more": false}';
begin
  if t.source_id is null then return null; end if;
  if p_call = t.call_id then return t.call_answer; end if;
  select * into s from public.deal_sources where id = p_source;
  update public.source_items i set gone = true
  from jsonb_to_recordset(public.hivepulse_list(v -> 'deletes')) as g(ref text, "from" text)
  where i.source_id = p_source and i.ref = g.ref and i.state <> 'deleted' and not i.gone and (g."from" is null or i.place is not distinct from g."from");
  if (v ->> 'complete')::boolean then
    select array_agg(f.ref), array_agg(f.document_id) filter (where f.document_id is not null), array_agg(f.email_id) filter (where f.email_id is not null)
    into v_refs, v_documents, v_emails
    from (
      select ref, document_id, email_id from public.source_items
      where source_id = p_source and state <> 'deleted' and (gone or t.phase = 'listing' and generation < t.generation) limit c_most
    ) f;
    -- Before the items, as whoever deletes a document or mail takes them.
    perform from public.documents where id = any (v_documents) order by id for update;
    perform from public.emails where id = any (v_emails) order by id for update;
    update public.source_items set state = 'deleted', gone = false, version = null where source_id = p_source and ref = any (v_refs);
    v_answer := jsonb_build_object(
      'deleted', coalesce(cardinality(v_refs), 0), 'more', coalesce(cardinality(v_refs) = c_most, false),
      'paths', case when coalesce(s.settings ->> 'deletes', 'follow') = 'follow' then public.hivepulse_drop_contents(s.deal_id, v_documents, v_emails) else '[]' end
    );
  end if;
  update public.source_syncs set deleted = deleted + (v_answer ->> 'deleted')::integer where id = t.sync_id;
  if not (v_answer ->> 'more')::boolean then
    update public.source_states
    set cursor = v ->> 'cursor', phase = case when t.phase = 'listing' and not (v ->> 'complete')::boolean then 'listing' else 'changes' end
    where source_id = p_source;
    update public.source_syncs
    set pages = pages + 1, listed = listed + (v ->> 'listed')::integer, unchanged = unchanged + (v ->> 'unchanged')::integer, calls = calls + (v ->> 'calls')::integer
    where id = t.sync_id;
  end if;
  update public.deal_sources set progress_at = now() where id = p_source;
  update public.source_states set call_id = p_call, call_answer = v_answer where source_id = p_source;
  return v_answer;
end
$$;

-- Ends a run: { status: succeeded|failed|cancelled|retrying, error, code, calls }. The sync; null where the run has lost its source.
create or replace function public.end_source_run(p_source uuid, p_run text, p_ending text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  t public.source_states := public.hivepulse_hold_source(p_source, p_run);
  v jsonb := p_ending::jsonb;
  y public.source_syncs;
begin
  if t.source_id is null then
    return (select to_jsonb(k) from public.source_states e join public.source_syncs k on k.id = e.sync_id where e.source_id = p_source and e.ended_run = p_run);
  end if;
  update public.source_syncs
  set status = v ->> 'status', error = v ->> 'error', error_code = v ->> 'code', calls = calls + coalesce((v ->> 'calls')::integer, 0),
      finished_at = case when v ->> 'status' <> 'retrying' then now() end
  where id = t.sync_id returning * into y;
  update public.deal_sources
  set status = case v ->> 'status'
        when 'retrying' then 'syncing'
        when 'failed' then case when v ->> 'code' in ('reauth_required', 'not_connected') then 'reauth' else 'failed' end
        else 'idle'
      end,
      status_reason = v ->> 'error',
      synced_at = case when v ->> 'status' = 'succeeded' then now() else synced_at end
  where id = p_source;
  -- Who has ended holds nothing any more. A retry takes the source anew.
  update public.source_states set run_id = null, ended_run = p_run where source_id = p_source;
  return to_jsonb(y);
end
$$;

-- For what ended outside a run (stalled out, cancelled while it waited): the syncs of that job, of which no other run holds the source. Answers how many.
create or replace function public.end_source_sync(p_job text, p_ending text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_ending::jsonb;
  r record;
  v_count integer := 0;
begin
  for r in
    select y.id, y.source_id, s.deal_id from public.source_syncs y join public.deal_sources s on s.id = y.source_id
    where y.job_id = p_job and y.status::text in ('running', 'retrying') order by s.deal_id, s.id
  loop
    perform from public.deals where id = r.deal_id for key share;
    perform from public.deal_sources where id = r.source_id for no key update;
    update public.source_syncs set status = v ->> 'status', error = v ->> 'error', error_code = v ->> 'code', finished_at = now()
    where id = r.id and status::text in ('running', 'retrying');
    if not found then continue; end if;
    v_count := v_count + 1;
    update public.source_states set run_id = null where source_id = r.source_id and sync_id = r.id;
    if not found then continue; end if;
    update public.deal_sources
    set status = case v ->> 'status' when 'failed' then case when v ->> 'code' in ('reauth_required', 'not_connected') then 'reauth' else 'failed' end else 'idle' end,
        status_reason = v ->> 'error'
    where id = r.source_id;
  end loop;
  return v_count;
end
$$;

-- A failure that goes on is told once.
create or replace function public.hivepulse_sync_failed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  -- As text: an adopted table may have an enum of other words.
  if new.status::text = 'failed' and new.deal_id is not null and (tg_op = 'INSERT' or old.status is distinct from new.status)
    and new.error_code is distinct from 'lost'
    -- Of the one before it that has come to an end, or of an earlier attempt of its own.
    and not coalesce((
      select o.status::text = 'failed' and o.error is not distinct from new.error from public.source_syncs o
      where o.source_id = new.source_id and o.id <> new.id and o.status::text in ('succeeded', 'failed') and o.error_code is distinct from 'lost' and o.finished_at is not null
      order by o.finished_at desc, o.created_at desc limit 1
    ), false)
    and not exists (
      select from public.deal_events e where e.deal_id = new.deal_id and e.kind = 'sync_failed' and e.subject_id = new.id and e.data ->> 'error' is not distinct from left(new.error, 500)
    )
  then
    perform public.hivepulse_tell(new.deal_id, 'sync_failed', new.id, jsonb_build_object('sourceType', new.source_type, 'error', left(new.error, 500)));
  end if;
  return null;
end
$$;

-- { nextCursor: { name, ref } } is the caller's: items by their names, after one of them.
create or replace function public.find_source_items(p_source uuid, p_state text, p_limit integer, p_after_name text default null, p_after_ref text default null) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(f) - 'version' - 'generation' - 'gone' order by f.name collate "C", f.ref collate "C"), '[]')
  from (
    select i.* from public.source_items i
    where i.source_id = p_source and case when p_state is null then i.state <> 'deleted' else i.state = p_state end
      and (p_after_ref is null or (i.name collate "C", i.ref collate "C") > (p_after_name collate "C", p_after_ref collate "C"))
    order by i.name collate "C", i.ref collate "C" limit p_limit
  ) f
$$;

create or replace function public.count_source_items(p_source uuid) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_object_agg(c.state, c.n), '{}') from (
    select state, count(*) as n from public.source_items where source_id = p_source and state <> 'deleted' group by state
  ) c
$$;

-- Asks for what a notice tells of; its state is held by the caller. Changes come in bursts, with a notice each: the first one counts at once, those that follow within half
-- a minute make one sync at its end.
create or replace function public.hivepulse_source_noticed(t public.source_states) returns text
language plpgsql security invoker set search_path = '' as $$
declare
  v_at timestamptz := greatest(now(), t.noticed_at + interval '30 seconds');
  v_asked jsonb;
begin
  -- Found by itself: a run that begins meanwhile puts its own job into the step.
  perform from public.job_outbox where id = t.noticed_outbox and ended is null and claim_id is null and available_at <= v_at;
  if found then return 'waiting'; end if;
  v_asked := public.ask_for_source(
    t.source_id, 'incremental', jsonb_build_object('trigger', 'notice', 'delay', ceil(extract(epoch from v_at - now()) * 1000))::text
  );
  if v_asked is null then return 'inactive'; end if;
  if v_asked ? 'waiting' then return 'waiting'; end if;
  update public.source_states set noticed_at = v_at, noticed_outbox = (v_asked ->> 'outboxId')::bigint where source_id = t.source_id;
  return 'queued';
end
$$;

create or replace function public.hivepulse_take_notice(p_source uuid, v jsonb) returns text
language plpgsql security invoker set search_path = '' as $$
declare
  t public.source_states;
  s public.deal_sources;
begin
  select * into s from public.deal_sources where id = p_source;
  perform from public.deals where id = s.deal_id for key share;
  if v ->> 'about' = 'removal' then perform from public.deal_sources where id = p_source for no key update;
  else perform from public.deal_sources where id = p_source for key share;
  end if;
  select * into t from public.source_states where source_id = p_source for no key update;
  if not found or t.watch_id is distinct from v ->> 'watchId' or t.watch_secret_hash is null or t.watch_secret_hash is distinct from v ->> 'secretHash'
    or v ->> 'resource' <> t.watch_resource then return 'forged'; end if;
  if v ->> 'number' is not null then
    if (v ->> 'number')::numeric <= t.watch_number then return 'replayed'; end if;
    update public.source_states set watch_number = (v ->> 'number')::numeric where source_id = p_source;
  end if;
  if v ->> 'key' is not null then
    insert into public.source_notices (source_id, key) values (p_source, v ->> 'key') on conflict do nothing;
    if not found then return 'replayed'; end if;
  end if;
  if v ->> 'about' = 'nothing' then return 'taken'; end if;
  if v ->> 'about' = 'renewal' then
    update public.source_states set watch_renew_at = now(), watch_tried_at = null where source_id = p_source;
    return 'taken';
  end if;
  if v ->> 'about' = 'removal' then
    update public.source_states
    set watch_id = null, watch_resource = null, watch_secret_hash = null, watch_number = null, watch_base = null, watch_renew_at = null, watch_tried_at = null
    where source_id = p_source;
    update public.deal_sources set watch_expires_at = null where id = p_source;
  end if;
  if s.paused or s.connection_id is null or s.status = 'reauth' then return 'inactive'; end if;
  return public.hivepulse_source_noticed(t);
end
$$;

-- Notices of change: [{ watchId, secretHash, resource, number, key, about }]. One outcome for each: `forged`: nothing is watched under that id, or with another secret;
-- `replayed`: this one, or a later one, came before; `inactive`: paused, or its account has to be connected again; `taken`: genuine, and nothing is to be asked for (about
-- nothing; about a renewal: the watch is to be prolonged). Else an incremental sync is asked for: `queued`, or `waiting` where one waits already (about a removal: the watch
-- is gone, too).
create or replace function public.take_source_notices(p_notices text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_outcomes jsonb := (select coalesce(jsonb_agg('forged'::text), '[]') from jsonb_array_elements(p_notices::jsonb));
  v_outcome text;
  v_asked uuid;
  r record;
begin
  for r in
    select n.notice, n.at, t.source_id
    from jsonb_array_elements(p_notices::jsonb) with ordinality as n(notice, at)
    join public.source_states t on t.watch_id = n.notice ->> 'watchId' join public.deal_sources s on s.id = t.source_id
    -- In the order in which all take sources.
    order by s.deal_id, s.id, (n.notice ->> 'number')::numeric, n.at
  loop
    -- One that was asked for just now sees what this one tells of, too.
    if r.source_id = v_asked and r.notice ->> 'about' is null then
      v_outcome := public.hivepulse_take_notice(r.source_id, r.notice || '{"about": "nothing"}');
      if v_outcome = 'taken' then v_outcome := 'waiting'; end if;
    else
      v_outcome := public.hivepulse_take_notice(r.source_id, r.notice);
      if v_outcome in ('queued', 'waiting') then v_asked := r.source_id; end if;
    end if;
    v_outcomes := jsonb_set(v_outcomes, array[(r.at - 1)::text], to_jsonb(v_outcome));
  end loop;
  return v_outcomes;
end
$$;

-- Notices of a mailbox are of the account. One that tells of nothing newer than the last is a replay. Answers how many sources were asked for.
create or replace function public.notice_mailbox_sources(p_connection uuid, p_history text default null) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  t public.source_states;
  r record;
  v_count integer := 0;
begin
  for r in
    select id, deal_id from public.deal_sources where connection_id = p_connection and source_type = 'gmail' and not paused and status <> 'reauth' order by deal_id, id
  loop
    perform from public.deals where id = r.deal_id for key share;
    perform from public.deal_sources where id = r.id for key share;
    select * into t from public.source_states where source_id = r.id for no key update;
    if not found or p_history::numeric <= t.watch_number then continue; end if;
    if p_history is not null then update public.source_states set watch_number = p_history::numeric where source_id = r.id; end if;
    if public.hivepulse_source_noticed(t) = 'queued' then v_count := v_count + 1; end if;
  end loop;
  return v_count;
end
$$;

-- { id, secretHash, resource, expiresAt, renewAt, base }; of a watch that was prolonged the secret stays. {}: nothing is watched any more.
create or replace function public.set_source_watch(p_source uuid, p_watch text) returns void
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_watch::jsonb;
begin
  perform from public.deal_sources where id = p_source for no key update;
  update public.source_states
  set watch_number = case when watch_id is not distinct from v ->> 'id' then watch_number end,
      watch_secret_hash = case when watch_id = v ->> 'id' then coalesce(v ->> 'secretHash', watch_secret_hash) else v ->> 'secretHash' end,
      watch_id = v ->> 'id', watch_resource = v ->> 'resource', watch_base = v ->> 'base', watch_renew_at = (v ->> 'renewAt')::timestamptz, watch_tried_at = null
  where source_id = p_source;
  update public.deal_sources set watch_expires_at = (v ->> 'expiresAt')::timestamptz where id = p_source;
end
$$;

create or replace function public.postpone_source_watch(p_source uuid, p_until timestamptz) returns void
language sql security invoker set search_path = '' as $$
  update public.source_states set watch_tried_at = p_until where source_id = p_source
$$;

create or replace function public.source_watch(p_source uuid) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select case when t.watch_id is not null then jsonb_build_object('id', t.watch_id, 'resource', t.watch_resource, 'expiresAt', s.watch_expires_at) end
  from public.source_states t join public.deal_sources s on s.id = t.source_id where t.source_id = p_source
$$;

-- Sources whose notices are missing, end before, are to be prolonged by then, or go elsewhere than to p_base (`moved`); those tried least recently first, and not those
-- that were tried less than p_again_ms ago. They count as tried, and are nobody else's. With p_source that one alone. [{ source, watch, moved }]
create or replace function public.sources_to_watch(
  p_before timestamptz, p_types text, p_limit integer, p_base text default null, p_again_ms bigint default 0, p_source uuid default null
) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_found jsonb;
begin
  with due as (
    select s.id from public.deal_sources s join public.source_states t on t.source_id = s.id join public.oauth_connections c on c.id = s.connection_id and c.status = 'active'
    where not s.paused and s.status <> 'reauth' and s.source_type in (select jsonb_array_elements_text(p_types::jsonb))
      and (p_source is null or s.id = p_source)
      and (s.watch_expires_at is null or least(s.watch_expires_at, t.watch_renew_at) < p_before or p_base is not null and t.watch_base is distinct from p_base)
      and (t.watch_tried_at is null or t.watch_tried_at <= clock_timestamp() - p_again_ms * interval '1 millisecond')
    order by t.watch_tried_at nulls first, s.id limit p_limit
    for no key update of t skip locked
  ), tried as (
    update public.source_states t set watch_tried_at = clock_timestamp() from due where t.source_id = due.id returning t.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'source', to_jsonb(s), 'moved', p_base is not null and t.watch_base is distinct from p_base,
    'watch', case when t.watch_id is not null then jsonb_build_object('id', t.watch_id, 'resource', t.watch_resource, 'expiresAt', s.watch_expires_at) end
  )), '[]') into v_found
  from tried t join public.deal_sources s on s.id = t.source_id;
  return v_found;
end
$$;

-- Asks for sources that nobody has followed for as long as their settings say; with notices four times as rarely. Those of an account that was connected again go on.
-- Answers how many were asked for.
create or replace function public.poll_sources(p_limit integer, p_now timestamptz default null) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  r record;
  v_count integer := 0;
begin
  for r in
    select f.id from (
      select s.id, s.deal_id from public.deal_sources s join public.oauth_connections c on c.id = s.connection_id and c.status = 'active'
      -- One that has stood still for hours has lost its job.
      where not s.paused and (s.status <> 'syncing' or s.progress_at < v_now - interval '2 hours')
        and (s.status = 'reauth' or coalesce(s.progress_at, '-infinity') < v_now - interval '1 minute'
          -- Plain SQL may have put anything there.
          * case when jsonb_typeof(s.settings -> 'pollMinutes') = 'number' then least((s.settings ->> 'pollMinutes')::numeric, 1440)::double precision else 15 end
          * case when case s.source_type when 'gmail' then c.watch_expires_at else s.watch_expires_at end > v_now then 4 else 1 end)
        -- What was asked for and has not begun yet sees all of it.
        and not exists (select from public.deal_steps k where k.subject = 'source' and k.key = s.id || '/incremental' and k.operation = 'sync' and k.status = 'queued')
      order by s.progress_at nulls first, s.id limit p_limit
    ) f order by f.deal_id, f.id
  loop
    perform public.ask_for_source(r.id, 'incremental', '{"trigger": "poll"}');
    v_count := v_count + 1;
  end loop;
  delete from public.source_notices where created_at < v_now - interval '8 days';
  return v_count;
end
$$;

-- Forgets syncs of long ago, `p_limit` at most; the latest of each source stays. Answers how many.
create or replace function public.clean_up_source_syncs(p_keep_ms bigint, p_limit integer, p_now timestamptz default null) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_count integer;
begin
  delete from public.source_syncs where id in (
    select y.id from public.source_syncs y
    where coalesce(y.finished_at, y.created_at) < coalesce(p_now, clock_timestamp()) - p_keep_ms * interval '1 millisecond'
      and not exists (select from public.source_states t where t.sync_id = y.id)
    limit p_limit for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000014' $$;

do $$
declare
  f text;
begin
  foreach f in array array[
    'hivepulse_hold(text, text, uuid)', 'record_deal_step(text, text)', 'finish_outbox(text)', 'resend_deal_steps(text)', 'remove_document(uuid)', 'ask_for_source(uuid, text, text)', 'create_source(text, text)', 'find_sources(text)',
    'change_source(uuid, text)', 'hivepulse_drop_contents(uuid, uuid[], uuid[])', 'remove_source(uuid, boolean)', 'begin_source_run(text)',
    'hivepulse_hold_source(uuid, text)', 'restart_source_run(uuid, text)', 'plan_source_items(uuid, text, text)', 'apply_source_items(uuid, text, text, text)', 'hivepulse_put_document(jsonb)', 'create_document(text, text)', 'hivepulse_put_email(jsonb)', 'create_email(text, text)', 'hivepulse_ask_for_contents(uuid, jsonb, jsonb)',
    'turn_source_page(uuid, text, text, text)', 'end_source_run(uuid, text, text)', 'end_source_sync(text, text)', 'find_source_items(uuid, text, integer, text, text)',
    'count_source_items(uuid)', 'hivepulse_source_noticed(public.source_states)', 'hivepulse_take_notice(uuid, jsonb)',
    'take_source_notices(text)', 'notice_mailbox_sources(uuid, text)', 'set_source_watch(uuid, text)', 'postpone_source_watch(uuid, timestamptz)', 'source_watch(uuid)',
    'sources_to_watch(timestamptz, text, integer, text, bigint, uuid)', 'poll_sources(integer, timestamptz)',
    'clean_up_source_syncs(bigint, integer, timestamptz)'
  ] loop
    execute format('revoke execute on function public.%s from public, anon, authenticated', f);
    execute format('grant execute on function public.%s to service_role', f);
  end loop;
end
$$;
-- Row-level security says what a user finds by them.
grant execute on function public.find_sources(text), public.find_source_items(uuid, text, integer, text, text), public.count_source_items(uuid) to authenticated;
