-- The deal room: deals and their members, documents with their text, class and risks, e-mails with sentiment and blockers, daily briefs; and the steps,
-- which are the rows that the work on them has. Tables that are there already are kept: missing columns are added.

-- A table that was there already: columns of ours get the types that we need, and words, demands and ids of theirs stand in nobody's way. What cannot be converted
-- without loss stops the migration.
create or replace function public.hivepulse_adopt_deal_table(p_table text) returns void
language plpgsql set search_path = '' as $$
declare
  v_table regclass := format('public.%I', p_table)::regclass;
  c record;
begin
  -- A brief kept as text reads as the same text.
  if p_table = 'daily_briefs' and exists (
    select from pg_catalog.pg_attribute where attrelid = v_table and attname = 'content' and atttypid in ('text'::regtype, 'character varying'::regtype)
  ) then
    alter table public.daily_briefs alter column content drop default, alter column content type jsonb using to_jsonb(content);
  end if;
  for c in select o.* from (values
      ('id', 'uuid', null), ('deal_id', 'uuid', null), ('user_id', 'uuid', null), ('document_id', 'uuid', null), ('created_by', 'uuid', null),
      ('name', 'text', ''), ('description', 'text', null), ('status', 'text', null), ('role', 'text', null), ('time_zone', 'text', null), ('brief_time', 'text', null),
      ('brief_delivery', 'jsonb', '{}'), ('mime_type', 'text', null), ('size_bytes', 'bigint', null), ('content_hash', 'text', null), ('storage_path', 'text', null),
      ('source', 'text', null), ('source_ref', 'text', null), ('version', 'integer', '1'), ('status_reason', 'text', null), ('format', 'text', null), ('title', 'text', null),
      ('language', 'text', null), ('pages', 'integer', null), ('characters', 'integer', null), ('ocr_pages', 'integer', null), ('reading', 'jsonb', null),
      ('read_hash', 'text', null), ('read_at', 'timestamptz', null), ('summary', 'text', null), ('key_points', 'jsonb', '[]'), ('workstream', 'text', null),
      ('document_type', 'text', null), ('class_confidence', 'double precision', null), ('ordinal', 'integer', null), ('text', 'text', ''), ('kind', 'text', 'text'),
      ('section', 'jsonb', '[]'), ('spans', 'jsonb', '[]'), ('tokens', 'integer', '0'), ('category', 'text', null), ('severity', 'text', null),
      ('explanation', 'text', ''), ('quote', 'text', ''), ('page', 'integer', null), ('model', 'text', null), ('prompt_version', 'text', null), ('finding_key', 'text', null),
      ('message_id', 'text', null), ('thread_id', 'text', null), ('in_reply_to', 'text', null), ('from_name', 'text', null), ('from_address', 'text', null),
      ('recipients', 'jsonb', '[]'), ('subject', 'text', null), ('sent_at', 'timestamptz', null), ('sentiment', 'text', null), ('sentiment_score', 'double precision', null),
      ('urgency', 'text', null), ('sentiment_model', 'text', null), ('sentiment_prompt_version', 'text', null), ('report', 'text', 'daily'), ('date', 'date', null),
      ('edition', 'integer', '0'), ('content', 'jsonb', null), ('markdown', 'text', null), ('html', 'text', null),
      ('created_at', 'timestamptz', null), ('updated_at', 'timestamptz', null)
    ) as o(name, type, default_value)
    join pg_catalog.pg_attribute a on a.attrelid = v_table and a.attname = o.name
    -- What an app calls so elsewhere is its own affair.
    where case o.name when 'id' then p_table not in ('deal_members', 'document_chunks') when 'content' then p_table = 'daily_briefs' else true end
  loop
    perform public.hivepulse_adopt_column(p_table, c.name, c.type::regtype, c.default_value);
    if c.name in ('created_at', 'updated_at') then
      execute format('update %s set %2$I = now() where %2$I is null', v_table, c.name);
      execute format('alter table %s alter column %I set default now()', v_table, c.name);
    elsif c.name in ('status', 'role', 'category', 'severity', 'sentiment', 'urgency', 'kind', 'workstream', 'document_type', 'source') then
      -- Older workers kept words of their own; ours are checked where they are written.
      perform public.hivepulse_adopt_status(p_table, case p_table || '.' || c.name
        when 'deals.status' then 'active' when 'documents.status' then 'stored' when 'deal_members.role' then 'member' when 'document_chunks.kind' then 'text'
        when 'document_risks.category' then 'other' when 'document_risks.severity' then 'medium' when 'documents.source' then 'upload' when 'emails.source' then 'api'
      end, c.name);
    elsif c.name = 'id' then
      execute format('alter table %s alter column id set default gen_random_uuid()', v_table);
      if not exists (
        select from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attname = 'id'
        where i.indrelid = v_table and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null and i.indkey::text = a.attnum::text
      ) then
        execute format('create unique index %I on %s (id)', p_table || '_by_id', v_table);
      end if;
    end if;
  end loop;
  perform public.hivepulse_ask_no_more(p_table, array['id']);
end
$$;

create table if not exists public.deals (id uuid primary key default gen_random_uuid());
alter table public.deals
  add column if not exists name text not null default '',
  add column if not exists description text,
  -- Briefs are made for active deals alone.
  add column if not exists status text not null default 'active',
  add column if not exists created_by uuid,
  -- Null: TIMEZONE and DAILY_BRIEF_TIME hold. A brief time is a cron expression of five fields, in the deal's zone.
  add column if not exists time_zone text,
  add column if not exists brief_time text,
  -- { mail: [addresses], webhook: true }: where finished briefs go besides.
  add column if not exists brief_delivery jsonb not null default '{}',
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
select public.hivepulse_adopt_deal_table('deals');

create table if not exists public.deal_members (
  deal_id uuid not null references public.deals (id) on delete cascade,
  user_id uuid not null,
  primary key (deal_id, user_id)
);
alter table public.deal_members
  -- owner (who made the deal), member, or what the app says
  add column if not exists role text not null default 'member',
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
select public.hivepulse_adopt_deal_table('deal_members');
create index if not exists deal_members_by_user on public.deal_members (user_id, deal_id);

create table if not exists public.documents (id uuid primary key default gen_random_uuid());
alter table public.documents
  add column if not exists deal_id uuid references public.deals (id) on delete cascade,
  add column if not exists created_by uuid,
  add column if not exists name text not null default '',
  -- As the sender said it; what the file is, `format` says.
  add column if not exists mime_type text,
  add column if not exists size_bytes bigint,
  -- SHA-256 of the file, in hex.
  add column if not exists content_hash text,
  add column if not exists storage_path text,
  -- upload, or the source that it was synced from, with its id there.
  add column if not exists source text not null default 'upload',
  add column if not exists source_ref text,
  -- One more with each new content.
  add column if not exists version integer not null default 1,
  -- Follows from the steps: stored, waiting, reading, processing, ready, partial (read, but not all of the rest succeeded), failed, cancelled.
  add column if not exists status text not null default 'stored',
  add column if not exists status_reason text,
  -- What reading found.
  add column if not exists format text,
  add column if not exists title text,
  add column if not exists language text,
  add column if not exists pages integer,
  add column if not exists characters integer,
  add column if not exists ocr_pages integer,
  -- { pages: [{ page, state: text|ocr|empty|failed, characters, confidence }], warnings: [text] }
  add column if not exists reading jsonb,
  -- Of the content, and of the reader, that the chunks belong to.
  add column if not exists read_hash text,
  add column if not exists read_at timestamptz,
  add column if not exists summary text,
  -- [{ point, page }]
  add column if not exists key_points jsonb not null default '[]',
  add column if not exists workstream text,
  add column if not exists document_type text,
  -- 0 to 1.
  add column if not exists class_confidence double precision,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
