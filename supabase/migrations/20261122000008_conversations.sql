-- Conversation analysis: answers, themes, cached embeddings, and the one function that saves an analysis.
-- Tables that are there already are kept: missing columns are added.

-- A column of ours in an adopted table: of the type we need, without nulls where it has a default. What cannot be converted without loss stops the migration.
create or replace function public.hivepulse_adopt_column(p_table text, p_column text, p_type regtype, p_default text default null) returns void
language plpgsql set search_path = '' as $$
declare
  v_table regclass := format('public.%I', p_table)::regclass;
  v_type regtype;
  v_category "char";
begin
  select a.atttypid::regtype, t.typcategory into v_type, v_category
  from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid where a.attrelid = v_table and a.attname = p_column;
  if v_type <> p_type then
    -- S: text of a bounded length, E: an enum, N: numbers of another width, A: a list.
    if not (p_type = 'text'::regtype and v_category in ('S', 'E')
      or p_type = 'jsonb'::regtype and (v_category = 'A' or v_type = 'json'::regtype)
      or p_type in ('integer'::regtype, 'bigint'::regtype, 'double precision'::regtype) and v_category = 'N')
    then
      raise exception '%.% is of type %, and % is needed: give it another name, and migrate again', p_table, p_column, v_type, p_type
        using errcode = '42804', hint = format('alter table %I rename %I to %I', p_table, p_column, 'old_' || p_column);
    end if;
    execute format(
      case when p_type = 'jsonb'::regtype then 'alter table %1$s alter column %2$I drop default, alter column %2$I type jsonb using to_jsonb(%2$I)'
      else 'alter table %1$s alter column %2$I drop default, alter column %2$I type %3$s using %2$I::%3$s' end, v_table, p_column, p_type
    );
  end if;
  if p_default is not null then
    execute format('update %1$s set %2$I = %3$L where %2$I is null', v_table, p_column, p_default);
    execute format('alter table %s alter column %I set default %L', v_table, p_column, p_default);
  end if;
end
$$;

-- What an adopted table demands besides our columns, rows of ours cannot give.
create or replace function public.hivepulse_ask_no_more(p_table text, p_ours text[]) returns void
language plpgsql set search_path = '' as $$
declare
  v_table regclass := format('public.%I', p_table)::regclass;
  v_column text;
begin
  for v_column in
    select a.attname from pg_catalog.pg_attribute a
    where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef and a.attidentity = ''
      and a.attname <> all (p_ours)
      and not exists (select from pg_catalog.pg_index i where i.indrelid = v_table and i.indisprimary and a.attnum = any (i.indkey))
  loop
    execute format('alter table %s alter column %I drop not null', v_table, v_column);
  end loop;
end
$$;

-- Answers of an adopted table may stand in a column of another name: whichever of the two is written, both hold it.
create or replace function public.hivepulse_same_text() returns trigger language plpgsql set search_path = '' as $$
declare
  v_old_name text := tg_argv[0];
  v_theirs text := to_jsonb(new) ->> v_old_name;
  v_ours_written boolean := tg_op = 'INSERT' and coalesce(new.text, '') <> '' or tg_op = 'UPDATE' and new.text is distinct from old.text;
begin
  if not v_ours_written then
    new.text := coalesce(v_theirs, '');
  elsif tg_op = 'UPDATE' or v_theirs is null then
    new := jsonb_populate_record(new, jsonb_build_object(v_old_name, new.text));
  end if;
  return new;
end
$$;

alter table public.conversations
  -- Of the latest analysis: what the job answers, and when. Readers compare `analysis_job_id` to see whether two reads are of one analysis.
  add column if not exists analysis jsonb,
  add column if not exists analysis_job_id uuid,
  add column if not exists analysed_at timestamptz;

alter table public.conversation_analysis_jobs
  -- k, minK, maxK, seed, renameThemes: see `analyze` in lib/jobs.
  add column if not exists params jsonb not null default '{}';
select public.hivepulse_adopt_column('conversation_analysis_jobs', 'params', 'jsonb', '{}');

-- Where the owner of an old conversation stands.
do $$
begin
  if exists (select from pg_catalog.pg_attribute where attrelid = 'public.conversations'::regclass and attname = 'created_by' and atttypid = 'uuid'::regtype) then
    alter table public.conversations disable trigger hivepulse_touch;
    update public.conversations set user_id = created_by where user_id is null and created_by is not null;
    alter table public.conversations enable trigger hivepulse_touch;
  end if;
end
$$;

