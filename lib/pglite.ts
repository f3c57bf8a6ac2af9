/**
 * An in-process Postgres (PGlite) that starts from a prepared copy: `initdb` runs once per machine, a caller's tables are made once per version.
 * A leaf: the database layer and the embedded queue both stand on it.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { cachedTemplate, defaultCacheDir, extractTar } from './pglite-template.ts';

export interface PgliteTemplate {
  /** Short and made for file names, for example `queue`. */
  name: string;
  /** Changes whenever `build` would give another result: hash what it applies. */
  version: string;
  /** Makes the tables in an empty database. Runs once per version and machine, never again when a folder is reopened. */
  build(pg: PGlite): Promise<void>;
}

export interface OpenPgliteOptions {
  /** A folder of its own, locked by the caller (`lockDataDir`), or `:memory:`. */
  dataDir: string | ':memory:';
  template: PgliteTemplate;
  /** Where templates are kept. Default: a private folder below the system's temporary one. */
  cacheDir?: string;
}

/** What `PGlite.create` takes; spelt out, as another package may bring a PGlite of its own. */
export interface PgliteSettings {
  startParams: string[];
  dataDir?: string;
  loadDataDir?: Blob;
}

/** Opens a folder as it is, or starts a new one from the template. The caller closes it. */
export async function openPglite(options: OpenPgliteOptions): Promise<PGlite> {
  const [{ PGlite }, settings] = await Promise.all([import('@electric-sql/pglite'), preparePglite(options)]);
  return PGlite.create(settings);
}

/** The same for those whose PGlite is made by somebody else: fills the folder when it is new, and returns the options to make it with. */
export async function preparePglite(options: OpenPgliteOptions): Promise<PgliteSettings> {
  const { PGlite } = await import('@electric-sql/pglite');
  const settings = { startParams: [...PGlite.defaultStartParams, ...START_PARAMETERS] };
  const template = () => cachedTemplate({ ...options.template, cacheDir: options.cacheDir ?? defaultCacheDir(), settings });
  if (options.dataDir === ':memory:') return { ...settings, loadDataDir: new Blob([await template()]) };
  const dataDir = resolve(options.dataDir);
  if (!existsSync(join(dataDir, 'PG_VERSION'))) await fillFolder(dataDir, await template());
  return { ...settings, dataDir };
}

/** PGlite's own 128 MB of shared buffers would all become resident; one process on a small database does as well with 16. */
const START_PARAMETERS = ['-c', 'shared_buffers=16MB'];

/** Into a folder beside it first: a process killed half-way leaves no folder that looks whole. */
async function fillFolder(dataDir: string, tar: Uint8Array<ArrayBuffer>): Promise<void> {
  const partial = `${dataDir}.new`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(dataDir), { recursive: true, mode: 0o700 });
  extractTar(tar, partial);
  if (existsSync(dataDir)) await rmdir(dataDir);
  await rename(partial, dataDir);
}
