/**
 * Templates of PGlite folders, one tar file each: the empty database (after `initdb`), and one per caller and version made from it.
 * Files appear by rename, so any number of processes may build the same one at once.
 */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { DAY } from './clock.ts';
import type { PgliteTemplate } from './pglite.ts';

interface TemplateRequest extends PgliteTemplate {
  cacheDir: string;
  settings: { startParams: string[] };
}

/** Segments of 1 MB instead of 16 keep a new folder small. */
const INITDB_PARAMETERS = ['--wal-segsize=1'];
const KEEP_UNUSED_MS = 7 * DAY;

/** One build per file and process: the queue and the database both ask for the empty one when they start. */
const building = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/** The template as an uncompressed tar, from the cache or built now. */
export async function cachedTemplate(request: TemplateRequest): Promise<Uint8Array<ArrayBuffer>> {
  const settingsHash = hashOf([packageVersion('@electric-sql/pglite'), ...INITDB_PARAMETERS, ...request.settings.startParams]);
  const emptyFile = join(request.cacheDir, `empty-${settingsHash}.tar`);
  const file = join(request.cacheDir, `${request.name}-${hashOf([settingsHash, request.version])}.tar`);
  return once(file, async () => {
    const empty = await once(emptyFile, () => buildEmpty(request.settings));
    return buildFrom(empty, request);
  });
}

async function once(file: string, build: () => Promise<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> {
  const running = building.get(file) ?? readOrBuild(file, build).finally(() => building.delete(file));
  building.set(file, running);
  return running;
}

async function readOrBuild(file: string, build: () => Promise<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>> {
  const cached = await readFile(file).catch(() => undefined);
  if (cached) return cached;
  const tar = await build();
  await keepFile(file, tar);
  await removeUnused(dirname(file), Date.now());
  return tar;
}

/** Whole or not at all. A full or read-only disk costs the next start some time; it must not cost this one. */
export async function keepFile(file: string, content: Uint8Array | string): Promise<void> {
  const partial = `${file}.${process.pid}.${performance.now()}.partial`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    .then(() => writeFile(partial, content, { mode: 0o600 }))
    .then(() => rename(partial, file))
    .catch(() => rm(partial, { force: true }))
    .catch(() => {});
}

async function buildEmpty(settings: TemplateRequest['settings']): Promise<Uint8Array<ArrayBuffer>> {
  const { PGlite } = await import('@electric-sql/pglite');
  const pg = await PGlite.create({ ...settings, initDbStartParams: INITDB_PARAMETERS });
  // Two thirds of a new folder are databases that only CREATE DATABASE reads.
  await pg.exec('update pg_database set datistemplate = false');
  await pg.exec('drop database template0');
  await pg.exec('drop database template1');
  return dumpAndClose(pg);
}

async function buildFrom(empty: Uint8Array<ArrayBuffer>, request: TemplateRequest): Promise<Uint8Array<ArrayBuffer>> {
  const { PGlite } = await import('@electric-sql/pglite');
  const pg = await PGlite.create({ ...request.settings, loadDataDir: new Blob([empty]) });
  try {
    await request.build(pg);
  } catch (error) {
    await pg.close();
    throw error;
  }
  return dumpAndClose(pg);
}

async function dumpAndClose(pg: PGlite): Promise<Uint8Array<ArrayBuffer>> {
  await pg.exec('checkpoint');
  const dump = await pg.dumpDataDir('none');
  await pg.close();
  return new Uint8Array(await dump.arrayBuffer());
}

/** Templates are code for the database to run: a folder that somebody else could write to is not used. */
export function defaultCacheDir(): string {
  const dir = join(tmpdir(), `hivepulse-cache-${userInfo().uid}`);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const found = lstatSync(dir);
    const ours = found.isDirectory() && (process.getuid === undefined || (found.uid === process.getuid() && (found.mode & 0o022) === 0));
    if (ours) return dir;
  } catch {
    // Not writable, or a file of that name: a private folder, used once.
  }
  return mkdtempSync(join(tmpdir(), 'hivepulse-cache-'));
}

async function removeUnused(cacheDir: string, now: number): Promise<void> {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    const file = join(cacheDir, name);
    const found = await stat(file).catch(() => undefined);
    if (found && now - Math.max(found.atimeMs, found.mtimeMs) > KEEP_UNUSED_MS) await rm(file, { force: true });
  }
}

/** Of an installed package, whatever it exports; part of what a prepared file depends on. */
export function packageVersion(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const file = folders.map((folder) => join(folder, name, 'package.json')).find((candidate) => existsSync(candidate));
  const manifest: unknown = file ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

const BLOCK = 512;

/**
 * Unpacks what `dumpDataDir` packs (POSIX ustar: folders and files, names below 100 bytes) into `folder`.
 * PGlite's own `loadDataDir` takes 0.2 s longer, as every write goes through its file system layer.
 */
export function extractTar(tar: Uint8Array, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let offset = 0; offset + BLOCK <= tar.length && tar[offset] !== 0; ) {
    const name = textAt(tar, offset, 100);
    const size = Number.parseInt(textAt(tar, offset + 124, 12), 8);
    if (name.split('/').includes('..')) throw new Error(`The template holds a path that leaves its folder: ${name}`);
    const path = join(folder, name);
    if (textAt(tar, offset + 156, 1) === '5') mkdirSync(path, { recursive: true, mode: 0o700 });
    else writeFileSync(path, tar.subarray(offset + BLOCK, offset + BLOCK + size), { mode: 0o600 });
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function textAt(tar: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(tar.buffer, tar.byteOffset + start, length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end).trim();
}