select public.hivepulse_adopt_deal_table('documents');
create index if not exists documents_by_deal on public.documents (deal_id, created_at desc, id desc);
-- Both are found once in a deal: create_document, the one who adds them, takes turns.
create index if not exists documents_by_source on public.documents (deal_id, source, source_ref) where source_ref is not null;
create index if not exists documents_by_content on public.documents (deal_id, content_hash);
create index if not exists documents_by_hash on public.documents (content_hash) where read_hash is not null;

-- The text of a document in its order: chunks follow each other without overlap.
create table if not exists public.document_chunks (
  id uuid primary key default gen_random_uuid(),
  document_id uuid not null references public.documents (id) on delete cascade
);
alter table public.document_chunks
  add column if not exists document_id uuid references public.documents (id) on delete cascade,
  -- From 0. Null: a row of an app's own, from before.
  add column if not exists ordinal integer,
  add column if not exists text text not null default '',
  -- text or table
  add column if not exists kind text not null default 'text',
  -- The headings it stands below, outermost first.
  add column if not exists section jsonb not null default '[]',
  -- Where pages begin in it: [{ page, start }], start in UTF-16 units; the first starts at 0.
  add column if not exists spans jsonb not null default '[]',
  add column if not exists tokens integer not null default 0,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
select public.hivepulse_adopt_deal_table('document_chunks');
create unique index if not exists document_chunks_in_order on public.document_chunks (document_id, ordinal);

create table if not exists public.document_risks (
  id uuid primary key default gen_random_uuid(),
  document_id uuid not null references public.documents (id) on delete cascade
);
alter table public.document_risks
  add column if not exists document_id uuid references public.documents (id) on delete cascade,
  add column if not exists deal_id uuid references public.deals (id) on delete cascade,
  add column if not exists category text not null default 'other',
  add column if not exists severity text not null default 'medium',
  add column if not exists explanation text not null default '',
  -- Stands in the text of the document, to the letter.
  add column if not exists quote text not null default '',
  add column if not exists page integer,
  add column if not exists section jsonb not null default '[]',
  add column if not exists model text,
  add column if not exists prompt_version text,
  -- What makes it the same finding when the document is looked through again.
  add column if not exists finding_key text,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
select public.hivepulse_adopt_deal_table('document_risks');
create unique index if not exists document_risks_once on public.document_risks (document_id, finding_key) where finding_key is not null;
create index if not exists document_risks_by_deal on public.document_risks (deal_id, created_at desc, id desc);
create index if not exists document_risks_by_document on public.document_risks (document_id);

create table if not exists public.emails (id uuid primary key default gen_random_uuid());
alter table public.emails
  add column if not exists deal_id uuid references public.deals (id) on delete cascade,
  add column if not exists created_by uuid,
  -- The Message-ID of its headers, or the provider's id; blockers cite it.
  add column if not exists message_id text,
  add column if not exists thread_id text,
  add column if not exists in_reply_to text,
  add column if not exists from_name text,
  add column if not exists from_address text,
  -- [{ name, address }]
  add column if not exists recipients jsonb not null default '[]',
  add column if not exists subject text,
  add column if not exists sent_at timestamptz,
  add column if not exists text text not null default '',
  add column if not exists content_hash text,
  add column if not exists source text not null default 'api',
  add column if not exists source_ref text,
  add column if not exists sentiment text,
  -- -1 (hostile) to 1 (delighted).
  add column if not exists sentiment_score double precision,
  add column if not exists urgency text,
  add column if not exists sentiment_model text,
  add column if not exists sentiment_prompt_version text,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
select public.hivepulse_adopt_deal_table('emails');
-- Found once in a deal: create_email, the one who adds them, takes turns.
create index if not exists emails_by_message on public.emails (deal_id, message_id);
create index if not exists emails_by_deal on public.emails (deal_id, created_at desc, id desc);
create index if not exists emails_by_thread on public.emails (deal_id, thread_id, (coalesce(sent_at, created_at)), id);

-- At most one per thread: what holds it up now, or what did.
create table if not exists public.deal_blockers (
  id uuid primary key default gen_random_uuid(),
  deal_id uuid not null references public.deals (id) on delete cascade,
  thread_id text not null,
  subject text,
  status text not null check (status in ('open', 'resolved')),
  summary text not null default '',
  -- [{ what, owedBy, owedTo, dueDate, messageIds }]
  items jsonb not null default '[]',
  -- Of the messages that it follows from; of the messages that resolve it.
  message_ids jsonb not null default '[]',
  resolved_by jsonb not null default '[]',
  model text,
  prompt_version text,
  opened_at timestamptz not null default now(),
  resolved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (deal_id, thread_id)
);

