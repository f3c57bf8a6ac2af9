-- Gmail fetch: connected accounts, cached messages, and the functions that keep both right with any number of workers.
-- A message_cache that is there already is kept: missing columns are added, and its rows are read once more when a fetch comes upon them.

-- Accounts at Google and Microsoft. Tokens are encrypted before they come here; users see their accounts without them.
create table if not exists public.oauth_connections (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  provider text not null check (provider in ('google', 'microsoft')),
  -- The provider's own id of the account: mail addresses change.
  account_id text not null,
  email text not null,
  scopes jsonb not null default '[]',
  status text not null default 'active' check (status in ('active', 'reauth_required')),
  status_reason text,
  access_token text,
  refresh_token text,
  -- One more with each refresh: who refreshes names the version that was found wanting.
  token_version integer not null default 1,
  access_expires_at timestamptz,
  -- How far the mailbox has been followed; only ever grows. Text: it does not fit into 64 bits everywhere.
  history_id text,
  synced_at timestamptz,
  watch_expires_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, provider, account_id)
);
create index if not exists oauth_connections_by_email on public.oauth_connections (provider, lower(email));
drop trigger if exists hivepulse_touch on public.oauth_connections;
create trigger hivepulse_touch before update on public.oauth_connections for each row execute function public.hivepulse_touch();
alter table public.oauth_connections enable row level security;
revoke all on public.oauth_connections from anon, authenticated;
grant select (id, user_id, provider, account_id, email, scopes, status, status_reason, history_id, synced_at, watch_expires_at, created_at, updated_at)
  on public.oauth_connections to authenticated;
grant all on public.oauth_connections to service_role;
drop policy if exists hivepulse_own on public.oauth_connections;
-- Some servers in front of the database grant all columns to everybody: there, users see their accounts through `find_connections` alone.
create policy hivepulse_own on public.oauth_connections for select to authenticated using (
  user_id = (select auth.uid()) and (select not has_column_privilege('public.oauth_connections', 'access_token', 'select'))
);
drop policy if exists hivepulse_service on public.oauth_connections;
create policy hivepulse_service on public.oauth_connections for all to service_role using (true) with check (true);

