-- What each job of a worker asks for, as functions: one statement each, also where a server in front of the database makes many of a select or an insert.

create or replace function public.find_ai_answer(p_key text) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object('answer', c.answer, 'model', c.model) from public.ai_cache c where c.key = p_key
$$;

-- { value, model, promptId, promptVersion, provider }
create or replace function public.store_ai_answer(p_key text, p_entry text) returns void
language sql security invoker set search_path = '' as $$
  insert into public.ai_cache as c (key, answer, model, prompt_id, prompt_version, provider)
  select p_key, jsonb_build_object('value', v.entry -> 'value'), v.entry ->> 'model', v.entry ->> 'promptId', v.entry ->> 'promptVersion', v.entry ->> 'provider'
  from (select p_entry::jsonb as entry) v
  on conflict (key) do update
  set answer = excluded.answer, model = excluded.model, prompt_id = excluded.prompt_id, prompt_version = excluded.prompt_version, provider = excluded.provider
$$;

create or replace function public.record_ai_usage(p_usage text) returns void
language sql security invoker set search_path = '' as $$
  insert into public.ai_usage (
    queue, job_id, user_id, provider, model, operation, prompt_id, prompt_version, input_tokens, output_tokens, cached_input_tokens, cost_usd, duration_ms
  )
  select u.queue, u."jobId", u."userId", u.provider, u.model, u.operation, u."promptId", u."promptVersion", u."inputTokens", u."outputTokens",
    u."cachedInputTokens", u."costUsd", u."durationMs"
  from jsonb_to_record(p_usage::jsonb) as u(
    queue text, "jobId" text, "userId" text, provider text, model text, operation text, "promptId" text, "promptVersion" text, "inputTokens" integer,
    "outputTokens" integer, "cachedInputTokens" integer, "costUsd" numeric, "durationMs" integer
  )
$$;

-- Of what row-level security lets the caller see.
create or replace function public.read_document(p_id uuid) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select to_jsonb(d) from public.documents d where d.id = p_id
$$;

create or replace function public.read_email(p_id uuid) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select to_jsonb(e) from public.emails e where e.id = p_id
$$;

create or replace function public.document_chunks_page(p_document uuid, p_after integer, p_limit integer) returns jsonb
language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(to_jsonb(page) order by page.ordinal), '[]')
  from (
    select c.ordinal, c.text, c.kind, c.section, c.spans, c.tokens from public.document_chunks c
    where c.document_id = p_document and c.ordinal > p_after
    order by c.ordinal limit p_limit
  ) page
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000013' $$;

revoke execute on function
  public.find_ai_answer(text),
  public.store_ai_answer(text, text),
  public.record_ai_usage(text),
  public.read_document(uuid),
  public.read_email(uuid),
  public.document_chunks_page(uuid, integer, integer)
from public, anon, authenticated;
grant execute on function
  public.find_ai_answer(text),
  public.store_ai_answer(text, text),
  public.record_ai_usage(text),
  public.read_document(uuid),
  public.read_email(uuid),
  public.document_chunks_page(uuid, integer, integer)
to service_role;
grant execute on function public.read_document(uuid), public.read_email(uuid), public.document_chunks_page(uuid, integer, integer) to authenticated;