create table if not exists public.conversation_themes (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null references public.conversations (id) on delete cascade
);
alter table public.conversation_themes
  add column if not exists name text not null default '',
  add column if not exists description text not null default '',
  -- [{ term, score }], the most telling first.
  add column if not exists keywords jsonb not null default '[]',
  -- Distinct answers; `responses` counts equal ones each.
  add column if not exists size integer not null default 0,
  add column if not exists responses integer not null default 0,
  -- Of all distinct answers that say something, those of no theme included; 0 to 1.
  add column if not exists share double precision not null default 0,
  add column if not exists sentiment text not null default 'neutral',
  -- -1 to 1.
  add column if not exists sentiment_score double precision not null default 0,
  -- [{ responseId, text }], the nearest to the middle first.
  add column if not exists representatives jsonb not null default '[]',
  -- [{ responseId, quote }]: each a substring of that answer.
  add column if not exists quotes jsonb not null default '[]',
  -- Where its label stands on the map.
  add column if not exists x double precision,
  add column if not exists y double precision,
  -- 0 = the largest.
  add column if not exists position integer not null default 0,
  -- 0 to 1: how much of it comes back together when the clustering is repeated.
  add column if not exists stability double precision,
  -- The user's own name stays whatever later analyses say.
  add column if not exists renamed_at timestamptz,
  -- Themes that users have put into this one since the analysis.
  add column if not exists merged uuid[] not null default '{}',
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

-- Answers that are there already: their text, where exactly one column is likely to hold it, and their order.
do $$
declare
  v_table regclass := to_regclass('public.conversation_responses');
  v_has text[] := array(select attname::text from pg_catalog.pg_attribute where attrelid = v_table and attnum > 0 and not attisdropped);
  v_texts text[];
begin
  if v_table is null then return; end if;
  if not 'text' = any (v_has) then
    alter table public.conversation_responses add column text text not null default '';
    v_texts := array(
      select attname::text from pg_catalog.pg_attribute
      where attrelid = v_table and not attisdropped and atttypid in ('text'::regtype, 'character varying'::regtype)
        and attname in ('response_text', 'answer_text', 'response', 'answer', 'content', 'body', 'comment', 'message')
    );
    if cardinality(v_texts) = 1 then
      execute format('update public.conversation_responses set text = %1$I where %1$I is not null', v_texts[1]);
      execute format(
        'create trigger hivepulse_same_text before insert or update of text, %1$I on public.conversation_responses
        for each row execute function public.hivepulse_same_text(%1$L)', v_texts[1]
      );
    else
      raise warning 'conversation_responses: which column holds the answers could not be told, so their text is empty: update conversation_responses set text = …';
    end if;
  end if;
  if not 'position' = any (v_has) then
    alter table public.conversation_responses add column position bigint generated by default as identity;
    if 'created_at' = any (v_has) then
      update public.conversation_responses r set position = n.position
      from (select id, row_number() over (order by created_at, position) as position from public.conversation_responses) n
      where r.id = n.id and r.position <> n.position;
    end if;
  elsif not exists (select from pg_catalog.pg_attribute where attrelid = v_table and attname = 'position' and (attidentity <> '' or atthasdef)) then
    raise exception 'conversation_responses.position is needed for the order of arrival: give it another name, and migrate again'
      using errcode = '42701', hint = 'alter table conversation_responses rename position to old_position';
  end if;
end
$$;

create table if not exists public.conversation_responses (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null references public.conversations (id) on delete cascade
);
alter table public.conversation_responses
  add column if not exists text text not null default '',
  -- The caller's own id: an answer with the same one is not stored twice.
  add column if not exists external_id text,
  -- The order of arrival.
  add column if not exists position bigint generated by default as identity,
  -- On the map.
  add column if not exists x double precision,
  add column if not exists y double precision,
  -- The theme's `position` when it was saved; -1 = outlier, null = not analysed (empty, or newer than the analysis).
  add column if not exists cluster integer,
  -- Without a foreign key, whose check of each row would double the time of a save: the functions below and a trigger keep it right.
  add column if not exists theme_id uuid,
  -- The first answer with the same words; that one alone is counted.
  add column if not exists duplicate_of uuid,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

do $$
declare
  c record;
begin
  -- Rules that an adopted table has for it may lack `mixed`.
  perform public.hivepulse_adopt_status('conversation_themes', 'neutral', 'sentiment');
  for c in select * from (values
    ('conversation_themes', 'conversation_id', 'uuid', null),
    ('conversation_themes', 'name', 'text', ''),
    ('conversation_themes', 'description', 'text', ''),
    ('conversation_themes', 'keywords', 'jsonb', '[]'),
    ('conversation_themes', 'size', 'integer', '0'),
    ('conversation_themes', 'responses', 'integer', '0'),
    ('conversation_themes', 'share', 'double precision', '0'),
    ('conversation_themes', 'sentiment', 'text', 'neutral'),
    ('conversation_themes', 'sentiment_score', 'double precision', '0'),
    ('conversation_themes', 'representatives', 'jsonb', '[]'),
    ('conversation_themes', 'quotes', 'jsonb', '[]'),
    ('conversation_themes', 'x', 'double precision', null),
    ('conversation_themes', 'y', 'double precision', null),
    ('conversation_themes', 'position', 'integer', '0'),
    ('conversation_themes', 'stability', 'double precision', null),
    ('conversation_responses', 'conversation_id', 'uuid', null),
    ('conversation_responses', 'text', 'text', ''),
    ('conversation_responses', 'external_id', 'text', null),
    ('conversation_responses', 'position', 'bigint', null),
    ('conversation_responses', 'x', 'double precision', null),
    ('conversation_responses', 'y', 'double precision', null),
    ('conversation_responses', 'cluster', 'integer', null),
    ('conversation_responses', 'theme_id', 'uuid', null),
    ('conversation_responses', 'duplicate_of', 'uuid', null)
  ) as c("table", "column", type, initial)
  loop
    perform public.hivepulse_adopt_column(c."table", c."column", c.type::regtype, c.initial);
  end loop;
  for c in select t as "table" from unnest(array['conversation_themes', 'conversation_responses']) t loop
    execute format('update public.%I set created_at = coalesce(created_at, now()), updated_at = coalesce(updated_at, now()) where created_at is null or updated_at is null', c."table");
    execute format('alter table public.%I alter column created_at set default now(), alter column updated_at set default now()', c."table");
    perform public.hivepulse_ask_no_more(c."table", array[
      'id', 'conversation_id', 'name', 'description', 'keywords', 'size', 'responses', 'share', 'sentiment', 'sentiment_score', 'representatives', 'quotes',
      'x', 'y', 'position', 'stability', 'text', 'external_id', 'cluster', 'theme_id', 'duplicate_of', 'created_at', 'updated_at'
    ]);
  end loop;
