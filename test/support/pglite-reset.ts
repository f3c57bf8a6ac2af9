import { z } from 'zod';
import type { EmbeddedSql } from '../../lib/db/embedded.ts';

const OURS = `nspname !~ '^pg_' and nspname <> 'information_schema'`;
const tableList = z.array(z.object({ name: z.string() }));
const digest = z.tuple([z.object({ digest: z.string() })]);

/** Of a database as it is now. What it returns brings the database back to that, and resolves to false where it cannot: somebody changed the schema, or rows that were there. */
export async function createReset(sql: EmbeddedSql): Promise<() => Promise<boolean>> {
  const names = tableList.parse(await sql(TABLES)).map(({ name }) => name);
  const filled = tableList.parse(await sql(whichHaveRows(names))).map(({ name }) => name);
  const meantEmpty = names.filter((name) => !filled.includes(name));
  const read = async (): Promise<string> => {
    const parts = [await sql(SCHEMA), await sql(rowsOf(filled))];
    return parts.map((part) => digest.parse(part)[0].digest).join();
  };
  const asNew = await read();
  return async () => {
    await sql('rollback');
    await sql('discard all');
    const used = tableList.parse(await sql(whichHaveRows(meantEmpty))).map(({ name }) => name);
    if (used.length > 0) await sql(`truncate ${used.join(', ')} restart identity cascade`);
    return (await read()) === asNew;
  };
}

const TABLES = `
  select format('%I.%I', nspname, relname) as name from pg_class join pg_namespace n on n.oid = relnamespace
  where relkind in ('r', 'p') and ${OURS} order by 1
`;

const whichHaveRows = (names: readonly string[]): string =>
  names.map((name) => `select '${name.replaceAll("'", "''")}' as name where exists (select from ${name})`).join(' union all ');

const rowsOf = (names: readonly string[]): string => {
  const rows = names.map((name) => `select '${name.replaceAll("'", "''")}' || to_jsonb(t)::text as line from ${name} t`);
  return `select coalesce(md5(string_agg(line, ',' order by line)), '') as digest from (${rows.join(' union all ')}) as rows`;
};

/** A statement that changes a part of the schema writes its row anew (`xmin`); of tables, truncating does so too. */
const SCHEMA = `
  select md5(string_agg(line, ',' order by line)) as digest from (
    select 'class ' || concat_ws(' ', c.oid, relname, relkind, relrowsecurity, relforcerowsecurity, relacl, reloptions, relowner) as line
      from pg_class c join pg_namespace n on n.oid = relnamespace where ${OURS}
    union all select 'attribute ' || concat_ws(' ', attrelid, attnum, a.xmin) from pg_attribute a where attrelid >= 16384
      and attrelid in (select c.oid from pg_class c join pg_namespace n on n.oid = relnamespace where ${OURS})
    union all select 'namespace ' || concat_ws(' ', oid, xmin) from pg_namespace where ${OURS}
    union all select 'proc ' || concat_ws(' ', p.oid, p.xmin) from pg_proc p where p.oid >= 16384
    union all select 'trigger ' || concat_ws(' ', oid, xmin) from pg_trigger
    union all select 'policy ' || concat_ws(' ', oid, xmin) from pg_policy
    union all select 'constraint ' || concat_ws(' ', oid, xmin) from pg_constraint
    union all select 'type ' || concat_ws(' ', oid, xmin) from pg_type where oid >= 16384
    union all select 'role ' || concat_ws(' ', oid, xmin) from pg_authid
    union all select 'setting ' || concat_ws(' ', setdatabase, setrole, setconfig) from pg_db_role_setting
    union all select 'acl ' || concat_ws(' ', oid, xmin) from pg_default_acl
  ) as lines
`;