-- What happens in a deal, in the words of a brief. Each is told by one brief.
create table if not exists public.deal_events (
  id bigint generated always as identity primary key,
  deal_id uuid not null references public.deals (id) on delete cascade,
  -- document_added, document_changed, document_removed, document_unreadable, risk_found, email_added, email_analyzed, blocker_opened, blocker_changed,
  -- blocker_resolved, blocker_reopened, sync_failed
  kind text not null,
  -- The document, e-mail, blocker or sync; it may be gone since.
  subject_id uuid,
  data jsonb not null default '{}',
  occurred_at timestamptz not null default now(),
  -- The edition that told of it.
  edition_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index if not exists deal_events_untold on public.deal_events (deal_id, id) where edition_id is null;
create index if not exists deal_events_by_time on public.deal_events (deal_id, occurred_at, id);

-- The latest edition of a deal's brief, or of a report that a schedule asks for, for a local date.
create table if not exists public.daily_briefs (id uuid primary key default gen_random_uuid());
alter table public.daily_briefs
  add column if not exists deal_id uuid references public.deals (id) on delete cascade,
  -- daily, or the name of a schedule's report.
  add column if not exists report text not null default 'daily',
  add column if not exists date date,
  add column if not exists edition integer not null default 0,
  add column if not exists content jsonb,
  add column if not exists markdown text,
  add column if not exists html text,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
select public.hivepulse_adopt_deal_table('daily_briefs');
-- What an older worker made twice for a date keeps its rows; the latest is the brief of the date.
update public.daily_briefs b set report = 'daily-' || o.place
from (
  select ctid as place_of, row_number() over (partition by deal_id, date order by created_at desc nulls last, ctid desc) as place
  from public.daily_briefs where report = 'daily'
) o
where b.ctid = o.place_of and o.place > 1 and b.deal_id is not null and b.date is not null;
create unique index if not exists daily_briefs_once on public.daily_briefs (deal_id, report, date);

create table if not exists public.daily_brief_editions (
  id uuid primary key default gen_random_uuid(),
  brief_id uuid not null references public.daily_briefs (id) on delete cascade,
  deal_id uuid not null references public.deals (id) on delete cascade,
  edition integer not null,
  -- schedule, manual
  trigger text not null default 'manual',
  due_at timestamptz,
  late boolean not null default false,
  covers_from timestamptz,
  covers_to timestamptz not null default now(),
  content jsonb not null,
  markdown text not null,
  html text not null,
  model text,
  prompt_version text,
  job_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (brief_id, edition)
);

-- What is sent out once: one row per edition and way, stored with the edition. A row left in `sending` by a crash is not sent again: it may have gone out.
create table if not exists public.brief_deliveries (
  edition_id uuid not null references public.daily_brief_editions (id) on delete cascade,
  -- mail:<address> or webhook
  channel text not null,
  status text not null default 'sending' check (status in ('sending', 'sent', 'failed')),
  error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (edition_id, channel)
);

-- Where a deal fills itself from, and each sync of it.
create table if not exists public.deal_sources (id uuid primary key default gen_random_uuid());
alter table public.deal_sources
  add column if not exists deal_id uuid references public.deals (id) on delete cascade,
  add column if not exists source_type text,
  add column if not exists status text not null default 'idle',
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
create table if not exists public.source_syncs (id uuid primary key default gen_random_uuid());
alter table public.source_syncs
  add column if not exists deal_id uuid references public.deals (id) on delete cascade,
  add column if not exists source_id uuid,
  add column if not exists source_type text,
  add column if not exists sync_type text,
  add column if not exists status text not null default 'queued',
  add column if not exists error text,
  add column if not exists started_at timestamptz,
  add column if not exists finished_at timestamptz,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

-- The row of a piece of work in the deal room: a document's ingest, summarize, extract_risks and classify; an e-mail's analyze_sentiment and detect_blocker;
-- a brief's generate.
create table if not exists public.deal_steps (
  -- document, email, brief
  subject text not null check (subject in ('document', 'email', 'brief')),
  -- The document's or e-mail's id; the id of a brief's job.
  key text not null,
  operation text not null,
  deal_id uuid not null references public.deals (id) on delete cascade,
  queue text not null,
  -- What the job is asked with.
  payload jsonb not null default '{}',
  status text not null default 'queued' check (status in ('queued', 'processing', 'succeeded', 'failed', 'cancelled')),
  error text,
  error_code text,
  -- The latest job, and the run that holds the step: null while nobody does.
  job_id text,
  run_id text,
  -- What it follows from changed while a run was under way: once more after it.
  again boolean not null default false,
  -- The job of that run: another one may have been asked for since.
  run_job text,
  -- What the job was asked with besides: who asked, for a place in the fair queue; force.
  options jsonb not null default '{}',
  -- The run and the job whose result was stored last.
  recorded_run text,
  recorded_job text,
  -- Of all that the result follows from.
  input_hash text,
  result jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (subject, key, operation)
);
create index if not exists deal_steps_unfinished on public.deal_steps (updated_at) where status in ('queued', 'processing');
create index if not exists deal_steps_by_deal on public.deal_steps (deal_id);

-- Whose deal it is: the column of ours, or one that apps have for it.
create or replace function public.hivepulse_deal_owner(p_deal jsonb) returns uuid
language sql immutable set search_path = '' as $$
  select owner::uuid from unnest(array[p_deal ->> 'created_by', p_deal ->> 'owner_id', p_deal ->> 'user_id']) with ordinality as o(owner, place)
  where owner ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' order by place limit 1
$$;

-- Who makes a deal is its first member, also where an app inserts it.
create or replace function public.hivepulse_deal_has_owner() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_owner uuid := public.hivepulse_deal_owner(to_jsonb(new));
begin
  if v_owner is not null and not exists (select from public.deal_members where deal_id = new.id and user_id = v_owner) then
    insert into public.deal_members (deal_id, user_id, role) values (new.id, v_owner, 'owner');
  end if;
  return null;
end
$$;
drop trigger if exists hivepulse_owner on public.deals;
create trigger hivepulse_owner after insert on public.deals for each row execute function public.hivepulse_deal_has_owner();
insert into public.deal_members (deal_id, user_id, role)
select d.id, public.hivepulse_deal_owner(to_jsonb(d)), 'owner' from public.deals d
where public.hivepulse_deal_owner(to_jsonb(d)) is not null and not exists (select from public.deal_members m where m.deal_id = d.id);

-- Members of a deal see it. As the tables' owner: a policy that reads deal_members would ask itself.
create or replace function public.hivepulse_sees_deal(p_deal uuid) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (select from public.deal_members m where m.deal_id = p_deal and m.user_id = auth.uid())
$$;
-- Asked once for a query, however many rows it looks at.
create or replace function public.hivepulse_my_deals() returns setof uuid
language sql stable security definer set search_path = '' as $$
  select m.deal_id from public.deal_members m where m.user_id = auth.uid()
$$;

do $$
declare
  t text;
begin
  foreach t in array array['deals', 'deal_members', 'documents', 'document_chunks', 'document_risks', 'emails', 'deal_blockers', 'deal_events', 'daily_briefs',
    'daily_brief_editions', 'brief_deliveries', 'deal_sources', 'source_syncs', 'deal_steps'] loop
    execute format('drop trigger if exists hivepulse_touch on public.%I', t);
    execute format('create trigger hivepulse_touch before update on public.%I for each row execute function public.hivepulse_touch()', t);
    execute format('alter table public.%I enable row level security', t);
    execute format('revoke all on public.%I from anon, authenticated', t);
    execute format('grant select on public.%I to authenticated', t);
    execute format('grant all on public.%I to service_role', t);
    execute format('drop policy if exists hivepulse_own on public.%I', t);
    execute format('drop policy if exists hivepulse_service on public.%I', t);
    execute format('create policy hivepulse_service on public.%I for all to service_role using (true) with check (true)', t);
    perform public.hivepulse_users_only_read(t);
    execute format('create policy hivepulse_own on public.%I for select to authenticated using (%s)', t, case t
      when 'deals' then 'id in (select public.hivepulse_my_deals())'
      -- Of what the user sees of the other table.
      when 'document_chunks' then 'exists (select from public.documents d where d.id = document_id)'
      when 'brief_deliveries' then 'exists (select from public.daily_brief_editions e where e.id = edition_id)'
      else 'deal_id in (select public.hivepulse_my_deals())'
    end);
  end loop;
end
$$;
create index if not exists deal_steps_by_job on public.deal_steps (queue, job_id);

-- The locks of all that writes to a deal room, in their order: deal, document or e-mail, step, outbox. Whoever deletes waits at the same places.
-- False where the deal is gone, or the document or e-mail is not (any more) one of the deal's.
create or replace function public.hivepulse_hold(p_subject text, p_key text, p_deal uuid) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  perform from public.deals where id = p_deal for key share;
  if not found then return false; end if;
  if p_subject = 'brief' then return true; end if;
  if p_key !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then return false; end if;
  if p_subject = 'document' then perform from public.documents where id = p_key::uuid and deal_id = p_deal for no key update;
  else perform from public.emails where id = p_key::uuid and deal_id = p_deal for no key update;
  end if;
  return found;
end
$$;

-- The steps of what is gone go with it, and their jobs that have not been sent yet.
create or replace function public.hivepulse_steps_go() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  with gone as (
    delete from public.deal_steps where subject = tg_argv[0] and key = old.id::text returning queue, job_id
  )
  update public.job_outbox o set ended = 'void', ended_at = now(), updated_at = now()
  -- A relay that has one in its hands wins: its job finds nothing.
  where o.id in (
    select e.id from public.job_outbox e join gone g on g.queue = e.queue and g.job_id = e.job_id where e.ended is null for update of e skip locked
  );
  return null;
end
$$;
drop trigger if exists hivepulse_steps_go on public.documents;
create trigger hivepulse_steps_go after delete on public.documents for each row execute function public.hivepulse_steps_go('document');
drop trigger if exists hivepulse_steps_go on public.emails;
create trigger hivepulse_steps_go after delete on public.emails for each row execute function public.hivepulse_steps_go('email');

-- A document's state follows from its steps: none waits for ever because another failed.
create or replace function public.hivepulse_document_follows() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_key uuid := new.key::uuid;
  v_read text;
  v_read_error text;
  v_open boolean;
  v_missing text;
begin
  -- One after another, so that the last one sees all.
  perform from public.documents where id = v_key for no key update;
  select status, error into v_read, v_read_error from public.deal_steps where subject = 'document' and key = v_key::text and operation = 'ingest';
  select coalesce(bool_or(status in ('queued', 'processing')), false),
    string_agg(operation || ' ' || status || coalesce(': ' || error, ''), '; ' order by operation) filter (where status in ('failed', 'cancelled'))
  into v_open, v_missing from public.deal_steps where subject = 'document' and key = v_key::text and operation <> 'ingest';
  update public.documents d
  set status = s.status, status_reason = s.reason
  from (
    select case
        when v_read = 'queued' then 'waiting'
        when v_read = 'processing' then 'reading'
        when v_read in ('failed', 'cancelled') then v_read
        when v_open then 'processing'
        when v_missing is not null then 'partial'
        when exists (select from public.deal_steps where subject = 'document' and key = v_key::text) then 'ready'
        else 'stored'
      end as status,
      case when v_read in ('queued', 'failed', 'cancelled') then v_read_error when not v_open then v_missing end as reason
  ) s
  where d.id = v_key and (d.status, d.status_reason) is distinct from (s.status, s.reason);
  return null;
end
$$;
drop trigger if exists hivepulse_document_follows on public.deal_steps;
create trigger hivepulse_document_follows after insert or update of status, error on public.deal_steps
  for each row when (new.subject = 'document') execute function public.hivepulse_document_follows();

-- Asks for a step: { outboxId, jobId }. A run that is under way goes on; the queue makes one of jobs that ask for the same. With the option `again` such a run is
-- followed by another, which looks whether anything has changed: where what the step follows from is new.
create or replace function public.hivepulse_ask_step(
  p_subject text, p_key text, p_operation text, p_deal uuid, p_queue text, p_payload jsonb, p_options jsonb
) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_job text := p_options ->> 'jobId';
  v_outbox bigint;
begin
  insert into public.deal_steps as s (subject, key, operation, deal_id, queue, payload, job_id, options)
  values (p_subject, p_key, p_operation, p_deal, p_queue, p_payload, v_job, p_options - 'delay' - 'jobId')
  on conflict (subject, key, operation) do update
  set payload = excluded.payload, job_id = excluded.job_id, options = excluded.options,
      status = case when s.status = 'processing' then s.status else 'queued' end,
      again = s.again or s.status = 'processing' and coalesce((p_options ->> 'again')::boolean, false),
      error = null, error_code = null
  where s.job_id is distinct from excluded.job_id;
  if found then
    v_outbox := public.put_outbox(p_queue, p_operation, v_job, p_payload, p_options - 'again', p_row_table => 'deal_steps');
  else
    select max(id) into v_outbox from public.job_outbox where queue = p_queue and job_id = v_job;
  end if;
  return jsonb_build_object('outboxId', v_outbox, 'jobId', v_job);
end
$$;

create or replace function public.hivepulse_tell(p_deal uuid, p_kind text, p_subject uuid, p_data jsonb) returns void
language sql security invoker set search_path = '' as $$
  -- A document of an adopted table may belong to no deal.
  insert into public.deal_events (deal_id, kind, subject_id, data) select p_deal, p_kind, p_subject, jsonb_strip_nulls(p_data) where p_deal is not null
$$;

-- A run takes its step: { subject, key, operation, dealId, queue, payload, runId, jobId, inputHash, force }. Answers { state }: `run` (it is ours now), `finished`
-- (with the stored result: this very job's, or what follows from an unchanged input), `missing` (there is no such deal, or nothing in it to work on).
create or replace function public.begin_deal_step(p_step text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_step::jsonb;
  s public.deal_steps;
begin
  if not public.hivepulse_hold(v ->> 'subject', v ->> 'key', (v ->> 'dealId')::uuid) then return jsonb_build_object('state', 'missing'); end if;
  insert into public.deal_steps (subject, key, operation, deal_id, queue, payload, job_id)
  values (v ->> 'subject', v ->> 'key', v ->> 'operation', (v ->> 'dealId')::uuid, v ->> 'queue', v -> 'payload', v ->> 'jobId')
  on conflict (subject, key, operation) do nothing;
  select * into s from public.deal_steps
  where subject = v ->> 'subject' and key = v ->> 'key' and operation = v ->> 'operation' for update;
  if s.result is not null and s.input_hash is not distinct from v ->> 'inputHash'
    and (s.recorded_job = v ->> 'jobId' or not coalesce((v ->> 'force')::boolean, false)) then
    -- The run of another job, which was asked for with force, goes on.
    update public.deal_steps
    set status = 'succeeded', error = null, error_code = null, run_id = null, recorded_run = v ->> 'runId', job_id = v ->> 'jobId'
    where subject = s.subject and key = s.key and operation = s.operation and not (s.status = 'processing' and s.run_job is distinct from v ->> 'jobId');
    return jsonb_build_object('state', 'finished', 'result', s.result);
  end if;
  update public.deal_steps
  set status = 'processing', error = null, error_code = null, run_id = v ->> 'runId', run_job = v ->> 'jobId', job_id = v ->> 'jobId'
  where subject = s.subject and key = s.key and operation = s.operation;
  return jsonb_build_object('state', 'run');
end
$$;

-- Stores a result with all that follows from it, in one statement: { subject, key, operation, runId, inputHash, result }, and what the operation changes.
-- False when another run holds the step, or it is gone: nothing was changed then. With `readHash`, what follows from a text of that reading alone.
create or replace function public.record_deal_step(p_step text, p_changes text) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_step::jsonb;
  c jsonb := p_changes::jsonb;
  s public.deal_steps;
begin
  select * into s from public.deal_steps where subject = v ->> 'subject' and key = v ->> 'key' and operation = v ->> 'operation';
  if not found or not public.hivepulse_hold(s.subject, s.key, s.deal_id) then return false; end if;
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
    when 'brief/generate' then
      if not public.hivepulse_record_brief(s, c) then return false; end if;
    else raise exception 'There is no step % of %', s.operation, s.subject using errcode = '22023';
  end case;
  update public.deal_steps
  set status = case when s.again then 'queued' else 'succeeded' end, again = false, error = null, error_code = null, run_id = null,
      recorded_run = v ->> 'runId', recorded_job = s.run_job, result = v -> 'result', input_hash = v ->> 'inputHash',
      job_id = case when s.again then s.operation || '-' || gen_random_uuid() else s.job_id end
  where subject = s.subject and key = s.key and operation = s.operation
  returning * into s;
  -- After the run that reports now has ended: until then the queue would take both for one. What is merged all the same, the sweep finds.
  if s.status = 'queued' then
    perform public.put_outbox(s.queue, s.operation, s.job_id, s.payload, '{}', p_row_table => 'deal_steps', p_available_at => now() + interval '1 second');
  end if;
  return true;
end
$$;

-- Ends a step without a result, or shows it waiting for another attempt: { subject, key, operation, jobId, runId, status: failed|cancelled|queued, error, code }.
-- With a run: only while it holds the step, or nobody does. Without one (the job never entered a runner): only while this very job is awaited.
create or replace function public.end_deal_step(p_step text) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_step::jsonb;
  s public.deal_steps;
begin
  select * into s from public.deal_steps where subject = v ->> 'subject' and key = v ->> 'key' and operation = v ->> 'operation';
  if not found or not public.hivepulse_hold(s.subject, s.key, s.deal_id) then return false; end if;
  update public.deal_steps
  set status = v ->> 'status', error = v ->> 'error', error_code = v ->> 'code', run_id = null
  where subject = s.subject and key = s.key and operation = s.operation
    and (run_id = v ->> 'runId' or (run_id is null or v ->> 'runId' is null) and job_id = v ->> 'jobId' and status in ('queued', 'processing'))
  returning * into s;
  if not found then return false; end if;
  if s.subject = 'document' and s.operation = 'ingest' and s.status = 'failed' then
    perform public.hivepulse_tell(s.deal_id, 'document_unreadable', s.key::uuid, jsonb_build_object(
      'name', (select d.name from public.documents d where d.id = s.key::uuid), 'reason', s.error
    ));
  end if;
  return true;
end
$$;

-- Fails the step that awaits this job, which can never be sent. False where none does.
create or replace function public.refuse_deal_step(p_queue text, p_job text, p_error text) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  s public.deal_steps;
begin
  select * into s from public.deal_steps where queue = p_queue and job_id = p_job and status = 'queued';
  return found and public.end_deal_step(jsonb_build_object(
    'subject', s.subject, 'key', s.key, 'operation', s.operation, 'jobId', p_job, 'status', 'failed', 'error', p_error
  )::text);
end
$$;

-- Steps whose job should be under way, untouched since `p_before` and in no outbox; in the order of their place, after `p_after`.
create or replace function public.unfinished_deal_steps(p_before timestamptz, p_after text, p_limit integer) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'subject', f.subject, 'key', f.key, 'operation', f.operation, 'queue', f.queue, 'jobId', f.job_id, 'place', f.place
  ) order by f.place collate "C"), '[]')
  from (
    select s.*, s.subject || '/' || s.key || '/' || s.operation as place from public.deal_steps s
    where s.status in ('queued', 'processing') and s.updated_at < p_before and s.job_id is not null
      and (p_after is null or (s.subject || '/' || s.key || '/' || s.operation) collate "C" > p_after)
      and not exists (select from public.job_outbox o where o.queue = s.queue and o.job_id = s.job_id and o.ended is null)
    order by (s.subject || '/' || s.key || '/' || s.operation) collate "C" limit p_limit
  ) f
