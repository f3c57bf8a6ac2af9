import { createHash } from 'node:crypto';
import type { PgQueryable } from 'bullmq';
import { FAIR_SQL } from '../fair/sql.ts';

interface StoreMigration {
  version: number;
  name: string;
  sql: string;
}

/**
 * Forward only. Every function is one short transaction; those that read and then write serialize on their key by an advisory lock
 * of the transaction, which works behind any pooler. `clock_timestamp()` and not `now()`: what waited for the lock must see the time after it.
 * Only flags are durable: limits, buckets, places and flights are relearned within seconds after a crash of Postgres.
 */
const migrations: readonly StoreMigration[] = [
  {
    version: 1,
    name: 'store',
    sql: `
create unlogged table hivepulse_store.limited (key text primary key, until_at timestamptz not null);
create unlogged table hivepulse_store.bucket (key text primary key, tokens double precision not null, at timestamptz not null, full_at timestamptz not null);
create unlogged table hivepulse_store.place (key text, holder text, expires_at timestamptz not null, primary key (key, holder));
create table hivepulse_store.flag (key text primary key, value text not null, expires_at timestamptz not null);
create unlogged table hivepulse_store.flight (key text primary key, holder text, lease_until timestamptz, fence bigint not null, value text, fresh_until timestamptz, expires_at timestamptz not null);
create index on hivepulse_store.limited (until_at);
create index on hivepulse_store.bucket (full_at);
create index on hivepulse_store.place (expires_at);
create index on hivepulse_store.flag (expires_at);
create index on hivepulse_store.flight (expires_at);
create sequence hivepulse_store.fence;

create function hivepulse_store.serialize(kind text, key text) returns void language sql set search_path = '' as $$
  select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(kind || ':' || key, 7215))
$$;

-- One call in fifty also removes some of what is long over: tables stay as small as what is in use, and no call pays for much of it.
create function hivepulse_store.tidy() returns void language plpgsql set search_path = '' as $$
begin
  if pg_catalog.random() > 0.02 then return; end if;
  delete from hivepulse_store.limited where ctid = any (array(select ctid from hivepulse_store.limited where until_at < pg_catalog.clock_timestamp() limit 200 for update skip locked));
  delete from hivepulse_store.bucket where ctid = any (array(select ctid from hivepulse_store.bucket where full_at < pg_catalog.clock_timestamp() limit 200 for update skip locked));
  delete from hivepulse_store.place where ctid = any (array(select ctid from hivepulse_store.place where expires_at < pg_catalog.clock_timestamp() limit 200 for update skip locked));
  delete from hivepulse_store.flag where ctid = any (array(select ctid from hivepulse_store.flag where expires_at < pg_catalog.clock_timestamp() limit 200 for update skip locked));
  delete from hivepulse_store.flight where ctid = any (array(select ctid from hivepulse_store.flight where expires_at < pg_catalog.clock_timestamp() limit 200 for update skip locked));
end $$;

create function hivepulse_store.after(ms double precision) returns timestamptz language sql volatile set search_path = '' as $$
  select pg_catalog.clock_timestamp() + ms * interval '1 millisecond'
$$;

create function hivepulse_store.limited_until(p_key text) returns bigint language sql volatile set search_path = '' as $$
  select pg_catalog.ceil(extract(epoch from until_at) * 1000)::bigint from hivepulse_store.limited where key = p_key and until_at > pg_catalog.clock_timestamp()
$$;

create function hivepulse_store.limit_until(p_key text, p_until_ms bigint) returns void language plpgsql set search_path = '' as $$
begin
  insert into hivepulse_store.limited as l values (p_key, pg_catalog.to_timestamp(p_until_ms / 1000.0))
  on conflict (key) do update set until_at = greatest(l.until_at, excluded.until_at);
  perform hivepulse_store.tidy();
end $$;

-- -1 when taken, else the wait in ms.
create function hivepulse_store.take_tokens(p_key text, capacity double precision, refill double precision, cost double precision) returns bigint language plpgsql set search_path = '' as $$
declare
  found_bucket hivepulse_store.bucket;
  moment timestamptz;
  available double precision;
begin
  perform hivepulse_store.serialize('bucket', p_key);
  moment := pg_catalog.clock_timestamp();
  select * into found_bucket from hivepulse_store.bucket where key = p_key;
  available := case when found_bucket.key is null then capacity
    else least(capacity, found_bucket.tokens + greatest(0, extract(epoch from moment - found_bucket.at)) * refill) end;
  if available < cost then return greatest(1, pg_catalog.ceil((cost - available) / refill * 1000))::bigint; end if;
  available := available - cost;
  insert into hivepulse_store.bucket values (p_key, available, moment, moment + (capacity - available) / refill * interval '1 second')
  on conflict (key) do update set tokens = excluded.tokens, at = excluded.at, full_at = excluded.full_at;
  perform hivepulse_store.tidy();
  return -1;
end $$;

create function hivepulse_store.acquire(p_key text, p_holder text, p_limit int, lease_ms double precision) returns boolean language plpgsql set search_path = '' as $$
begin
  perform hivepulse_store.serialize('place', p_key);
  delete from hivepulse_store.place where key = p_key and expires_at <= pg_catalog.clock_timestamp();
  if not exists (select from hivepulse_store.place where key = p_key and holder = p_holder)
    and (select pg_catalog.count(*) from hivepulse_store.place where key = p_key) >= p_limit then return false; end if;
  insert into hivepulse_store.place values (p_key, p_holder, hivepulse_store.after(lease_ms))
  on conflict (key, holder) do update set expires_at = excluded.expires_at;
  perform hivepulse_store.tidy();
  return true;
end $$;

create function hivepulse_store.release(p_key text, p_holder text) returns void language sql volatile set search_path = '' as $$
  delete from hivepulse_store.place where key = p_key and holder = p_holder
$$;

create function hivepulse_store.set_flag(p_key text, p_value text, ttl_ms double precision) returns void language plpgsql set search_path = '' as $$
begin
  insert into hivepulse_store.flag values (p_key, p_value, hivepulse_store.after(ttl_ms))
  on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at;
  perform hivepulse_store.tidy();
end $$;

create function hivepulse_store.clear_flag(p_key text) returns void language sql volatile set search_path = '' as $$
  delete from hivepulse_store.flag where key = p_key
$$;

create function hivepulse_store.flags(p_keys text[]) returns jsonb language sql volatile set search_path = '' as $$
  select pg_catalog.jsonb_agg(f.value order by k.place)
  from pg_catalog.unnest(p_keys) with ordinality as k(key, place)
  left join hivepulse_store.flag f on f.key = k.key and f.expires_at > pg_catalog.clock_timestamp()
$$;

-- A flight outlives its lease by an hour, so that a leader who was only slow can still publish when nobody took over.
create function hivepulse_store.lead(p_key text, p_holder text, lease_ms double precision, out role text, out fence bigint, out value text) language plpgsql set search_path = '' as $$
declare
  flight hivepulse_store.flight;
  moment timestamptz;
begin
  perform hivepulse_store.serialize('flight', p_key);
  moment := pg_catalog.clock_timestamp();
  select f.* into flight from hivepulse_store.flight f where f.key = p_key;
  if flight.fresh_until > moment then
    role := 'follower'; value := flight.value; return;
  end if;
  if flight.lease_until > moment and flight.holder is distinct from p_holder then
    role := 'pending'; return;
  end if;
  role := 'leader';
  fence := case when flight.lease_until > moment then flight.fence else pg_catalog.nextval('hivepulse_store.fence') end;
  insert into hivepulse_store.flight as f values (p_key, p_holder, hivepulse_store.after(lease_ms), fence, null, null, hivepulse_store.after(lease_ms + 3600000))
  on conflict (key) do update set holder = excluded.holder, lease_until = excluded.lease_until, fence = excluded.fence, value = null, fresh_until = null, expires_at = excluded.expires_at;
  perform hivepulse_store.tidy();
end $$;

create function hivepulse_store.publish(p_key text, p_holder text, p_value text, ttl_ms double precision) returns boolean language plpgsql set search_path = '' as $$
begin
  perform hivepulse_store.serialize('flight', p_key);
  update hivepulse_store.flight set value = p_value, fresh_until = hivepulse_store.after(ttl_ms), lease_until = null, expires_at = hivepulse_store.after(ttl_ms)
  where key = p_key and holder = p_holder;
  return found;
end $$;

create function hivepulse_store.abandon(p_key text, p_holder text) returns void language plpgsql set search_path = '' as $$
begin
  perform hivepulse_store.serialize('flight', p_key);
  update hivepulse_store.flight set holder = null, lease_until = null where key = p_key and holder = p_holder;
end $$;
`,
  },
  { version: 2, name: 'fair', sql: FAIR_SQL },
];

export const LATEST_STORE_VERSION = Math.max(...migrations.map(({ version }) => version));
/** Changes with every letter of the migrations. */
export const STORE_SCHEMA_HASH = createHash('sha256').update(JSON.stringify(migrations)).digest('hex').slice(0, 16);

/** Applies what is missing, in one transaction, one process at a time. `session` must be one connection. */
export async function migrateStore(session: PgQueryable): Promise<void> {
  await session.query('begin');
  try {
    await session.query(`select pg_advisory_xact_lock(hashtextextended('hivepulse_store.migration', 7215))`);
    await session.query('create schema if not exists hivepulse_store');
    await session.query(
      'create table if not exists hivepulse_store.migration (version int primary key, name text not null, applied_at timestamptz not null default now())',
    );
    const { rows } = await session.query<{ version: number | null }>('select max(version) as version from hivepulse_store.migration');
    const current = Number(rows[0]?.version ?? 0);
    for (const { version, name, sql } of migrations.filter((migration) => migration.version > current)) {
      await session.query(sql);
      await session.query('insert into hivepulse_store.migration (version, name) values ($1, $2)', [version, name]);
    }
    await session.query('commit');
  } catch (error) {
    await session.query('rollback');
    throw error;
  }
}
