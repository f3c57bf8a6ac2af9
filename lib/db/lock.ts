/**
 * One process at a time in a data folder: PGlite has no lock of its own, and two of them on one folder lose rows without an error.
 * The operating system keeps the lock (SQLite's, on a file of its own): it ends with its process, even by `kill -9`, and no pid can be mistaken for another's.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { PermanentError } from '../errors.ts';

export interface DataDirLock {
  readonly dir: string;
  /** Safe to call twice. The end of the process releases too. */
  release(): void;
}

const holderSchema = z.object({ pid: z.number(), since: z.string(), description: z.string() });
/** Result code of SQLite: another connection holds the lock. */
const SQLITE_BUSY = 5;

/**
 * Makes the folder where it is missing (readable by its owner only) and locks it. `description` names the holder to others, for example `hivepulse start`.
 * Throws `PermanentError`: `data_dir_locked` (names who holds it and since when), `data_dir_unusable`.
 */
export function lockDataDir(dir: string, description = 'hivepulse'): DataDirLock {
  const path = resolve(dir);
  const handle = acquire(path);
  writeFileSync(holderFile(path), JSON.stringify({ pid: process.pid, since: new Date().toISOString(), description }), { mode: 0o600 });
  return {
    dir: path,
    release: () => {
      if (handle.isOpen) handle.close();
    },
  };
}

function acquire(path: string): DatabaseSync {
  let handle: DatabaseSync | undefined;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    handle = new DatabaseSync(join(path, 'hivepulse.lock'), { timeout: 0 });
    // In memory: an exclusive transaction then leaves nothing on the disk, whatever ends it.
    handle.exec('pragma journal_mode = memory');
    handle.exec('begin exclusive');
    return handle;
  } catch (error) {
    if (handle?.isOpen) handle.close();
    throw isBusy(error) ? lockedBy(path) : unusable(path, error);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function lockedBy(path: string): PermanentError {
  const holder = readHolder(path);
  const who = holder ? `${holder.description} (process ${holder.pid}, since ${holder.since})` : 'another process';
  const cure = 'Stop it first, or set HIVEPULSE_DATA_DIR to another folder';
  return new PermanentError(`The data folder ${path} is in use by ${who}. ${cure}.`, {
    code: 'data_dir_locked',
    details: { dir: path, ...(holder ? { pid: holder.pid, since: holder.since } : {}) },
  });
}

function unusable(path: string, cause: unknown): PermanentError {
  const cure = 'Set HIVEPULSE_DATA_DIR to a folder that this user may write to, or to :memory:';
  return new PermanentError(`The data folder ${path} cannot be used. ${cure}.`, { code: 'data_dir_unusable', cause });
}

/** Undefined in the instant between taking the lock and saying so. */
function readHolder(path: string): z.infer<typeof holderSchema> | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(holderFile(path), 'utf8')));
  } catch {
    return undefined;
  }
}

const holderFile = (path: string): string => join(path, 'holder.json');