-- Round trips to a provider's consent page that have not come back: one use each, found by the hash of their state.
create table if not exists public.oauth_states (
  id text primary key,
  user_id uuid not null,
  provider text not null,
  -- The PKCE verifier and what else must not be guessed, encrypted.
  secrets text not null,
  -- Hash of the cookie of the browser that set out; null where an app's own server did, which answers for its browser.
  browser text,
  return_to text,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index if not exists oauth_states_by_expiry on public.oauth_states (expires_at);
alter table public.oauth_states enable row level security;
revoke all on public.oauth_states from anon, authenticated;
grant all on public.oauth_states to service_role;
drop policy if exists hivepulse_service on public.oauth_states;
create policy hivepulse_service on public.oauth_states for all to service_role using (true) with check (true);

-- As before, and numbers become text, times without a zone are in UTC. A column of ours in an adopted table: of the type we need, without nulls where it has a
-- default. What cannot be converted without loss stops the migration.
create or replace function public.hivepulse_adopt_column(p_table text, p_column text, p_type regtype, p_default text default null) returns void
language plpgsql set search_path = '' as $$
declare
  v_table regclass := format('public.%I', p_table)::regclass;
  v_type regtype;
  v_category "char";
  v_using text;
begin
  select a.atttypid::regtype, t.typcategory into v_type, v_category
  from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid where a.attrelid = v_table and a.attname = p_column;
  if v_type <> p_type then
    v_using := case
      -- S: text of a bounded length, E: an enum, N: numbers, U: a uuid among others, A: a list.
      when p_type = 'text'::regtype and (v_category in ('S', 'E', 'N') or v_type = 'uuid'::regtype) then '%I::text'
      when p_type = 'jsonb'::regtype and (v_category = 'A' or v_type = 'json'::regtype) then 'to_jsonb(%I)'
      when p_type in ('integer'::regtype, 'bigint'::regtype, 'double precision'::regtype) and v_category = 'N' then format('%%I::%s', p_type)
      when p_type = 'timestamptz'::regtype and v_type in ('timestamp'::regtype, 'date'::regtype) then '%I::timestamp at time zone ''UTC'''
    end;
    if v_using is null then
      raise exception '%.% is of type %, and % is needed: give it another name, and migrate again', p_table, p_column, v_type, p_type
        using errcode = '42804', hint = format('alter table %I rename %I to %I', p_table, p_column, 'old_' || p_column);
    end if;
    execute format('alter table %1$s alter column %2$I drop default, alter column %2$I type %3$s using %4$s', v_table, p_column, p_type, format(v_using, p_column));
  end if;
  if p_default is not null then
    execute format('update %1$s set %2$I = %3$L where %2$I is null', v_table, p_column, p_default);
    execute format('alter table %s alter column %I set default %L', v_table, p_column, p_default);
  end if;
end
$$;

create table if not exists public.message_cache (
  user_id uuid not null,
  message_id text not null,
  primary key (user_id, message_id)
);
alter table public.message_cache
  add column if not exists connection_id uuid references public.oauth_connections (id) on delete set null,
  add column if not exists thread_id text,
  add column if not exists history_id text,
  -- When Gmail got it; the Date header may say anything.
  add column if not exists received_at timestamptz,
  add column if not exists sent_at timestamptz,
  add column if not exists from_name text,
  add column if not exists from_address text,
  -- { "to": [{ name, address }], "cc", "bcc", "replyTo" }
  add column if not exists people jsonb not null default '{}',
  add column if not exists subject text,
  add column if not exists snippet text,
  add column if not exists text text,
  add column if not exists labels jsonb not null default '[]',
  -- Names in lower case; each has a list of values, in their order.
  add column if not exists headers jsonb not null default '{}',
  -- [{ filename, mimeType, size, attachmentId, inline }]; the files themselves stay at Gmail.
  add column if not exists attachments jsonb not null default '[]',
  add column if not exists size_bytes bigint,
  -- Null: a row from before Hivepulse; read once more when a fetch comes upon it.
  add column if not exists fetched_at timestamptz,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();
do $$
declare
  c record;
begin
  for c in select * from (values
    ('message_id', 'text', null), ('thread_id', 'text', null), ('history_id', 'text', null), ('subject', 'text', null), ('snippet', 'text', null), ('text', 'text', null),
    ('from_name', 'text', null), ('from_address', 'text', null), ('people', 'jsonb', '{}'), ('labels', 'jsonb', '[]'), ('headers', 'jsonb', '{}'), ('attachments', 'jsonb', '[]'),
    ('size_bytes', 'bigint', null), ('received_at', 'timestamptz', null), ('sent_at', 'timestamptz', null), ('fetched_at', 'timestamptz', null), ('user_id', 'uuid', null),
    ('connection_id', 'uuid', null), ('created_at', 'timestamptz', 'now()'), ('updated_at', 'timestamptz', 'now()')
  ) as ours(name, type, default_value) loop
    perform public.hivepulse_adopt_column('message_cache', c.name, c.type::regtype, c.default_value);
  end loop;
  perform public.hivepulse_ask_no_more('message_cache', array['user_id', 'message_id']);
end
$$;
-- What an adopted table of fetches demands that ours, made by functions, leave out.
alter table public.analytics_jobs alter column type set default 'fetch_messages', alter column params set default '{}';
select public.hivepulse_ask_no_more('analytics_jobs', array['user_id']);
-- What the runs of a fetch that was put off have done so far; see add_fetch_tally.
alter table public.analytics_jobs add column if not exists tally jsonb not null default '{}';
-- A key of their own that an older worker filled in by hand.
do $$
declare
  c record;
begin
  for c in
    select a.attname, a.atttypid::regtype as type from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = 'public.message_cache'::regclass and i.indisprimary and not a.atthasdef and a.attidentity = ''
      and a.attname not in ('user_id', 'message_id') and a.atttypid in ('uuid'::regtype, 'text'::regtype, 'character varying'::regtype)
  loop
    execute format('alter table public.message_cache alter column %I set default gen_random_uuid()', c.attname);
  end loop;
end
$$;
-- Each message once: of what an older worker stored twice, the later stays.
do $$
begin
  if not exists (
    select from pg_catalog.pg_index i
    where i.indrelid = 'public.message_cache'::regclass and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
      and i.indnkeyatts = 2
      and (select array_agg(a.attname::text order by a.attname) from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey))
        = array['message_id', 'user_id']
  ) then
    delete from public.message_cache m using public.message_cache later
    where later.user_id = m.user_id and later.message_id = m.message_id and later.ctid > m.ctid;
    create unique index message_cache_once on public.message_cache (user_id, message_id);
  end if;