$$;

-- Asks anew, under the same job id, for steps that are still unfinished: [{ subject, key, operation, jobId }]. Answers how many.
create or replace function public.resend_deal_steps(p_steps text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_count integer;
begin
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

-- Stores a deal: { name, description, status, timeZone, briefTime, briefDelivery }. Who made it is its first member. The same id again answers what is there.
create or replace function public.create_deal(p_deal text, p_user uuid, p_id uuid default gen_random_uuid()) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_deal::jsonb;
begin
  insert into public.deals (id, name, description, status, created_by, time_zone, brief_time, brief_delivery)
  values (
    p_id, v ->> 'name', v ->> 'description', coalesce(v ->> 'status', 'active'), p_user, v ->> 'timeZone', v ->> 'briefTime', coalesce(v -> 'briefDelivery', '{}')
  )
  on conflict (id) do nothing;
  return (select to_jsonb(d) from public.deals d where d.id = p_id);
end
$$;

-- What is given takes the place of what was; null where there is no such deal.
create or replace function public.change_deal(p_deal uuid, p_changes text) returns jsonb
language sql security invoker set search_path = '' as $$
  update public.deals d
  set name = case when c ? 'name' then c ->> 'name' else d.name end,
      description = case when c ? 'description' then c ->> 'description' else d.description end,
      status = coalesce(c ->> 'status', d.status),
      time_zone = case when c ? 'timeZone' then c ->> 'timeZone' else d.time_zone end,
      brief_time = case when c ? 'briefTime' then c ->> 'briefTime' else d.brief_time end,
      brief_delivery = coalesce(c -> 'briefDelivery', d.brief_delivery)
  from (select p_changes::jsonb as c) given
  where d.id = p_deal returning to_jsonb(d)
$$;

-- A page, newest first. p_filter: { status, userId }, who is a member then.
create or replace function public.find_deals(p_filter text, p_limit integer, p_after_time timestamptz, p_after_id uuid) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(f) order by f.created_at desc, f.id desc), '[]')
  from (
    select d.* from public.deals d cross join (select p_filter::jsonb as c) given
    where (c ->> 'status' is null or d.status = c ->> 'status')
      and (c ->> 'userId' is null or d.id in (select m.deal_id from public.deal_members m where m.user_id = (c ->> 'userId')::uuid))
      and (p_after_time is null or (d.created_at, d.id) < (p_after_time, p_after_id))
    order by d.created_at desc, d.id desc limit p_limit
  ) f