end
$$;

-- No index on what a save changes, and room for the new version of each row beside the old one: then it touches the table alone.
alter table public.conversation_responses set (fillfactor = 45);
create index if not exists conversation_responses_by_position on public.conversation_responses (conversation_id, position);
create index if not exists conversation_responses_equals on public.conversation_responses (duplicate_of) where duplicate_of is not null;
create unique index if not exists conversation_responses_external on public.conversation_responses (conversation_id, external_id) where external_id is not null;
create index if not exists conversation_themes_by_conversation on public.conversation_themes (conversation_id, position);

create table if not exists public.embedding_cache (
  content_hash text not null,
  model text not null,
  primary key (content_hash, model)
);
alter table public.embedding_cache
  add column if not exists content_hash text,
  add column if not exists model text,
  -- `dimensions` little-endian float32.
  add column if not exists embedding bytea not null default '',
  add column if not exists dimensions integer not null default 0,
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

do $$
declare
  t text;
begin
  foreach t in array array['conversation_responses', 'conversation_themes'] loop
    execute format('drop trigger if exists hivepulse_touch on public.%I', t);
    execute format(
      'create trigger hivepulse_touch before update on public.%I for each row when (old.updated_at is not distinct from new.updated_at)
      execute function public.hivepulse_touch()', t
    );
    execute format('alter table public.%I enable row level security', t);
    execute format('revoke all on public.%I from anon, authenticated', t);
    execute format('grant select on public.%I to authenticated', t);
    execute format('grant all on public.%I to service_role', t);
    execute format('drop policy if exists hivepulse_own on public.%I', t);
    execute format(
      'create policy hivepulse_own on public.%I for select to authenticated using (
        conversation_id in (select c.id from public.conversations c where c.user_id = (select auth.uid())))', t
    );
    execute format('drop policy if exists hivepulse_service on public.%I', t);
    execute format('create policy hivepulse_service on public.%I for all to service_role using (true) with check (true)', t);
    perform public.hivepulse_users_only_read(t);
  end loop;
end
$$;

alter table public.embedding_cache alter column embedding set storage external;
select public.hivepulse_adopt_column('embedding_cache', 'embedding', 'bytea');
do $$
begin
  if not exists (select from pg_catalog.pg_index i where i.indrelid = 'public.embedding_cache'::regclass and i.indisunique and i.indnkeyatts = 2 and i.indpred is null
    and array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey) order by 1) = array['content_hash', 'model'])
  then
    create unique index embedding_cache_by_content on public.embedding_cache (content_hash, model);
  end if;
end
$$;
drop trigger if exists hivepulse_touch on public.embedding_cache;
create trigger hivepulse_touch before update on public.embedding_cache for each row execute function public.hivepulse_touch();
alter table public.embedding_cache enable row level security;
revoke all on public.embedding_cache from anon, authenticated;
grant all on public.embedding_cache to service_role;
drop policy if exists hivepulse_service on public.embedding_cache;
create policy hivepulse_service on public.embedding_cache for all to service_role using (true) with check (true);

-- Embeddings of these hashes that are there: { hashes, dimensions (of each), embeddings (base64, one after another, in lines), broken (hashes of another length than they say) }.
create or replace function public.find_embeddings(p_model text, p_hashes text) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object(
    'hashes', coalesce(jsonb_agg(e.content_hash order by e.content_hash) filter (where e.whole), '[]'),
    'dimensions', coalesce(jsonb_agg(e.dimensions order by e.content_hash) filter (where e.whole), '[]'),
    'embeddings', coalesce(encode(string_agg(e.embedding, '' order by e.content_hash) filter (where e.whole), 'base64'), ''),
    'broken', coalesce(jsonb_agg(e.content_hash) filter (where not e.whole), '[]')
  )
  from (
    select content_hash, dimensions, embedding, dimensions > 0 and octet_length(embedding) = 4 * dimensions as whole
    from public.embedding_cache
    where model = p_model and content_hash = any (array(select jsonb_array_elements_text(p_hashes::jsonb)))
  ) e
$$;

