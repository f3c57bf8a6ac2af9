-- Daily briefs: what they tell of, how an edition is stored, and how it goes out besides.

alter table public.brief_deliveries
  add column if not exists attempts integer not null default 0,
  -- Not tried before.
  add column if not exists next_at timestamptz not null default now(),
  -- Who sends it, and since when.
  add column if not exists claim_id uuid,
  add column if not exists claimed_at timestamptz,
  add column if not exists sent_at timestamptz;
alter table public.brief_deliveries alter column status set default 'pending';
alter table public.brief_deliveries drop constraint if exists brief_deliveries_status_check;
alter table public.brief_deliveries add constraint brief_deliveries_status_check check (status in ('pending', 'sending', 'sent', 'failed'));
comment on table public.brief_deliveries is
  'What is sent out once: one row per edition and way, pending until somebody takes it. Left in `sending` by a crash it is not sent again: it may have gone out.';
create index if not exists brief_deliveries_due on public.brief_deliveries (next_at) where status = 'pending';
create index if not exists brief_deliveries_under_way on public.brief_deliveries (claimed_at) where status = 'sending';
create index if not exists brief_deliveries_by_claim on public.brief_deliveries (claim_id) where claim_id is not null;
create index if not exists daily_brief_editions_by_deal on public.daily_brief_editions (deal_id, covers_to desc);
create index if not exists deal_blockers_open on public.deal_blockers (deal_id, opened_at) where status = 'open';