$$;

-- True where it was none before; its role is the latest.
create or replace function public.add_deal_member(p_deal uuid, p_user uuid, p_role text) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  -- Who adds members takes turns: an adopted table may have no key for them.
  perform from public.deals where id = p_deal for no key update;
  if not found then
    raise exception 'There is no deal %', p_deal using errcode = 'PT404', detail = json_build_object('what', 'Deal', 'id', p_deal);
  end if;
  update public.deal_members set role = p_role where deal_id = p_deal and user_id = p_user;
  if found then return false; end if;
  insert into public.deal_members (deal_id, user_id, role) values (p_deal, p_user, p_role);
  return true;
end
$$;

create or replace function public.remove_deal_member(p_deal uuid, p_user uuid) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  delete from public.deal_members where deal_id = p_deal and user_id = p_user;
  return found;
end
$$;

-- Stores a document whose file is stored, and asks for its reading where options are given. Answers { document, outcome, outboxId, jobId, replacedPath }: `created`;
-- `known` (the same file of the same name, or the same content of the same source: nothing is read again, unless reading had failed); `changed` (the source has new
-- content: the file that stood for the old one can go).
create or replace function public.create_document(p_document text, p_options text default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_document::jsonb;
  o jsonb := p_options::jsonb;
  v_deal uuid := (v ->> 'dealId')::uuid;
  v_id uuid := coalesce((v ->> 'id')::uuid, gen_random_uuid());
  d public.documents;
  v_outcome text := 'known';
  v_replaced text;
  v_asked jsonb := '{}';
begin
  perform from public.deals where id = v_deal for no key update;
  if not found then
    raise exception 'There is no deal %', v_deal using errcode = 'PT404', detail = json_build_object('what', 'Deal', 'id', v_deal);
  end if;
  -- A new content keeps its document; the file of an upload is known by its name and content.
  select * into d from public.documents
  where deal_id = v_deal and (id = v_id or case
    when v ->> 'sourceRef' is not null then source = v ->> 'source' and source_ref = v ->> 'sourceRef'
    else source = 'upload' and source_ref is null and name = v ->> 'name' and content_hash = v ->> 'contentHash'
  end)
  order by id = v_id desc, created_at limit 1;
  if not found then
    v_outcome := 'created';
    insert into public.documents (id, deal_id, created_by, name, mime_type, size_bytes, content_hash, storage_path, source, source_ref)
    values (
      v_id, v_deal, (v ->> 'createdBy')::uuid, v ->> 'name', v ->> 'mimeType', (v ->> 'sizeBytes')::bigint, v ->> 'contentHash', v ->> 'storagePath',
      coalesce(v ->> 'source', 'upload'), v ->> 'sourceRef'
    ) returning * into d;
    perform public.hivepulse_tell(d.deal_id, 'document_added', d.id, jsonb_build_object('name', d.name));
  elsif d.content_hash is distinct from v ->> 'contentHash' then
    v_outcome := 'changed';
    v_replaced := nullif(d.storage_path, v ->> 'storagePath');
    update public.documents
    set name = v ->> 'name', mime_type = v ->> 'mimeType', size_bytes = (v ->> 'sizeBytes')::bigint, content_hash = v ->> 'contentHash',
        storage_path = v ->> 'storagePath', version = version + 1
    where id = d.id returning * into d;
    perform public.hivepulse_tell(d.deal_id, 'document_changed', d.id, jsonb_build_object('name', d.name, 'version', d.version));
  elsif d.name is distinct from v ->> 'name' then
    update public.documents set name = v ->> 'name' where id = d.id returning * into d;
  end if;
  -- The same call once more, its answer was lost.
  if v_outcome = 'known' and exists (
    select from public.deal_steps where subject = 'document' and key = d.id::text and operation = 'ingest' and job_id = public.hivepulse_document_job('ingest', d.id, o)
  ) then
    v_outcome := case when d.version = 1 then 'created' else 'changed' end;
  end if;
  if p_options is not null and (v_outcome <> 'known' or d.status in ('stored', 'failed', 'cancelled')) then
    v_asked := public.ask_for_document(d.id, '["ingest"]', p_options);
    select * into d from public.documents where id = d.id;
  end if;
  return jsonb_build_object(
    'document', to_jsonb(d), 'outcome', v_outcome, 'replacedPath', v_replaced,
    'outboxId', v_asked -> 'ingest' -> 'outboxId', 'jobId', v_asked -> 'ingest' -> 'jobId'
  );
end
$$;

-- Null without an end for it.
create or replace function public.hivepulse_document_job(p_operation text, p_document uuid, p_options jsonb) returns text
language sql immutable set search_path = '' as $$ select 'document-' || p_operation || '-' || p_document || '-' || (p_options ->> 'jobSuffix') $$;

-- Asks for steps of a document: { operation: { outboxId, jobId } }; null where there is none. Options: jobSuffix (ends the ids of the jobs), userId, correlationId,
-- priority, delay, force.
create or replace function public.ask_for_document(p_document uuid, p_operations text, p_options text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_options jsonb := jsonb_build_object('jobSuffix', gen_random_uuid()) || coalesce(p_options::jsonb, '{}');
  v_deal uuid := (select deal_id from public.documents where id = p_document);
  v_operation text;
  v_asked jsonb := '{}';
begin
  if v_deal is null or not public.hivepulse_hold('document', p_document::text, v_deal) then return null; end if;
  for v_operation in select jsonb_array_elements_text(p_operations::jsonb) loop
    v_asked := v_asked || jsonb_build_object(v_operation, public.hivepulse_ask_step(
      'document', p_document::text, v_operation, v_deal, 'document-processing',
      jsonb_build_object('documentId', p_document, 'dealId', v_deal),
      v_options - 'jobSuffix' || jsonb_build_object('jobId', public.hivepulse_document_job(v_operation, p_document, v_options))
    ));
  end loop;
  return v_asked;
end
$$;

-- { dealId, storagePath } of what is gone now; null where there was none.
create or replace function public.remove_document(p_document uuid) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_deal uuid := (select deal_id from public.documents where id = p_document);
  d public.documents;
begin
  perform from public.deals where id = v_deal for key share;
  delete from public.documents where id = p_document returning * into d;
  if not found then return null; end if;
  perform public.hivepulse_tell(d.deal_id, 'document_removed', d.id, jsonb_build_object('name', d.name));
  return jsonb_build_object('dealId', d.deal_id, 'storagePath', d.storage_path);
end
$$;

-- A reading: { format, title, language, pages, characters, ocrPages, reading, readHash, contentHash, chunks | copyFrom, follow: { jobSuffix, … } }. What comes next is
-- asked for here. Of content that is not the document's any more nothing is stored: the run begins again.
create or replace function public.hivepulse_record_reading(s public.deal_steps, c jsonb) returns void
language plpgsql security invoker set search_path = '' as $$
declare
  v_document uuid := s.key::uuid;
  v_from uuid := (c ->> 'copyFrom')::uuid;
begin
  if c ? 'contentHash' and (select content_hash from public.documents where id = v_document) is distinct from c ->> 'contentHash' then
    raise exception 'The document has new content' using errcode = '40001';
  end if;
  delete from public.document_chunks where document_id = v_document and ordinal is not null;
  if v_from is null then
    insert into public.document_chunks (document_id, ordinal, text, kind, section, spans, tokens)
    select v_document, r.n - 1, r.value ->> 'text', r.value ->> 'kind', public.hivepulse_list(r.value -> 'section'), public.hivepulse_list(r.value -> 'spans'),
      (r.value ->> 'tokens')::integer
    from jsonb_array_elements(c -> 'chunks') with ordinality as r(value, n);
  else
    insert into public.document_chunks (document_id, ordinal, text, kind, section, spans, tokens)
    select v_document, k.ordinal, k.text, k.kind, k.section, k.spans, k.tokens
    -- One statement sees one state of both: the text is what that reading left.
    from public.document_chunks k join public.documents d on d.id = k.document_id
    where k.document_id = v_from and k.ordinal is not null and d.read_hash = c ->> 'readHash';
    if not found then raise exception 'The reading that was to be copied is gone' using errcode = '40001'; end if;
  end if;
  update public.documents
  set format = c ->> 'format', title = c ->> 'title', language = c ->> 'language', pages = (c ->> 'pages')::integer, characters = (c ->> 'characters')::integer,
      ocr_pages = (c ->> 'ocrPages')::integer, reading = c -> 'reading', read_hash = c ->> 'readHash', read_at = now()
  where id = v_document;
  perform public.ask_for_document(v_document, '["summarize", "extract_risks", "classify"]', c ->> 'follow');
end
$$;

-- Risks: { risks: [{ key, category, severity, explanation, quote, page, section }], model, promptVersion }. Those found again stay, with their age.
create or replace function public.hivepulse_record_risks(s public.deal_steps, c jsonb) returns void
language plpgsql security invoker set search_path = '' as $$
declare
  v_document uuid := s.key::uuid;
  v_name text := (select d.name from public.documents d where d.id = s.key::uuid);
begin
  -- Those without a key are an app's own.
  delete from public.document_risks
  where document_id = v_document and finding_key <> all (array(select r ->> 'key' from jsonb_array_elements(c -> 'risks') as r));
  with stored as (
    insert into public.document_risks as k (document_id, deal_id, category, severity, explanation, quote, page, section, model, prompt_version, finding_key)
    select distinct on (r ->> 'key') v_document, s.deal_id, r ->> 'category', r ->> 'severity', r ->> 'explanation', r ->> 'quote', (r ->> 'page')::integer,
      public.hivepulse_list(r -> 'section'), c ->> 'model', c ->> 'promptVersion', r ->> 'key'
    from jsonb_array_elements(c -> 'risks') with ordinality as f(r, place) order by r ->> 'key', place
    on conflict (document_id, finding_key) where finding_key is not null do update
    set category = excluded.category, severity = excluded.severity, explanation = excluded.explanation, quote = excluded.quote, page = excluded.page,
        section = excluded.section, model = excluded.model, prompt_version = excluded.prompt_version
    returning k.*, k.xmax = 0 as is_new
  )
  insert into public.deal_events (deal_id, kind, subject_id, data)
  select s.deal_id, 'risk_found', v_document, jsonb_strip_nulls(jsonb_build_object(
    'riskId', id, 'document', v_name, 'category', category, 'severity', severity, 'explanation', explanation, 'page', page
  ))
  from stored where is_new;
end
$$;

-- Stores an e-mail and asks for both of its steps. Answers { email, outcome: created|known, asked: { operation: { outboxId, jobId } } }; options as of ask_for_document.
create or replace function public.create_email(p_email text, p_options text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_email::jsonb;
  v_deal uuid := (v ->> 'dealId')::uuid;
  v_id uuid := coalesce((v ->> 'id')::uuid, gen_random_uuid());
  v_parent text;
  e public.emails;
begin
  perform from public.deals where id = v_deal for no key update;
  if not found then
    raise exception 'There is no deal %', v_deal using errcode = 'PT404', detail = json_build_object('what', 'Deal', 'id', v_deal);
  end if;
  select * into e from public.emails where deal_id = v_deal and (id = v_id or message_id = v ->> 'messageId') order by id = v_id desc, created_at limit 1;
  -- The same call once more, its answer was lost, is answered as before.
  if found and e.id <> v_id then return jsonb_build_object('email', to_jsonb(e), 'outcome', 'known', 'asked', '{}'::jsonb); end if;
  if not found then
    -- A reply belongs to the thread of what it replies to, whatever it says itself.
    select p.thread_id into v_parent from public.emails p where p.deal_id = v_deal and p.message_id = v ->> 'inReplyTo' order by p.created_at limit 1;
    insert into public.emails (
      id, deal_id, created_by, message_id, thread_id, in_reply_to, from_name, from_address, recipients, subject, sent_at, text, content_hash, source, source_ref
    ) values (
      v_id, v_deal, (v ->> 'createdBy')::uuid, v ->> 'messageId',
      coalesce(v_parent, v ->> 'threadId', v ->> 'inReplyTo', v ->> 'messageId', v_id::text), v ->> 'inReplyTo', v ->> 'fromName', v ->> 'fromAddress',
      public.hivepulse_list(v -> 'recipients'), v ->> 'subject', (v ->> 'sentAt')::timestamptz, coalesce(v ->> 'text', ''), v ->> 'contentHash',
      coalesce(v ->> 'source', 'api'), v ->> 'sourceRef'
    ) returning * into e;
    perform public.hivepulse_tell(e.deal_id, 'email_added', e.id, jsonb_build_object('subject', e.subject, 'from', coalesce(e.from_name, e.from_address), 'threadId', e.thread_id));
  end if;
  return jsonb_build_object('email', to_jsonb(e), 'outcome', 'created', 'asked', public.ask_for_email(e.id, '["analyze_sentiment", "detect_blocker"]', p_options));
end
$$;

-- The newest of a thread, oldest first.
create or replace function public.email_thread(p_deal uuid, p_thread text, p_limit integer) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(f) order by coalesce(f.sent_at, f.created_at), f.id), '[]')
  from (
    select e.* from public.emails e where e.deal_id = p_deal and e.thread_id = p_thread
    order by coalesce(e.sent_at, e.created_at) desc, e.id desc limit p_limit
  ) f
$$;

create or replace function public.ask_for_email(p_email uuid, p_operations text, p_options text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_options jsonb := jsonb_build_object('jobSuffix', gen_random_uuid()) || coalesce(p_options::jsonb, '{}');
  v_deal uuid := (select deal_id from public.emails where id = p_email);
  v_operation text;
  v_asked jsonb := '{}';
begin
  if v_deal is null or not public.hivepulse_hold('email', p_email::text, v_deal) then return null; end if;
  for v_operation in select jsonb_array_elements_text(p_operations::jsonb) loop
    v_asked := v_asked || jsonb_build_object(v_operation, public.hivepulse_ask_step(
      'email', p_email::text, v_operation, v_deal, 'email-processing', jsonb_build_object('emailId', p_email, 'dealId', v_deal),
      v_options - 'jobSuffix' || jsonb_build_object('jobId', 'email-' || v_operation || '-' || p_email || '-' || (v_options ->> 'jobSuffix'))
    ));
  end loop;
  return v_asked;
end
$$;

-- { label, score, urgency, model, promptVersion }
create or replace function public.hivepulse_record_sentiment(s public.deal_steps, c jsonb) returns void
language plpgsql security invoker set search_path = '' as $$
declare
  v_before public.emails;
  e public.emails;
begin
  select * into v_before from public.emails where id = s.key::uuid;
  update public.emails
  set sentiment = c ->> 'label', sentiment_score = (c ->> 'score')::double precision, urgency = c ->> 'urgency',
      sentiment_model = c ->> 'model', sentiment_prompt_version = c ->> 'promptVersion'
  where id = s.key::uuid returning * into e;
  if (v_before.sentiment, v_before.sentiment_score, v_before.urgency) is not distinct from (e.sentiment, e.sentiment_score, e.urgency) then return; end if;
  perform public.hivepulse_tell(e.deal_id, 'email_analyzed', e.id, jsonb_build_object(
    'subject', e.subject, 'from', coalesce(e.from_name, e.from_address), 'label', e.sentiment, 'score', e.sentiment_score, 'urgency', e.urgency
  ));
end
$$;

-- What holds a thread up: { threadId, threadSize, subject, blocker: null | { status, summary, items, messageIds, resolvedBy }, model, promptVersion }. A run that has seen
-- fewer messages than there are (of the 200 that a run sees at most) changes nothing: the job of the newer message tells.
create or replace function public.hivepulse_record_blocker(s public.deal_steps, c jsonb) returns void
language plpgsql security invoker set search_path = '' as $$
declare
  b jsonb := nullif(c -> 'blocker', 'null');
  v_old public.deal_blockers;
  v_new public.deal_blockers;
  v_kind text;
begin
  -- Runs of one thread follow each other.
  perform from public.deals where id = s.deal_id for no key update;
  if (select count(*) from (select from public.emails where deal_id = s.deal_id and thread_id = c ->> 'threadId' limit 200) seen) > (c ->> 'threadSize')::integer then return; end if;
  select * into v_old from public.deal_blockers where deal_id = s.deal_id and thread_id = c ->> 'threadId';
  if b is null then
    -- The messages that it followed from say nothing of the kind any more.
    if v_old.status = 'open' then
      update public.deal_blockers set status = 'resolved', resolved_at = now() where id = v_old.id returning * into v_new;
      v_kind := 'blocker_resolved';
    end if;
  else
    insert into public.deal_blockers as o (deal_id, thread_id, subject, status, summary, items, message_ids, resolved_by, model, prompt_version, resolved_at)
    values (
      s.deal_id, c ->> 'threadId', c ->> 'subject', b ->> 'status', coalesce(b ->> 'summary', ''), public.hivepulse_list(b -> 'items'),
      public.hivepulse_list(b -> 'messageIds'), public.hivepulse_list(b -> 'resolvedBy'), c ->> 'model', c ->> 'promptVersion',
      case when b ->> 'status' = 'resolved' then now() end
    )
    on conflict (deal_id, thread_id) do update
    set subject = excluded.subject, status = excluded.status, summary = excluded.summary, items = excluded.items, message_ids = excluded.message_ids,
        resolved_by = excluded.resolved_by, model = excluded.model, prompt_version = excluded.prompt_version,
        opened_at = case when o.status = 'resolved' and excluded.status = 'open' then now() else o.opened_at end,
        resolved_at = case when excluded.status = 'resolved' then coalesce(o.resolved_at, now()) end
    returning * into v_new;
    v_kind := case
      when v_old.id is null then case when v_new.status = 'open' then 'blocker_opened' end
      when v_old.status = 'open' and v_new.status = 'resolved' then 'blocker_resolved'
      when v_old.status = 'resolved' and v_new.status = 'open' then 'blocker_reopened'
      when v_new.status = 'open' and (v_old.summary, v_old.items) is distinct from (v_new.summary, v_new.items) then 'blocker_changed'
    end;
  end if;
  if v_kind is not null then
    perform public.hivepulse_tell(s.deal_id, v_kind, v_new.id, jsonb_build_object(
      'threadId', v_new.thread_id, 'subject', v_new.subject, 'summary', v_new.summary, 'items', v_new.items
    ));
  end if;
end
$$;

create or replace function public.hivepulse_sync_failed() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  -- As text: an adopted table may have an enum of other words.
  if new.status::text = 'failed' and new.deal_id is not null and (tg_op = 'INSERT' or old.status is distinct from new.status) then
    perform public.hivepulse_tell(new.deal_id, 'sync_failed', new.id, jsonb_build_object('sourceType', new.source_type, 'error', left(new.error, 500)));
  end if;
  return null;
end
$$;
drop trigger if exists hivepulse_sync_failed on public.source_syncs;
create trigger hivepulse_sync_failed after insert or update of status on public.source_syncs for each row execute function public.hivepulse_sync_failed();

-- As before, and steps follow the job that theirs was merged into; of a brief that was merged nothing stays.
create or replace function public.finish_outbox(p_results text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_ended integer;
begin
  -- Before the outbox, as all who ask for steps take them.
  perform public.hivepulse_hold(h.subject, h.key, h.deal_id) from (
    select distinct s.deal_id, s.subject, s.key from jsonb_to_recordset(p_results::jsonb) as r(id bigint, ended text)
    join public.job_outbox o on o.id = r.id join public.deal_steps s on s.queue = o.queue and s.job_id = o.job_id
    where r.ended = 'merged' and o.row_table = 'deal_steps' and o.ended is null
    order by s.deal_id, s.subject, s.key
  ) h;
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

-- The mail migration made the hour of its own run the default.
alter table public.message_cache alter column created_at set default now(), alter column updated_at set default now();

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000010' $$;

do $$
declare
  f text;
begin
  foreach f in array array[
    'hivepulse_sees_deal(uuid)', 'hivepulse_my_deals()', 'hivepulse_deal_owner(jsonb)', 'hivepulse_hold(text, text, uuid)',
    'hivepulse_document_job(text, uuid, jsonb)', 'hivepulse_adopt_deal_table(text)', 'hivepulse_ask_step(text, text, text, uuid, text, jsonb, jsonb)', 'hivepulse_tell(uuid, text, uuid, jsonb)', 'begin_deal_step(text)',
    'record_deal_step(text, text)', 'end_deal_step(text)', 'refuse_deal_step(text, text, text)', 'unfinished_deal_steps(timestamptz, text, integer)', 'resend_deal_steps(text)', 'create_deal(text, uuid, uuid)',
    'change_deal(uuid, text)', 'find_deals(text, integer, timestamptz, uuid)', 'add_deal_member(uuid, uuid, text)', 'remove_deal_member(uuid, uuid)',
    'create_document(text, text)', 'ask_for_document(uuid, text, text)', 'remove_document(uuid)', 'hivepulse_record_reading(public.deal_steps, jsonb)',
    'hivepulse_record_risks(public.deal_steps, jsonb)', 'create_email(text, text)', 'ask_for_email(uuid, text, text)', 'email_thread(uuid, text, integer)',
    'hivepulse_record_sentiment(public.deal_steps, jsonb)', 'hivepulse_record_blocker(public.deal_steps, jsonb)', 'finish_outbox(text)'
  ] loop
    execute format('revoke execute on function public.%s from public, anon, authenticated', f);
    execute format('grant execute on function public.%s to service_role', f);
  end loop;
end
$$;
-- Row-level security says what a user finds by them.
grant execute on function
  public.hivepulse_sees_deal(uuid), public.hivepulse_my_deals(), public.find_deals(text, integer, timestamptz, uuid), public.email_thread(uuid, text, integer)
to authenticated;
