/**
 * The tables and functions of the fair shares, a migration of the store (see lib/queue/store/sql.ts). What they do is told in docs/fairness.md;
 * the names are those of `FIRST_TURNS` in redis-scripts.ts. Nothing here is durable: turns begin anew after a crash of Postgres.
 */
export const FAIR_SQL = `
create unlogged table hivepulse_store.fair_level (queue text, level int, turn bigint not null, credit int not null, base bigint not null, most bigint not null, used_at timestamptz not null, primary key (queue, level));
create unlogged table hivepulse_store.fair_turn (queue text, level int, key text, last bigint not null, primary key (queue, level, key));
create index on hivepulse_store.fair_turn (queue, level, last);
create unlogged table hivepulse_store.fair_line (queue text, line text, job_id text, place double precision not null, expires_at timestamptz not null, primary key (queue, line, job_id));
create index on hivepulse_store.fair_line (queue, line, place);

-- One call in five hundred also removes what nobody used for a week.
create function hivepulse_store.fair_tidy() returns void language plpgsql set search_path = '' as $$
begin
  if pg_catalog.random() > 0.002 then return; end if;
  delete from hivepulse_store.fair_level where used_at < pg_catalog.clock_timestamp() - interval '7 days';
  delete from hivepulse_store.fair_turn t where not exists (select from hivepulse_store.fair_level l where l.queue = t.queue and l.level = t.level);
  delete from hivepulse_store.fair_line where expires_at < pg_catalog.clock_timestamp();
end $$;

-- Jobs that a worker is moving at this moment keep their priority: waiting for them could end in a deadlock.
create function hivepulse_store.fair_rebase(p_queue text, low int, high int, shift bigint) returns void language sql volatile set search_path = '' as $$
  with moving as (
    select id, state, priority, seq from bullmq.job
    where queue = p_queue and priority between low and high and state in ('waiting', 'delayed', 'active')
    for update skip locked
  ), placed as (
    select id, priority, case when priority = high and state = 'waiting'
      then least(high, high - shift - 1 + pg_catalog.row_number() over (partition by priority = high and state = 'waiting' order by seq))
      else greatest(low, priority - shift) end as lowered
    from moving
  )
  update bullmq.job j set priority = placed.lowered::int from placed where j.queue = p_queue and j.id = placed.id and j.priority = placed.priority
$$;

create function hivepulse_store.fair_open(p_queue text, p_level int, used bigint, width int, catch_up int) returns hivepulse_store.fair_level language plpgsql set search_path = '' as $$
declare
  at hivepulse_store.fair_level;
  low int := 1 + p_level * width;
  head int;
  reached bigint;
  shift bigint;
begin
  select * into at from hivepulse_store.fair_level where queue = p_queue and level = p_level;
  select priority into head from bullmq.job
  where queue = p_queue and state = 'waiting' and priority >= low and priority < low + width order by priority limit 1;
  at.queue := p_queue; at.level := p_level; at.base := coalesce(at.base, 0); at.most := coalesce(at.most, -1);
  if at.turn is not null then at.most := greatest(at.most, least(used, at.most + 64)); end if;
  if head is not null then
    reached := head - low + at.base;
    at.credit := case when at.turn is null then 0 else least(catch_up, at.credit + greatest(0, reached - at.turn)) end;
    if reached > at.turn then
      delete from hivepulse_store.fair_turn where queue = p_queue and level = p_level and last < reached - catch_up;
    end if;
    at.turn := greatest(coalesce(at.turn, reached), reached);
  else
    at.turn := greatest(coalesce(at.turn, 0), at.most + 1);
    at.credit := 0;
    delete from hivepulse_store.fair_turn where queue = p_queue and level = p_level;
  end if;
  if at.turn - at.base > width / 2 then
    shift := at.turn - at.base - catch_up;
    perform hivepulse_store.fair_rebase(p_queue, low, low + width - 1, shift);
    at.base := at.base + shift;
  end if;
  return at;
end $$;

create function hivepulse_store.fair_first_turns(p_queue text, p_levels int[], p_keys text[], p_counts int[], p_used bigint[], width int, catch_up int) returns bigint[] language plpgsql set search_path = '' as $$
declare
  at hivepulse_store.fair_level;
  p_level int;
  entry record;
  first bigint;
  answer bigint[] := array_fill(0::bigint, array[2 * pg_catalog.cardinality(p_keys)]);
begin
  perform hivepulse_store.serialize('fair', p_queue);
  foreach p_level in array array(select distinct l from pg_catalog.unnest(p_levels) l) loop
    at := hivepulse_store.fair_open(p_queue, p_level, (
      select coalesce(max(k.used), -1) from rows from (pg_catalog.unnest(p_levels), pg_catalog.unnest(p_keys), pg_catalog.unnest(p_used)) as k(level, key, used)
      where k.level = p_level and k.key like 'n%'), width, catch_up);
    for entry in select k.key, k.count, k.used, k.place
      from rows from (pg_catalog.unnest(p_levels), pg_catalog.unnest(p_keys), pg_catalog.unnest(p_counts), pg_catalog.unnest(p_used)) with ordinality as k(level, key, count, used, place)
      where k.level = p_level order by k.place
    loop
      select last + 1 into first from hivepulse_store.fair_turn where queue = p_queue and level = p_level and key = entry.key;
      if entry.used >= first and entry.used < first + 64 then first := entry.used + 1; end if;
      first := coalesce(first, 0);
      if first < at.turn then
        first := greatest(first, case when entry.key like 'n%' then at.turn - at.credit else at.turn end);
        at.credit := at.credit - least(entry.count, at.turn - first);
      end if;
      if entry.key like 'n%' then at.most := greatest(at.most, first + entry.count - 1); end if;
      insert into hivepulse_store.fair_turn values (p_queue, p_level, entry.key, first + entry.count - 1)
      on conflict (queue, level, key) do update set last = excluded.last;
      answer[2 * entry.place - 1] := first;
      answer[2 * entry.place] := at.base;
    end loop;
    insert into hivepulse_store.fair_level values (p_queue, p_level, at.turn, at.credit, at.base, at.most, pg_catalog.clock_timestamp())
    on conflict (queue, level) do update set turn = excluded.turn, credit = excluded.credit, base = excluded.base, most = excluded.most, used_at = excluded.used_at;
  end loop;
  perform hivepulse_store.fair_tidy();
  return answer;
end $$;

create function hivepulse_store.fair_park(p_queue text, p_line text, p_job_id text, p_place double precision) returns int language plpgsql set search_path = '' as $$
begin
  insert into hivepulse_store.fair_line values (p_queue, p_line, p_job_id, p_place, pg_catalog.clock_timestamp() + interval '7 days')
  on conflict (queue, line, job_id) do update set place = excluded.place, expires_at = excluded.expires_at;
  return (select pg_catalog.count(*) from hivepulse_store.fair_line where queue = p_queue and line = p_line and place < p_place);
end $$;

create function hivepulse_store.fair_next(p_queue text, p_line text) returns text language sql volatile set search_path = '' as $$
  delete from hivepulse_store.fair_line where (queue, line, job_id) = (
    select queue, line, job_id from hivepulse_store.fair_line where queue = p_queue and line = p_line order by place, job_id limit 1 for update skip locked)
  returning job_id
$$;

create function hivepulse_store.fair_unpark(p_queue text, p_line text, p_job_id text) returns void language sql volatile set search_path = '' as $$
  delete from hivepulse_store.fair_line where queue = p_queue and line = p_line and job_id = p_job_id
$$;
`;
