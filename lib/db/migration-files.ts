import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PermanentError } from '../errors.ts';

export interface MigrationFile {
  /** Leading digits of the file name, as in Supabase's ledger. */
  version: string;
  /** The rest of the name. */
  name: string;
  file: string;
  sql: string;
}

export interface MigrationFiles {
  bootstrap: string;
  /** Oldest first. */
  migrations: MigrationFile[];
}

/** The SQL of `supabase/`, from the sources or from `dist/`. */
export async function migrationFiles(): Promise<MigrationFiles> {
  const root = supabaseFolder();
  const names = (await readdir(join(root, 'migrations'))).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(names.map((file) => readMigration(join(root, 'migrations'), file)));
  return { bootstrap: await readFile(join(root, 'bootstrap.sql'), 'utf8'), migrations };
}

async function readMigration(folder: string, file: string): Promise<MigrationFile> {
  const [, version, name] = /^(\d+)_(.+)\.sql$/.exec(file) ?? [];
  if (!version || !name) throw new PermanentError(`${file} is not named <digits>_<name>.sql`, { code: 'migration_name' });
  return { version, name, file, sql: await readFile(join(folder, file), 'utf8') };
}

/** Beside `lib/` in the sources as in `dist/`. */
function supabaseFolder(): string {
  const folder = join(import.meta.dirname, '..', '..', 'supabase');
  if (existsSync(join(folder, 'migrations'))) return folder;
  throw new PermanentError(`The migrations are missing from this installation: there is no ${folder}`, { code: 'migrations_missing' });
}