-- Embeddings of as many hashes, a JSON array, of `p_dimensions` numbers each, base64, one after another. Those that are there already stay, unless the model had
-- another number of dimensions then. Rows are taken in one order, so that two who store the same ones never wait for each other in a circle.
create or replace function public.store_embeddings(p_model text, p_dimensions integer, p_hashes text, p_embeddings text) returns void
language plpgsql security invoker set search_path = '' as $$
declare
  v_bytes bytea := decode(p_embeddings, 'base64');
begin
  if octet_length(v_bytes) <> 4 * p_dimensions * jsonb_array_length(p_hashes::jsonb) then
    raise exception 'store_embeddings: there are not % numbers for each hash', p_dimensions using errcode = '22023';
  end if;
  insert into public.embedding_cache as c (content_hash, model, dimensions, embedding)
  select h.hash, p_model, p_dimensions, substring(v_bytes from 4 * p_dimensions * (min(h.n)::integer - 1) + 1 for 4 * p_dimensions)
  from jsonb_array_elements_text(p_hashes::jsonb) with ordinality as h(hash, n)
  group by h.hash
  order by h.hash
  on conflict (content_hash, model) do update set embedding = excluded.embedding, dimensions = excluded.dimensions
  where c.dimensions <> excluded.dimensions;
end
$$;

-- What was found broken.
create or replace function public.drop_embeddings(p_model text, p_hashes text) returns void
language sql security invoker set search_path = '' as $$
  delete from public.embedding_cache c using (
    select content_hash, model from public.embedding_cache
    where model = p_model and content_hash = any (array(select jsonb_array_elements_text(p_hashes::jsonb)))
    order by content_hash for update
  ) broken
  where c.content_hash = broken.content_hash and c.model = broken.model
$$;

-- Holds a conversation that the caller may change; raises PT404 where there is none. Answers, themes and analyses of a conversation change one after another:
-- so an answer never gets a position that a reader has passed already.
create or replace function public.hivepulse_own_conversation(p_id uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_owner uuid;
begin
  select user_id into v_owner from public.conversations where id = p_id for no key update;
  if not found or (public.hivepulse_is_user() and v_owner is distinct from auth.uid()) then
    raise exception 'There is no conversation %', p_id using errcode = 'PT404', detail = json_build_object('what', 'Conversation', 'id', p_id);
  end if;
end
$$;

-- Stores a conversation and answers its row; the same id again answers what is there.
create or replace function public.create_conversation(p_user_id uuid, p_title text, p_id uuid default null) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_user uuid := public.hivepulse_acting_for(p_user_id);
  v_row public.conversations;
begin
  insert into public.conversations (id, user_id, title) values (coalesce(p_id, gen_random_uuid()), v_user, p_title)
  on conflict (id) do nothing returning * into v_row;
  if v_row.id is null then
    select * into v_row from public.conversations where id = p_id and user_id is not distinct from v_user;
    if not found then raise exception 'The conversation % is there already, for another user', p_id using errcode = '23505'; end if;
  end if;
  return to_jsonb(v_row);
end
$$;

-- Stores answers, [{ id?, text, externalId? }], in their order: { added, skipped }. Those whose externalId is there already are skipped.
-- Called again with the same ids (the answer was lost), it answers the same.
create or replace function public.add_conversation_responses(p_conversation_id uuid, p_responses text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_ids uuid[];
  v_texts text[];
  v_external text[];
  v_added integer;
begin
  perform public.hivepulse_own_conversation(p_conversation_id);
  select array_agg(coalesce((r.value ->> 'id')::uuid, gen_random_uuid()) order by r.n), array_agg(coalesce(r.value ->> 'text', '') order by r.n),
    array_agg(nullif(r.value ->> 'externalId', '') order by r.n)
  into v_ids, v_texts, v_external
  from jsonb_array_elements(p_responses::jsonb) with ordinality as r(value, n);
  if exists (select from unnest(v_external) as e where octet_length(e) > 2000) then
    raise exception 'An externalId is longer than 2000 bytes' using errcode = '22001';
  end if;
  insert into public.conversation_responses (id, conversation_id, text, external_id)
  select a.id, p_conversation_id, a.text, a.external_id from unnest(v_ids, v_texts, v_external) with ordinality as a(id, text, external_id, n)
  order by a.n
  on conflict do nothing;
  select count(*) into v_added from public.conversation_responses where id = any (v_ids) and conversation_id = p_conversation_id;
  return jsonb_build_object('added', v_added, 'skipped', coalesce(cardinality(v_ids), 0) - v_added);
end
$$;

-- Rows; distinct ones that an analysis has counted; equal ones; empty or new ones: { total, counted, duplicates, notAnalysed, outliers, themes }.
create or replace function public.conversation_counts(p_conversation_id uuid) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object(
    'total', count(*),
    'counted', count(*) filter (where r.cluster is not null and r.duplicate_of is null),
    'duplicates', count(*) filter (where r.duplicate_of is not null),
    'notAnalysed', count(*) filter (where r.cluster is null),
    'outliers', count(*) filter (where r.cluster = -1 and r.duplicate_of is null),
    'themes', (select count(*) from public.conversation_themes t where t.conversation_id = p_conversation_id)
  )
  from public.conversation_responses r where r.conversation_id = p_conversation_id
$$;

-- A page of answers in their order, as arrays: [[id, position, text, themeId, x, y, cluster, duplicateOf, externalId], …].
create or replace function public.conversation_responses_page(p_conversation_id uuid, p_after bigint, p_limit integer) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(r.id, r.position, r.text, r.theme_id, r.x, r.y, r.cluster, r.duplicate_of, r.external_id) order by r.position), '[]')
  from (
    select * from public.conversation_responses where conversation_id = p_conversation_id and position > p_after order by position limit p_limit
  ) r