end
$$;
create index if not exists message_cache_by_time on public.message_cache (user_id, coalesce(received_at, 'epoch') desc, message_id desc);
create index if not exists message_cache_by_thread on public.message_cache (user_id, thread_id);
create index if not exists message_cache_by_connection on public.message_cache (connection_id, received_at);

-- What a search looks through. A function, so that query and index say the same.
create or replace function public.hivepulse_mail_words(p_subject text, p_from_name text, p_from_address text, p_text text) returns tsvector
language sql immutable cost 10000 set search_path = '' as $$
  -- A tsvector holds a megabyte.
  select to_tsvector('simple', concat_ws(' ', left(p_subject, 1000), left(p_from_name, 1000), left(p_from_address, 1000), left(p_text, 50000)))
$$;
create index if not exists message_cache_words on public.message_cache using gin (public.hivepulse_mail_words(subject, from_name, from_address, text));
drop trigger if exists hivepulse_touch on public.message_cache;
create trigger hivepulse_touch before update on public.message_cache for each row execute function public.hivepulse_touch();
alter table public.message_cache enable row level security;
revoke all on public.message_cache from anon, authenticated;
grant select on public.message_cache to authenticated;
grant all on public.message_cache to service_role;
drop policy if exists hivepulse_own on public.message_cache;
create policy hivepulse_own on public.message_cache for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists hivepulse_service on public.message_cache;
create policy hivepulse_service on public.message_cache for all to service_role using (true) with check (true);
select public.hivepulse_users_only_read('message_cache');

-- A connection as everybody may see it.
create or replace function public.hivepulse_connection(c public.oauth_connections) returns jsonb
language sql stable set search_path = '' as $$
  select to_jsonb(c) - array['access_token', 'refresh_token']
$$;

-- Accounts, newest first: all of them, a signed-in user's own. Filter: id, userId, provider, email, status.
create or replace function public.find_connections(p_filter text) returns jsonb
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  f jsonb := p_filter::jsonb;
  v_all boolean := not public.hivepulse_is_user();
  v_user uuid := auth.uid();
begin
  return (
    select coalesce(jsonb_agg(public.hivepulse_connection(c) order by c.created_at desc, c.id desc), '[]')
    from public.oauth_connections c
    where (v_all or c.user_id = v_user)
      and (f ->> 'id' is null or c.id = (f ->> 'id')::uuid)
      and (f ->> 'userId' is null or c.user_id = (f ->> 'userId')::uuid)
      and (f ->> 'provider' is null or c.provider = f ->> 'provider')
      and (f ->> 'email' is null or lower(c.email) = lower(f ->> 'email'))
      and (f ->> 'status' is null or c.status = f ->> 'status')
  );
end
$$;

-- An account with its tokens; null where there is none.
create or replace function public.read_connection(p_id uuid) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select to_jsonb(c) from public.oauth_connections c where c.id = p_id
$$;