-- What happened in a deal, joined with what is true now. p_window: { report, date, to, untold, from, since, most }. With `untold` of the events that no edition has told
-- of, the oldest `most`; else of those from `from` (without it: from the end of the report's last edition, else from `since`) until `to`. Null: there is no such deal.
-- Lists are bounded, counts are not.
create or replace function public.brief_facts(p_deal uuid, p_window text) returns jsonb
language plpgsql stable security invoker set search_path = '' as $$
declare
  w jsonb := p_window::jsonb;
  v_deal public.deals;
  v_brief public.daily_briefs;
  v_last timestamptz;
  v_to timestamptz := (w ->> 'to')::timestamptz;
  v_from timestamptz := (w ->> 'from')::timestamptz;
  v_most integer := (w ->> 'most')::integer;
  v_ids bigint[];
  v_left bigint := 0;
begin
  select * into v_deal from public.deals where id = p_deal;
  if not found then return null; end if;
  select * into v_brief from public.daily_briefs where deal_id = p_deal and report = w ->> 'report' and date = (w ->> 'date')::date;
  select max(e.covers_to) into v_last
  from public.daily_brief_editions e join public.daily_briefs b on b.id = e.brief_id
  where e.deal_id = p_deal and b.report = w ->> 'report' and e.covers_to <= v_to;
  if (w ->> 'untold')::boolean then
    v_from := coalesce(v_last, v_deal.created_at);
    v_ids := array(select id from public.deal_events where deal_id = p_deal and edition_id is null order by id limit v_most);
    if cardinality(v_ids) = v_most then
      select count(*) into v_left from public.deal_events where deal_id = p_deal and edition_id is null and id > v_ids[v_most];
    end if;
  else
    v_from := coalesce(v_from, v_last, (w ->> 'since')::timestamptz);
    v_ids := array(select id from public.deal_events where deal_id = p_deal and occurred_at >= v_from and occurred_at < v_to order by occurred_at, id limit v_most);
    if cardinality(v_ids) = v_most then
      select count(*) - v_most into v_left from public.deal_events where deal_id = p_deal and occurred_at >= v_from and occurred_at < v_to;
    end if;
  end if;
  return jsonb_build_object(
    'deal', v_deal.name, 'briefId', v_brief.id, 'edition', coalesce(v_brief.edition, 0), 'from', v_from, 'to', v_to, 'eventIds', to_jsonb(v_ids), 'left', v_left,
    'documents', public.brief_documents(p_deal, v_ids),
    'risks', public.brief_risks(v_ids),
    'blockers', public.brief_blockers(p_deal, v_ids, v_to),
    'emails', public.brief_emails(v_ids),
    'syncs', (
      select coalesce(jsonb_agg(jsonb_build_object('sourceType', f.source, 'count', f.count, 'error', f.error) order by f.source), '[]') from (
        select coalesce(e.data ->> 'sourceType', 'unknown') as source, count(*) as count, (array_agg(e.data ->> 'error' order by e.id desc))[1] as error
        from public.deal_events e where e.id = any (v_ids) and e.kind = 'sync_failed' group by 1
      ) f
    )
  );
end
$$;

-- { counts: { added, changed, removed, unreadable, passing }, list: [{ name, change, version, status, reason, workstream, documentType, summary, pages }] }:
-- what a document is now decides how it is told. `passing` came and went between two briefs.
create or replace function public.brief_documents(p_deal uuid, p_events bigint[]) returns jsonb
language sql stable security invoker set search_path = '' as $$
  with told as (
    select e.subject_id as id, min(e.id) as place, bool_or(e.kind = 'document_added') as is_new, bool_or(e.kind = 'document_changed') as is_changed,
      bool_or(e.kind = 'document_unreadable') as was_unreadable, (array_agg(e.data ->> 'name' order by e.id desc) filter (where e.data ->> 'name' is not null))[1] as name
    from public.deal_events e
    where e.id = any (p_events) and e.kind in ('document_added', 'document_changed', 'document_removed', 'document_unreadable')
    group by 1
  ), found as (
    select t.place, coalesce(d.name, t.name, '') as name, d.version, d.status, d.status_reason, d.workstream, d.document_type, d.summary, d.pages,
      case
        when d.id is null and t.is_new then 'passing'
        when d.id is null then 'removed'
        when d.status = 'failed' then 'unreadable'
        when t.is_new then 'added'
        when t.is_changed then 'changed'
      end as change
    from told t left join public.documents d on d.id = t.id and d.deal_id = p_deal
  ), listed as (
    select *, row_number() over (partition by change order by place) as n from found where change is not null and change <> 'passing'
  )
  select jsonb_build_object(
    'counts', (select coalesce(jsonb_object_agg(change, n), '{}') from (select change, count(*) as n from found where change is not null group by 1) c),
    'list', coalesce((
      select jsonb_agg(jsonb_build_object(
        'name', name, 'change', change, 'version', version, 'status', status, 'reason', left(status_reason, 500), 'workstream', workstream,
        'documentType', document_type, 'summary', left(summary, 2000), 'pages', pages
      ) order by place) from listed where n <= 15
    ), '[]')
  )
$$;

-- { counts: { severity: n }, list: [{ document, category, severity, explanation, quote, page }] } of risks that stand now, the worst first.
create or replace function public.brief_risks(p_events bigint[]) returns jsonb
language sql stable security invoker set search_path = '' as $$
  with found as (
    select k.*, d.name as document, case k.severity when 'critical' then 0 when 'high' then 1 when 'medium' then 2 else 3 end as rank
    from public.document_risks k join public.documents d on d.id = k.document_id
    where k.id in (select (e.data ->> 'riskId')::uuid from public.deal_events e where e.id = any (p_events) and e.kind = 'risk_found')
  )
  select jsonb_build_object(
    'counts', (select coalesce(jsonb_object_agg(severity, n), '{}') from (select severity, count(*) as n from found group by 1) c),
    'list', coalesce((
      select jsonb_agg(jsonb_build_object(
        'document', f.document, 'category', f.category, 'severity', f.severity, 'explanation', left(f.explanation, 1000), 'quote', left(f.quote, 1000), 'page', f.page
      ) order by f.rank, f.created_at, f.id)
      from (select * from found order by rank, created_at, id limit 20) f
    ), '[]')
  )
$$;

-- { count, list: [{ subject, summary, items, status, kinds, openedAt }], before: { count, oldest } }: what moved, in the order of its kinds, and what stands open from before.
create or replace function public.brief_blockers(p_deal uuid, p_events bigint[], p_to timestamptz) returns jsonb
language sql stable security invoker set search_path = '' as $$
  with told as (
    select e.subject_id as id, jsonb_agg(e.kind order by e.id) as kinds, max(e.id) as place
    from public.deal_events e
    where e.id = any (p_events) and e.kind in ('blocker_opened', 'blocker_changed', 'blocker_reopened', 'blocker_resolved')
    group by 1
  ), moved as (
    select b.*, t.kinds, t.place from told t join public.deal_blockers b on b.id = t.id
  ), before as (
    select b.* from public.deal_blockers b
    where b.deal_id = p_deal and b.status = 'open' and b.opened_at < p_to and b.id not in (select id from told where id is not null)
  )
  select jsonb_build_object(
    'count', (select count(*) from moved),
    'list', coalesce((
      select jsonb_agg(jsonb_build_object(
        'subject', m.subject, 'summary', left(m.summary, 1000), 'items', m.items, 'status', m.status, 'kinds', m.kinds, 'openedAt', m.opened_at
      ) order by m.place) from (select * from moved order by status, place limit 20) m
    ), '[]'),
    'before', jsonb_build_object(
      'count', (select count(*) from before),
      'list', coalesce((
        select jsonb_agg(jsonb_build_object(
          'subject', b.subject, 'summary', left(b.summary, 1000), 'items', b.items, 'status', b.status, 'kinds', '[]'::jsonb, 'openedAt', b.opened_at
        ) order by b.opened_at, b.id) from (select * from before order by opened_at, id limit 10) b
      ), '[]')
    )
  )
$$;

-- { added, threads, analyzed, mean, labels: { label: n }, urgentCount, negative, urgent: [{ subject, from, score, label, urgency }] }
create or replace function public.brief_emails(p_events bigint[]) returns jsonb
language sql stable security invoker set search_path = '' as $$
  with told as (
    select e.subject_id as id, bool_or(e.kind = 'email_added') as is_new, bool_or(e.kind = 'email_analyzed') as is_analyzed
    from public.deal_events e where e.id = any (p_events) and e.kind in ('email_added', 'email_analyzed') group by 1
  ), found as (
    select m.id, m.subject, coalesce(m.from_name, m.from_address) as sender, m.thread_id, m.sentiment, m.sentiment_score, m.urgency,
      coalesce(m.sent_at, m.created_at) as at, t.is_new, t.is_analyzed and m.sentiment_score is not null as is_analyzed
    from told t join public.emails m on m.id = t.id
  )
  select jsonb_build_object(
    'added', (select count(*) from found where is_new),
    'threads', (select count(distinct coalesce(thread_id, id::text)) from found where is_new),
    'analyzed', (select count(*) from found where is_analyzed),
    'mean', (select round(avg(sentiment_score)::numeric, 1)::double precision from found where is_analyzed),
    'labels', (select coalesce(jsonb_object_agg(sentiment, n), '{}') from (select sentiment, count(*) as n from found where is_analyzed and sentiment is not null group by 1) c),
    'urgentCount', (select count(*) from found where is_analyzed and urgency = 'high'),
    'negative', coalesce((
      select jsonb_agg(jsonb_build_object('subject', f.subject, 'from', f.sender, 'score', f.sentiment_score, 'label', f.sentiment, 'urgency', f.urgency) order by f.sentiment_score, f.at)
      from (select * from found where is_analyzed and sentiment_score <= -0.3 order by sentiment_score, at limit 3) f
    ), '[]'),
    'urgent', coalesce((
      select jsonb_agg(jsonb_build_object('subject', f.subject, 'from', f.sender, 'score', f.sentiment_score, 'label', f.sentiment, 'urgency', f.urgency) order by f.at desc)
      from (select * from found where is_analyzed and urgency = 'high' order by at desc limit 5) f
    ), '[]')
  )
$$;

-- Stores an edition: { briefId, editionId, report, date, edition, trigger, dueAt, late, coversFrom, coversTo, content, markdown, html, model, promptVersion, eventIds,
-- channels: { mail, webhook } (whether the worker can send there) }. Marks the events it tells of, and puts down where it goes. Another edition that came first has told
-- of some of them, or has this number: 40001, worth another attempt. False: the deal is gone.
create or replace function public.hivepulse_record_brief(s public.deal_steps, c jsonb) returns boolean
language plpgsql security invoker set search_path = '' as $$
declare
  v_events bigint[] := array(select jsonb_array_elements_text(public.hivepulse_list(c -> 'eventIds'))::bigint);
  v_edition integer := (c ->> 'edition')::integer;
  v_delivery jsonb;
  b public.daily_briefs;
begin
  -- Editions of a deal follow each other.
  select brief_delivery into v_delivery from public.deals where id = s.deal_id for no key update;
  if not found then return false; end if;
  select * into b from public.daily_briefs where deal_id = s.deal_id and report = c ->> 'report' and date = (c ->> 'date')::date;
  if coalesce(b.edition, 0) <> v_edition - 1 or coalesce(b.id <> (c ->> 'briefId')::uuid, false)
    or exists (select from public.deal_events where id = any (v_events) and deal_id = s.deal_id and edition_id is not null) then
    raise exception 'Another brief of deal % was made meanwhile', s.deal_id using errcode = '40001';
  end if;
  insert into public.daily_briefs as d (id, deal_id, report, date, edition, content, markdown, html)
  values ((c ->> 'briefId')::uuid, s.deal_id, c ->> 'report', (c ->> 'date')::date, v_edition, c -> 'content', c ->> 'markdown', c ->> 'html')
  on conflict (id) do update set edition = excluded.edition, content = excluded.content, markdown = excluded.markdown, html = excluded.html;
  insert into public.daily_brief_editions (
    id, brief_id, deal_id, edition, trigger, due_at, late, covers_from, covers_to, content, markdown, html, model, prompt_version, job_id
  ) values (
    (c ->> 'editionId')::uuid, (c ->> 'briefId')::uuid, s.deal_id, v_edition, c ->> 'trigger', (c ->> 'dueAt')::timestamptz, (c ->> 'late')::boolean,
    (c ->> 'coversFrom')::timestamptz, (c ->> 'coversTo')::timestamptz, c -> 'content', c ->> 'markdown', c ->> 'html', c ->> 'model', c ->> 'promptVersion', s.job_id
  );
  update public.deal_events set edition_id = (c ->> 'editionId')::uuid where id = any (v_events) and deal_id = s.deal_id;
  insert into public.brief_deliveries (edition_id, channel, status, error)
  select (c ->> 'editionId')::uuid, w.channel, case when w.missing is null then 'pending' else 'failed' end, w.missing
  from (
    select distinct 'mail:' || lower(trim(m.address)) as channel, case when not (c -> 'channels' ->> 'mail')::boolean then 'SMTP_URL is not set' end as missing
    from jsonb_array_elements_text(public.hivepulse_list(v_delivery -> 'mail')) as m(address)
    union all
    select 'webhook', case when not (c -> 'channels' ->> 'webhook')::boolean then 'BRIEF_WEBHOOK_URL is not set' end
    where v_delivery -> 'webhook' = 'true'
  ) w;
  return true;
end
$$;

-- Takes deliveries that are due and go the ways that the caller has: [{ editionId, channel, attempt, dealId, deal, report, date, edition, content, markdown, html }]. The same claim again answers what it
-- has taken. What somebody took ten minutes ago and never reported may have gone out: it is not sent again.
create or replace function public.claim_brief_deliveries(p_claim uuid, p_mail boolean, p_webhook boolean, p_limit integer) returns jsonb
language plpgsql security invoker set search_path = '' as $$
begin
  update public.brief_deliveries set status = 'failed', claim_id = null, error = 'unknown: whoever sent it fell silent; it may have gone out'
  where status = 'sending' and claimed_at < now() - interval '10 minutes';
  if not exists (select from public.brief_deliveries where claim_id = p_claim) then
    with due as materialized (
      select edition_id, channel from public.brief_deliveries
      where status = 'pending' and next_at <= now() and case when channel = 'webhook' then p_webhook else p_mail end
      order by next_at, edition_id, channel limit p_limit for update skip locked
    )
    update public.brief_deliveries d set status = 'sending', attempts = d.attempts + 1, claim_id = p_claim, claimed_at = now()
    from due where d.edition_id = due.edition_id and d.channel = due.channel;
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'editionId', d.edition_id, 'channel', d.channel, 'attempt', d.attempts, 'dealId', e.deal_id, 'deal', l.name, 'report', b.report, 'date', b.date,
      'edition', e.edition, 'content', e.content, 'markdown', e.markdown, 'html', e.html
    ) order by d.next_at, d.edition_id, d.channel), '[]')
    from public.brief_deliveries d
    join public.daily_brief_editions e on e.id = d.edition_id
    join public.daily_briefs b on b.id = e.brief_id
    join public.deals l on l.id = e.deal_id
    where d.claim_id = p_claim and d.status = 'sending'
  );