$$;

-- Of the answers that equal a deleted one, the first takes its place.
create or replace function public.hivepulse_promote_equals(p_gone uuid[]) returns void
language sql security definer set search_path = '' as $$
  update public.conversation_responses r set duplicate_of = nullif(o.first, r.id)
  from (
    select d.id, first_value(d.id) over (partition by d.duplicate_of order by d.position) as first
    from public.conversation_responses d where d.duplicate_of = any (p_gone)
  ) o
  where r.id = o.id
$$;

-- Adopted tables may hold anything.
create or replace function public.hivepulse_list(p_value jsonb) returns jsonb
language sql immutable set search_path = '' as $$ select case when jsonb_typeof(p_value) = 'array' then p_value else '[]' end $$;

-- What is cited of answers that are there.
create or replace function public.hivepulse_cited(p_cited jsonb) returns jsonb
language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(c.value order by c.n), '[]')
  from jsonb_array_elements(public.hivepulse_list(p_cited)) with ordinality as c(value, n)
  where exists (
    select from public.conversation_responses r
    where r.id = case when c.value ->> 'responseId' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (c.value ->> 'responseId')::uuid end
  )
$$;

-- Deleted answers are no longer cited by themes. The figures of a theme stay those of its analysis.
create or replace function public.hivepulse_responses_gone() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_gone uuid[] := array(select id from old_rows);
  -- Not those that go as well.
  v_conversations uuid[] := array(select c.id from public.conversations c where c.id in (select conversation_id from old_rows));
begin
  if cardinality(v_gone) = 0 or cardinality(v_conversations) = 0 then return null; end if;
  perform public.hivepulse_promote_equals(v_gone);
  update public.conversation_themes t set representatives = public.hivepulse_cited(t.representatives), quotes = public.hivepulse_cited(t.quotes)
  where t.conversation_id = any (v_conversations) and exists (
    select from jsonb_array_elements(public.hivepulse_list(t.representatives) || public.hivepulse_list(t.quotes)) as c(value)
    where c.value ->> 'responseId' = any (v_gone::text[])
  );
  return null;
end
$$;

-- The answers of a deleted theme are in no theme.
create or replace function public.hivepulse_themes_gone() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  v_gone uuid[] := array(select id from old_rows);
  v_conversations uuid[] := array(select c.id from public.conversations c where c.id in (select conversation_id from old_rows));
begin
  update public.conversation_responses r set theme_id = null, cluster = -1
  where r.conversation_id = any (v_conversations) and r.theme_id = any (v_gone);
  return null;
end
$$;

drop trigger if exists hivepulse_gone on public.conversation_responses;
create trigger hivepulse_gone after delete on public.conversation_responses referencing old table as old_rows
  for each statement execute function public.hivepulse_responses_gone();
drop trigger if exists hivepulse_gone on public.conversation_themes;
create trigger hivepulse_gone after delete on public.conversation_themes referencing old table as old_rows
  for each statement execute function public.hivepulse_themes_gone();

-- Where the answers of a conversation stand. Tens of thousands at once: the plan is made for as many as there are.
create or replace function public.hivepulse_place_answers(
  p_conversation uuid, p_ids uuid[], p_clusters integer[], p_xs double precision[], p_ys double precision[], p_equals uuid[], p_themes uuid[]
) returns void
language plpgsql security invoker set search_path = '' set plan_cache_mode = 'force_custom_plan' set enable_nestloop = 'off' as $$
begin
  -- What stands where it stood is left alone.
  update public.conversation_responses r
  set cluster = a.cluster, x = a.x, y = a.y, duplicate_of = a.duplicate_of, theme_id = p_themes[a.cluster + 1], updated_at = now()
  from unnest(p_ids, p_clusters, p_xs, p_ys, p_equals) as a(id, cluster, x, y, duplicate_of)
  where r.id = a.id and r.conversation_id = p_conversation
    and (r.cluster, r.x, r.y, r.duplicate_of, r.theme_id) is distinct from (a.cluster, a.x, a.y, a.duplicate_of, p_themes[a.cluster + 1]);

  update public.conversation_responses r
  set cluster = null, x = null, y = null, theme_id = null, duplicate_of = null, updated_at = now()
  where r.conversation_id = p_conversation and (r.cluster is not null or r.theme_id is not null or r.duplicate_of is not null)
    and not exists (select from unnest(p_ids) as a(id) where a.id = r.id);
end
$$;