-- An account that a user has (again) given access to. Its mailbox goes on where it was. Without a new refresh token the old one stays.
create or replace function public.save_connection(p_connection text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_connection::jsonb;
  v_row public.oauth_connections;
begin
  insert into public.oauth_connections as c (user_id, provider, account_id, email, scopes, access_token, refresh_token, access_expires_at)
  values (
    (v ->> 'userId')::uuid, v ->> 'provider', v ->> 'accountId', v ->> 'email', coalesce(v -> 'scopes', '[]'),
    v ->> 'accessToken', v ->> 'refreshToken', (v ->> 'accessExpiresAt')::timestamptz
  )
  on conflict (user_id, provider, account_id) do update
  set email = excluded.email, scopes = excluded.scopes, access_token = excluded.access_token,
      refresh_token = coalesce(excluded.refresh_token, c.refresh_token), access_expires_at = excluded.access_expires_at,
      token_version = c.token_version + 1, status = 'active', status_reason = null
  returning c.* into v_row;
  return public.hivepulse_connection(v_row);
end
$$;

-- New tokens in place of those of version `p_version`; false where another process was first, or the connection is gone.
create or replace function public.save_refreshed_tokens(p_id uuid, p_version integer, p_access text, p_refresh text, p_expires_at timestamptz) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  update public.oauth_connections
  set access_token = p_access, refresh_token = coalesce(p_refresh, refresh_token), access_expires_at = p_expires_at, token_version = token_version + 1
  where id = p_id and token_version = p_version and status = 'active';
  return found;
end
$$;

-- The same tokens under another key; false where they were refreshed meanwhile.
create or replace function public.save_resealed_tokens(p_id uuid, p_old_access text, p_old_refresh text, p_access text, p_refresh text) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  update public.oauth_connections set access_token = p_access, refresh_token = p_refresh
  where id = p_id and access_token is not distinct from p_old_access and refresh_token is not distinct from p_old_refresh;
  return found;
end
$$;

-- The provider wants the user to sign in again. True for the first who says so of these tokens.
create or replace function public.mark_reauth_required(p_id uuid, p_version integer, p_reason text) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  update public.oauth_connections set status = 'reauth_required', status_reason = p_reason
  where id = p_id and token_version = p_version and status = 'active';
  return found;
end
$$;

-- Takes a round trip's state: once, and in time. Old ones go.
create or replace function public.take_oauth_state(p_id text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_row public.oauth_states;
begin
  delete from public.oauth_states where id = p_id and expires_at > now() returning * into v_row;
  delete from public.oauth_states where id in (select s.id from public.oauth_states s where s.expires_at <= now() limit 100 for update skip locked);
  return case when v_row.id is not null then to_jsonb(v_row) end;
end
$$;

-- Forgets an account, and its messages unless they are to be kept. Answers the row, tokens included, so that they can be revoked; null where there is none.
create or replace function public.remove_connection(p_id uuid, p_user_id uuid, p_keep_messages boolean) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_row public.oauth_connections;
begin
  select * into v_row from public.oauth_connections where id = p_id and (p_user_id is null or user_id = p_user_id) for update;
  if not found then return null; end if;
  perform from public.message_cache where connection_id = p_id order by message_id for update;
  if p_keep_messages then
    update public.message_cache set connection_id = null where connection_id = p_id;
  else
    delete from public.message_cache where connection_id = p_id;
  end if;
  delete from public.oauth_connections where id = p_id;
  return to_jsonb(v_row);
end
$$;

-- Of these message ids (a JSON list) those that need not be read again.
create or replace function public.cached_messages(p_user_id uuid, p_ids text) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(m.message_id), '[]') from public.message_cache m
  where m.user_id = p_user_id and m.message_id in (select jsonb_array_elements_text(p_ids::jsonb)) and m.fetched_at is not null
$$;

-- Whether the run still has its job, and the account is still there, of the job's user; both stay so until the transaction ends. Job, account, messages: everybody takes them in this order.
create or replace function public.hivepulse_holds_mailbox(p_job_id uuid, p_run_id text, p_connection_id uuid) returns boolean
language plpgsql security invoker set search_path = '' as $$
begin
  perform from public.analytics_jobs where id = p_job_id and run_id = p_run_id and status = 'processing' for share;
  if not found then return false; end if;
  perform from public.oauth_connections
  where id = p_connection_id and user_id = (select user_id from public.analytics_jobs where id = p_job_id) for no key update;
  return found;
end
$$;

-- Stores messages that were read, each once. Answers how many rows are new; null where the run has lost its job or the account is gone: nothing was stored then.
create or replace function public.store_messages(p_job_id uuid, p_run_id text, p_connection_id uuid, p_messages text) returns integer
language plpgsql security invoker set search_path = '' as $$
declare
  v_new integer;
begin
  if not public.hivepulse_holds_mailbox(p_job_id, p_run_id, p_connection_id) then return null; end if;
  with stored as (
    insert into public.message_cache as m (
      user_id, message_id, connection_id, thread_id, history_id, received_at, sent_at, from_name, from_address, people, subject, snippet, text,
      labels, headers, attachments, size_bytes, fetched_at
    )
    select distinct on (r.id) c.user_id, r.id, c.id, r."threadId", r."historyId", r."receivedAt", r."sentAt", r."fromName", r."fromAddress", r.people, r.subject, r.snippet, r.text,
      r.labels, r.headers, r.attachments, r."sizeBytes", now()
    from jsonb_to_recordset(p_messages::jsonb) as r(
      id text, "threadId" text, "historyId" text, "receivedAt" timestamptz, "sentAt" timestamptz, "fromName" text, "fromAddress" text, people jsonb, subject text,
      snippet text, text text, labels jsonb, headers jsonb, attachments jsonb, "sizeBytes" bigint
    )
    cross join public.oauth_connections c
    where c.id = p_connection_id and r.id is not null
    -- Everybody takes them in this order.
    order by r.id
    on conflict (user_id, message_id) do update
    set connection_id = excluded.connection_id, thread_id = excluded.thread_id, history_id = excluded.history_id, received_at = excluded.received_at,
        sent_at = excluded.sent_at, from_name = excluded.from_name, from_address = excluded.from_address, people = excluded.people, subject = excluded.subject,
        snippet = excluded.snippet, text = excluded.text, labels = excluded.labels, headers = excluded.headers, attachments = excluded.attachments,
        size_bytes = excluded.size_bytes, fetched_at = excluded.fetched_at
    returning xmax = 0 as is_new
  )
  select count(*) filter (where is_new) into v_new from stored;
  return v_new;
end
$$;

-- Adds to what the runs of a fetch have counted: { name: number }. Answers the sums; null where the run has lost its job: nothing was added then.
create or replace function public.add_fetch_tally(p_job_id uuid, p_run_id text, p_tally text) returns jsonb
language sql security invoker set search_path = '' as $$
  update public.analytics_jobs j
  set tally = (
    select coalesce(jsonb_object_agg(part.key, part.sum), '{}') from (
      select each.key, sum(each.value::numeric) as sum
      from (select * from jsonb_each_text(public.hivepulse_params(j.tally)) union all select * from jsonb_each_text(p_tally::jsonb)) each
      group by each.key
    ) part
  )
  where id = p_job_id and run_id = p_run_id
  returning tally
$$;

-- What a mailbox has told besides new messages: { deleted: [id], labels: [{ id, added, removed }], each message once, listed: [id] or absent, complete, historyId }.
-- `listed`: all that a full listing found, newest first; cached messages of its time span that are not in it are gone. `complete`: it reached the oldest message.
-- The history id only moves forward. Answers { deleted, relabelled, messages }; null where the run has lost its job or the account is gone: nothing changed then.
create or replace function public.record_mailbox(p_job_id uuid, p_run_id text, p_connection_id uuid, p_changes text) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_changes::jsonb;
  v_user uuid;
  v_since timestamptz;
  v_deleted integer := 0;
  v_more integer;
  v_relabelled integer := 0;
begin
  if not public.hivepulse_holds_mailbox(p_job_id, p_run_id, p_connection_id) then return null; end if;
  select user_id into v_user from public.oauth_connections where id = p_connection_id;
  with gone as materialized (
    select m.user_id, m.message_id from public.message_cache m
    where m.user_id = v_user and m.message_id in (select jsonb_array_elements_text(public.hivepulse_list(v -> 'deleted')))
    order by m.message_id for update
  )
  delete from public.message_cache m using gone where m.user_id = gone.user_id and m.message_id = gone.message_id;
  get diagnostics v_deleted = row_count;
  if jsonb_typeof(v -> 'listed') = 'array' then
    select min(m.received_at) into v_since from public.message_cache m
    where m.user_id = v_user and m.message_id in (select jsonb_array_elements_text(v -> 'listed'));
    with gone as materialized (
      select m.user_id, m.message_id from public.message_cache m
      where m.connection_id = p_connection_id and ((v ->> 'complete')::boolean or m.received_at > v_since)
        and not exists (select from jsonb_array_elements_text(v -> 'listed') as l(id) where l.id = m.message_id)
      order by m.message_id for update
    )
    delete from public.message_cache m using gone where m.user_id = gone.user_id and m.message_id = gone.message_id;
    get diagnostics v_more = row_count;
    v_deleted := v_deleted + v_more;
    -- Kept when the account was disconnected, and connected again since.
    with own as materialized (
      select m.user_id, m.message_id from public.message_cache m
      where m.user_id = v_user and m.connection_id is null and m.fetched_at is not null
        and m.message_id in (select jsonb_array_elements_text(v -> 'listed'))
      order by m.message_id for update
    )
    update public.message_cache m set connection_id = p_connection_id from own where m.user_id = own.user_id and m.message_id = own.message_id;
  end if;
  with held as materialized (
    select m.user_id, m.message_id, public.hivepulse_list(a.added) as added, public.hivepulse_list(a.removed) as removed
    from jsonb_to_recordset(public.hivepulse_list(v -> 'labels')) as a(id text, added jsonb, removed jsonb)
    join public.message_cache m on m.user_id = v_user and m.message_id = a.id
    where not m.labels @> public.hivepulse_list(a.added) or m.labels ?| array(select jsonb_array_elements_text(public.hivepulse_list(a.removed)))
    order by m.message_id for update of m
  )
  update public.message_cache m
  set labels = m.labels - array(select jsonb_array_elements_text(held.added || held.removed)) || held.added
  from held where m.user_id = held.user_id and m.message_id = held.message_id;
  get diagnostics v_relabelled = row_count;
  update public.oauth_connections
  set synced_at = case when v ->> 'historyId' is null then synced_at else now() end,
      history_id = case
        when v ->> 'historyId' is null then history_id
        when history_id is null or (v ->> 'historyId')::numeric > history_id::numeric then v ->> 'historyId'
        else history_id
      end
  where id = p_connection_id;
  return jsonb_build_object(
    'deleted', v_deleted, 'relabelled', v_relabelled,
    'messages', (select count(*) from public.message_cache m where m.connection_id = p_connection_id)
  );
end
$$;

-- A fetch of what is new in a mailbox, asked for by a notice or a timetable: { outcome: queued, id, outboxId }, `waiting` (one that has not started will see it too; its id),
-- `known` (the mailbox was followed past this already) or `inactive`. Any number of notices makes one waiting fetch.
create or replace function public.ask_for_mailbox(p_connection_id uuid, p_trigger text, p_history_id text default null) returns jsonb
language plpgsql security invoker set search_path = '' as $$
declare
  v_connection public.oauth_connections;
  v_id uuid;
begin
  select * into v_connection from public.oauth_connections where id = p_connection_id and provider = 'google' for no key update;
  if not found or v_connection.status <> 'active' then return jsonb_build_object('outcome', 'inactive'); end if;
  if p_history_id is not null and v_connection.history_id::numeric >= p_history_id::numeric then return jsonb_build_object('outcome', 'known'); end if;
  select id into v_id from public.analytics_jobs
  where user_id = v_connection.user_id and status = 'pending' and type = 'fetch_messages'
    and public.hivepulse_params(to_jsonb(params)) @> jsonb_build_object('connectionId', p_connection_id) and public.hivepulse_params(to_jsonb(params)) ? 'trigger'
  order by created_at limit 1;
  if found then return jsonb_build_object('outcome', 'waiting', 'id', v_id, 'outboxId', public.outbox_of('gmail-fetch', v_id)); end if;
  insert into public.analytics_jobs (user_id, params) values (v_connection.user_id, jsonb_build_object('connectionId', p_connection_id, 'trigger', p_trigger))
  returning id into v_id;
  return jsonb_build_object('outcome', 'queued', 'id', v_id, 'outboxId', public.outbox_of('gmail-fetch', v_id));
end
$$;

-- Cached messages, newest first: of all users, a signed-in user's own. Filter: userId, messageId, search (as in a web search box), label, threadId, connectionId,
-- from, after, before; without a label, spam and trash are left out. Headers and text only where `text` is asked for. `p_after_id` is the `id` of the last row of
-- the page before: message and user.
create or replace function public.find_messages(p_filter text, p_limit integer, p_after_time timestamptz default null, p_after_id text default null) returns jsonb
-- As its owner: under row-level security a search could not use its index.
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  f jsonb := p_filter::jsonb;
  v_user uuid := case when public.hivepulse_is_user() then auth.uid() else (f ->> 'userId')::uuid end;
  v_all boolean := not public.hivepulse_is_user() and v_user is null;
  v_whole boolean := coalesce((f ->> 'text')::boolean, false);
  v_message text := left(p_after_id, -37);
  v_owner uuid := right(p_after_id, 36)::uuid;
begin
  if public.hivepulse_is_user() and v_user is distinct from coalesce((f ->> 'userId')::uuid, v_user) then return '[]'; end if;
  return (
    select coalesce(jsonb_agg(to_jsonb(page) order by page.received_at desc, page.message_id desc, page.user_id desc), '[]')
    from (
      select m.message_id || '/' || m.user_id as id, m.user_id, m.message_id, m.connection_id, m.thread_id, coalesce(m.received_at, 'epoch') as received_at, m.sent_at,
        m.from_name, m.from_address, m.people, m.subject, m.snippet, m.labels, m.attachments, m.size_bytes, m.history_id, m.fetched_at,
        case when v_whole then m.text end as text, case when v_whole then m.headers end as headers
      from public.message_cache m
      where m.user_id is not null and m.message_id is not null
        and (v_all or m.user_id = v_user)
        and (f ->> 'messageId' is null or m.message_id = f ->> 'messageId')
        and (f ->> 'connectionId' is null or m.connection_id = (f ->> 'connectionId')::uuid)
        and (f ->> 'threadId' is null or m.thread_id = f ->> 'threadId')
        and (f ->> 'from' is null or lower(m.from_address) = lower(f ->> 'from'))
        and (f ->> 'after' is null or m.received_at >= (f ->> 'after')::timestamptz)
        and (f ->> 'before' is null or m.received_at < (f ->> 'before')::timestamptz)
        and case
          when f ->> 'label' is not null then m.labels @> jsonb_build_array(f ->> 'label')
          else f ->> 'messageId' is not null or not coalesce(m.labels, '[]') ?| array['SPAM', 'TRASH']
        end
        and (f ->> 'search' is null
          or public.hivepulse_mail_words(m.subject, m.from_name, m.from_address, m.text) @@ websearch_to_tsquery('simple', f ->> 'search'))
        and (p_after_id is null or (coalesce(m.received_at, 'epoch'), m.message_id, m.user_id) < (p_after_time, v_message, v_owner))
      order by coalesce(m.received_at, 'epoch') desc, m.message_id desc, m.user_id desc
      limit p_limit
    ) page
  );
end
$$;

-- Replays follow each other: two that came upon different letters of one job waited for each other in a circle.
do $$
begin
  if to_regprocedure('public.hivepulse_replay_page(uuid, text, text, integer, numeric, integer, timestamptz, timestamptz, uuid)') is null then
    alter function public.replay_failed_jobs(uuid, text, text, integer, numeric, integer, timestamptz, timestamptz, uuid) rename to hivepulse_replay_page;
  end if;
end
$$;
create or replace function public.replay_failed_jobs(
  p_replay uuid, p_filter text, p_by text, p_limit integer, p_per_second numeric default null,
  p_offset integer default 0, p_from timestamptz default null, p_after_time timestamptz default null, p_after_id uuid default null
) returns jsonb
language plpgsql security invoker set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('hivepulse replay', 0));
  return public.hivepulse_replay_page(p_replay, p_filter, p_by, p_limit, p_per_second, p_offset, p_from, p_after_time, p_after_id);
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000009' $$;