end
$$;

-- { editionId, channel, claim, outcome: sent|failed|again, error, retryMs, most }; `again` after `most` attempts is `failed`. Answers what it has become; null: it was
-- taken from this sender, or reported before.
create or replace function public.finish_brief_delivery(p_delivery text) returns text
language plpgsql security invoker set search_path = '' as $$
declare
  v jsonb := p_delivery::jsonb;
  v_status text;
begin
  update public.brief_deliveries
  set status = case
        when v ->> 'outcome' = 'sent' then 'sent'
        when v ->> 'outcome' = 'again' and attempts < (v ->> 'most')::integer then 'pending'
        else 'failed'
      end,
      error = v ->> 'error', claim_id = null, sent_at = case when v ->> 'outcome' = 'sent' then now() end,
      next_at = now() + coalesce((v ->> 'retryMs')::bigint, 0) * interval '1 millisecond'
  where edition_id = (v ->> 'editionId')::uuid and channel = v ->> 'channel' and claim_id = (v ->> 'claim')::uuid and status = 'sending'
  returning status into v_status;
  return v_status;
end
$$;

create or replace function public.hivepulse_schema_version() returns text
language sql immutable security invoker set search_path = '' as $$ select '20261122000011' $$;

do $$
declare
  f text;
begin
  foreach f in array array[
    'brief_facts(uuid, text)', 'brief_documents(uuid, bigint[])', 'brief_risks(bigint[])', 'brief_blockers(uuid, bigint[], timestamptz)', 'brief_emails(bigint[])',
    'hivepulse_record_brief(public.deal_steps, jsonb)', 'claim_brief_deliveries(uuid, boolean, boolean, integer)', 'finish_brief_delivery(text)'
  ] loop
    execute format('revoke execute on function public.%s from public, anon, authenticated', f);
    execute format('grant execute on function public.%s to service_role', f);
  end loop;
end
$$;