-- One try of `save_conversation_analysis`. It waits for nobody longer than a moment: whoever deletes a conversation or answers holds them in another order
-- than this takes them.
create or replace function public.hivepulse_save_analysis(p_job_id uuid, p_run_id text, v jsonb) returns boolean
language plpgsql security invoker set search_path = '' set lock_timeout = '300ms' as $$
declare
  v_conversation uuid := (v ->> 'conversationId')::uuid;
  v_ids uuid[];
  v_clusters integer[];
  v_xs double precision[];
  v_ys double precision[];
  v_equals uuid[];
  v_themes uuid[];
  v_places integer[];
  v_saved integer;
  v_job record;
begin
  select status, run_id, recorded_run into v_job from public.conversation_analysis_jobs where id = p_job_id and conversation_id = v_conversation for update;
  if v_job.status is distinct from 'processing' or v_job.run_id is distinct from p_run_id then
    return coalesce(v_job.status = 'succeeded' and v_job.recorded_run = p_run_id, false);
  end if;
  -- Whoever renames or merges themes waits, and then finds the new ones.
  perform from public.conversations where id = v_conversation for no key update;

  v_ids := v ->> 'ids';
  v_clusters := v ->> 'clusters';
  v_xs := v ->> 'xs';
  v_ys := v ->> 'ys';
  v_equals := v ->> 'duplicatesOf';
  select coalesce(array_agg((n.value ->> 'id')::uuid order by n.value -> 'position'), '{}'),
    coalesce(array_agg((n.value ->> 'position')::integer order by n.value -> 'position'), '{}')
  into v_themes, v_places from jsonb_array_elements(v -> 'themes') as n(value);
  if (
    v_places = array(select generate_series(0, cardinality(v_themes) - 1))
    and cardinality(v_ids) = all (array[cardinality(v_clusters), cardinality(v_xs), cardinality(v_ys), cardinality(v_equals)])
    and not exists (select from unnest(v_clusters) as c where (c between -1 and cardinality(v_themes) - 1) is not true)
  ) is not true then
    raise exception 'save_conversation_analysis: themes stand at 0, 1, …, and each answer has its theme''s place or -1' using errcode = '22023';
  end if;
  perform public.hivepulse_place_answers(v_conversation, v_ids, v_clusters, v_xs, v_ys, v_equals, v_themes);

  insert into public.conversation_themes as t (
    id, conversation_id, name, description, keywords, size, responses, share, sentiment, sentiment_score, representatives, quotes, x, y, position, stability
  )
  select n.id, v_conversation, n.name, n.description, n.keywords, n.size, n.responses, n.share, n.sentiment, n."sentimentScore", n.representatives, n.quotes,
    n.x, n.y, n.position, n.stability
  from jsonb_to_recordset(v -> 'themes') as n(
    id uuid, name text, description text, keywords jsonb, size integer, responses integer, share double precision, sentiment text, "sentimentScore" double precision,
    representatives jsonb, quotes jsonb, x double precision, y double precision, position integer, stability double precision
  )
  order by n.id
  on conflict (id) do update
  set name = case when t.renamed_at is null then excluded.name else t.name end,
      description = case when t.renamed_at is null then excluded.description else t.description end,
      keywords = excluded.keywords, size = excluded.size, responses = excluded.responses, share = excluded.share,
      sentiment = excluded.sentiment, sentiment_score = excluded.sentiment_score, representatives = excluded.representatives, quotes = excluded.quotes,
      x = excluded.x, y = excluded.y, position = excluded.position, stability = excluded.stability, merged = '{}'
  where t.conversation_id = v_conversation;
  get diagnostics v_saved = row_count;
  if v_saved <> cardinality(v_themes) then
    raise exception 'save_conversation_analysis: a theme belongs to another conversation' using errcode = '22023';
  end if;
  delete from public.conversation_themes t where t.conversation_id = v_conversation and t.id <> all (v_themes);

  -- Answers that were deleted while they were analysed.
  if (select count(*) from public.conversation_responses r where r.conversation_id = v_conversation and r.cluster is not null) < cardinality(v_ids) then
    perform public.hivepulse_promote_equals(array(
      select distinct e.id from unnest(v_equals) as e(id)
      where e.id is not null and not exists (select from public.conversation_responses r where r.id = e.id)
    ));
    update public.conversation_themes t set representatives = public.hivepulse_cited(t.representatives), quotes = public.hivepulse_cited(t.quotes)
    where t.conversation_id = v_conversation;
  end if;

  update public.conversations set analysis = v -> 'result', analysis_job_id = p_job_id, analysed_at = now() where id = v_conversation;
  -- The conversation's status follows.
  if not (public.end_job_runs(jsonb_build_array(jsonb_build_object(
    'table', 'conversation_analysis_jobs', 'id', p_job_id, 'runId', p_run_id, 'outcome', 'done', 'result', v -> 'result'
  ))::text) ->> 0)::boolean then
    raise exception 'The job % could not be ended', p_job_id;
  end if;
  return true;
end
$$;

-- Saves a whole analysis and ends its job, both or neither. False when the run no longer has the row: nothing changed; true again for the run that has saved it.
-- { conversationId, result, themes: [{ id, name, description, keywords, size, responses, share, sentiment, sentimentScore, representatives, quotes, x, y, position, stability }],
--   ids, clusters, xs, ys, duplicatesOf }: the answers as columns, each a Postgres array written out; `clusters` are positions of themes, or -1.
-- Order of locks, here and elsewhere: job, conversation, answers, themes.
create or replace function public.save_conversation_analysis(p_job_id uuid, p_run_id text, p_analysis text) returns boolean
language plpgsql security invoker set search_path = '' set statement_timeout = '60s' as $$
declare
  v jsonb := p_analysis::jsonb;