revoke execute on function
  public.hivepulse_connection(public.oauth_connections),
  public.find_connections(text),
  public.read_connection(uuid),
  public.save_connection(text),
  public.save_refreshed_tokens(uuid, integer, text, text, timestamptz),
  public.save_resealed_tokens(uuid, text, text, text, text),
  public.mark_reauth_required(uuid, integer, text),
  public.take_oauth_state(text),
  public.remove_connection(uuid, uuid, boolean),
  public.cached_messages(uuid, text),
  public.hivepulse_holds_mailbox(uuid, text, uuid),
  public.store_messages(uuid, text, uuid, text),
  public.record_mailbox(uuid, text, uuid, text),
  public.add_fetch_tally(uuid, text, text),
  public.ask_for_mailbox(uuid, text, text),
  public.find_messages(text, integer, timestamptz, text),
  public.replay_failed_jobs(uuid, text, text, integer, numeric, integer, timestamptz, timestamptz, uuid)
from public, anon, authenticated;
grant execute on function
  public.hivepulse_connection(public.oauth_connections),
  public.find_connections(text),
  public.read_connection(uuid),
  public.save_connection(text),
  public.save_refreshed_tokens(uuid, integer, text, text, timestamptz),
  public.save_resealed_tokens(uuid, text, text, text, text),
  public.mark_reauth_required(uuid, integer, text),
  public.take_oauth_state(text),
  public.remove_connection(uuid, uuid, boolean),
  public.cached_messages(uuid, text),
  public.hivepulse_holds_mailbox(uuid, text, uuid),
  public.store_messages(uuid, text, uuid, text),
  public.record_mailbox(uuid, text, uuid, text),
  public.add_fetch_tally(uuid, text, text),
  public.ask_for_mailbox(uuid, text, text),
  public.find_messages(text, integer, timestamptz, text),
  public.replay_failed_jobs(uuid, text, text, integer, numeric, integer, timestamptz, timestamptz, uuid)
to service_role;
grant execute on function public.find_connections(text), public.find_messages(text, integer, timestamptz, text) to authenticated;