begin
  for attempt in 1..60 loop
    begin
      return public.hivepulse_save_analysis(p_job_id, p_run_id, v);
    exception when lock_not_available or deadlock_detected then
      -- Rolled back: nothing is held. Whoever stood in the way goes first.
      if attempt = 60 then raise; end if;
      perform pg_catalog.pg_sleep(0.05);
    end;
  end loop;
end
$$;

-- A user's own name for a theme; it stays whatever later analyses say. Null leaves as it is. Answers the theme's row, or null where there is none.
create or replace function public.rename_conversation_theme(p_conversation_id uuid, p_theme_id uuid, p_name text, p_description text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_row public.conversation_themes;
begin
  perform public.hivepulse_own_conversation(p_conversation_id);
  update public.conversation_themes t
  set name = coalesce(p_name, t.name), description = coalesce(p_description, t.description),
      renamed_at = case when coalesce(p_name, p_description) is null then t.renamed_at else now() end
  where t.id = p_theme_id and t.conversation_id = p_conversation_id
  returning * into v_row;
  return case when v_row.id is null then null else to_jsonb(v_row) end;
end
$$;

-- Makes one theme of several: the first of them takes the answers of the others, which go. Answers its row, or null when one of them is not there.
-- Called again (the answer was lost), it answers the same. The other themes stay at their positions.
create or replace function public.merge_conversation_themes(p_conversation_id uuid, p_theme_ids text, p_name text) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  v_ids uuid[] := array(select i.value::uuid from jsonb_array_elements_text(p_theme_ids::jsonb) with ordinality as i(value, n) group by i.value::uuid order by min(i.n));
  v_into uuid := v_ids[1];
  v_row public.conversation_themes;
  v_parts uuid[];
begin
  perform public.hivepulse_own_conversation(p_conversation_id);
  select * into v_row from public.conversation_themes t where t.id = v_into and t.conversation_id = p_conversation_id;
  v_parts := array(select t.id from public.conversation_themes t where t.conversation_id = p_conversation_id and t.id = any (v_ids));
  if v_row.id is null or not v_ids <@ (v_parts || v_row.merged) then return null; end if;
  if cardinality(v_parts) = 1 then
    return case when p_name is null or p_name = v_row.name then to_jsonb(v_row) else public.rename_conversation_theme(p_conversation_id, v_into, p_name, null) end;
  end if;
  update public.conversation_responses r set theme_id = v_into, cluster = v_row.position
  where r.conversation_id = p_conversation_id and r.theme_id = any (v_parts) and r.theme_id <> v_into;
  with parts as (
    select t.*, greatest(t.size, 1) as weight, array_position(v_ids, t.id) as n from public.conversation_themes t where t.id = any (v_parts)
  ), sums as (
    select sum(p.size) as size, sum(p.responses) as responses, least(sum(p.share), 1) as share,
      sum(p.weight * p.sentiment_score) / sum(p.weight) as sentiment_score,
      case when count(distinct p.sentiment) = 1 then min(p.sentiment) else 'mixed' end as sentiment,
      sum(p.weight * p.x) / sum(p.weight) filter (where p.x is not null) as x,
      sum(p.weight * p.y) / sum(p.weight) filter (where p.y is not null) as y,
      sum(p.weight * p.stability) / sum(p.weight) filter (where p.stability is not null) as stability
    from parts p
  ), terms as (
    select distinct on (w.value ->> 'term') w.value, w.value ->> 'term' as term, (w.value ->> 'score')::double precision as score
    from parts p cross join jsonb_array_elements(public.hivepulse_list(p.keywords)) as w(value) order by w.value ->> 'term', (w.value ->> 'score')::double precision desc
  )
  update public.conversation_themes t
  set name = coalesce(p_name, t.name), renamed_at = now(), merged = t.merged || array_remove(v_parts, v_into),
      size = sums.size, responses = sums.responses, share = sums.share, sentiment = sums.sentiment, sentiment_score = sums.sentiment_score,
      x = sums.x, y = sums.y, stability = sums.stability,
      keywords = (select coalesce(jsonb_agg(k.value order by k.score desc, k.term), '[]') from (select * from terms order by score desc, term limit 10) k),
      -- In turns: each part is heard.
      representatives = (
        select coalesce(jsonb_agg(c.value order by c.place, c.n), '[]') from (
          select r.value, r.place, p.n from parts p cross join jsonb_array_elements(public.hivepulse_list(p.representatives)) with ordinality as r(value, place) order by r.place, p.n limit 10
        ) c
      ),
      quotes = (
        select coalesce(jsonb_agg(c.value order by c.place, c.n), '[]') from (
          select q.value, q.place, p.n from parts p cross join jsonb_array_elements(public.hivepulse_list(p.quotes)) with ordinality as q(value, place) order by q.place, p.n limit 10
        ) c
      )
  from sums where t.id = v_into
  returning t.* into v_row;
  delete from public.conversation_themes t where t.id = any (v_parts) and t.id <> v_into;
  return to_jsonb(v_row);
end
$$;

-- The params or options of a row, as far as they are any: plain SQL may write anything there.
create or replace function public.hivepulse_params(p_value jsonb) returns jsonb
language plpgsql immutable set search_path = '' as $$
begin
  return case when jsonb_typeof(p_value) = 'object' then p_value when jsonb_typeof(p_value) = 'string' then public.hivepulse_params((p_value #>> '{}')::jsonb) else '{}' end;
exception when invalid_text_representation then
  return '{}';
end
$$;

-- As before, and the params of an analysis go along. Asks for the jobs of rows, which are given as JSON, the oldest first. `p_replaces` null: those whose run is not the first.
create or replace function public.put_job_rows(p_table text, p_rows jsonb[], p_replaces boolean default null) returns void
language sql security definer set search_path = '' as $$
  insert into public.job_outbox as o (queue, name, job_id, payload, options, run, replaces, row_table, row_id, available_at)
  select
    words.queue,
    coalesce(r ->> 'type', 'analyze'),
    r ->> 'id',
    case p_table
      when 'jobs' then public.hivepulse_json(r -> 'payload')
      when 'analytics_jobs' then public.hivepulse_params(r -> 'params') || jsonb_build_object('userId', r -> 'user_id')
      else public.hivepulse_params(r -> 'params') || jsonb_build_object('conversationId', r -> 'conversation_id')
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
  cross join lateral (select public.hivepulse_params(r -> 'options') as given) options
  order by r ->> 'created_at', r ->> 'id'
  on conflict (queue, job_id) where ended is null do update
  set payload = excluded.payload, options = excluded.options, run = excluded.run, replaces = o.replaces or excluded.replaces,
      available_at = excluded.available_at, asked = o.asked + 1, updated_at = now()
$$;

drop function if exists public.create_conversation_analysis_job(uuid, uuid, text, jsonb);
-- Asks for the analysis of a conversation: { id, deduplicated, outboxId }. While a job of it is active, that one is the answer.
-- Options: as of every producer call. Params: k, minK, maxK, seed, renameThemes. A signed-in user may ask for own conversations only.
create or replace function public.create_conversation_analysis_job(
  p_conversation_id uuid, p_created_by uuid default null, p_idempotency_key text default null, p_options jsonb default '{}',
  p_params jsonb default '{}'
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
    insert into public.conversation_analysis_jobs (id, conversation_id, created_by, idempotency_key, options, params)
    values (coalesce((v_options ->> 'jobId')::uuid, gen_random_uuid()), p_conversation_id, v_by, p_idempotency_key, v_options - 'jobId', public.hivepulse_params(p_params))
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

-- Analyses that wait already go with their params.
update public.job_outbox o set payload = public.hivepulse_params(j.params) || o.payload
from public.conversation_analysis_jobs j
where o.row_table = 'conversation_analysis_jobs' and o.row_id = j.id and o.ended is null and j.params <> '{}';

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000008' $$;

revoke execute on function
  public.hivepulse_adopt_column(text, text, regtype, text),
  public.hivepulse_ask_no_more(text, text[]),
  public.hivepulse_promote_equals(uuid[]),
  public.hivepulse_cited(jsonb),
  public.hivepulse_place_answers(uuid, uuid[], integer[], double precision[], double precision[], uuid[], uuid[]),
  public.hivepulse_save_analysis(uuid, text, jsonb),
  public.find_embeddings(text, text),
  public.store_embeddings(text, integer, text, text),
  public.drop_embeddings(text, text),
  public.hivepulse_own_conversation(uuid),
  public.create_conversation(uuid, text, uuid),
  public.add_conversation_responses(uuid, text),
  public.conversation_counts(uuid),
  public.conversation_responses_page(uuid, bigint, integer),
  public.save_conversation_analysis(uuid, text, text),
  public.rename_conversation_theme(uuid, uuid, text, text),
  public.merge_conversation_themes(uuid, text, text),
  public.create_conversation_analysis_job(uuid, uuid, text, jsonb, jsonb)
from public, anon, authenticated;
grant execute on function
  public.find_embeddings(text, text),
  public.store_embeddings(text, integer, text, text),
  public.drop_embeddings(text, text),
  public.save_conversation_analysis(uuid, text, text),
  public.hivepulse_save_analysis(uuid, text, jsonb),
  public.hivepulse_promote_equals(uuid[]),
  public.hivepulse_cited(jsonb),
  public.hivepulse_place_answers(uuid, uuid[], integer[], double precision[], double precision[], uuid[], uuid[])
to service_role;
grant execute on function
  public.create_conversation(uuid, text, uuid),
  public.add_conversation_responses(uuid, text),
  public.conversation_counts(uuid),
  public.conversation_responses_page(uuid, bigint, integer),
  public.rename_conversation_theme(uuid, uuid, text, text),
  public.merge_conversation_themes(uuid, text, text),
  public.create_conversation_analysis_job(uuid, uuid, text, jsonb, jsonb)
to authenticated, service_role;
