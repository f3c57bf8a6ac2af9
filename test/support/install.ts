import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Where a server's programs are: on the PATH, where distributions put them, else installed by us. Nothing is skipped when one is missing. */
interface Software {
  title: string;
  /** All of them must stand in one folder. */
  programs: readonly string[];
  /** Folders looked at after the PATH, best first. */
  folders: () => string[];
  aptPackage: string;
}

const redis: Software = {
  title: 'Redis',
  programs: ['redis-server'],
  folders: () => ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin'],
  aptPackage: 'redis-server',
};

const postgres: Software = {
  title: 'PostgreSQL',
  programs: ['initdb', 'postgres'],
  folders: () => [...versionFolders('/usr/lib/postgresql'), '/usr/local/bin', '/usr/bin', '/usr/local/pgsql/bin', '/opt/homebrew/bin'],
  aptPackage: 'postgresql',
};

/** Path of `redis-server`. */
export function findRedis(): string {
  return join(findOrThrow(redis), 'redis-server');
}

/** Folder with `initdb` and `postgres`. */
export function findPostgres(): string {
  return findOrThrow(postgres);
}

/** Called once per run, by the global set-up, so that test files running at the same time never install. */
export async function ensureServers(log: (line: string) => void): Promise<void> {
  const missing = [redis, postgres].filter((software) => find(software) === undefined);
  if (missing.length === 0) return;
  if (!canInstall()) throw new Error(missing.map(explain).join('\n'));
  log(`Installing ${missing.map(({ title }) => title).join(' and ')} for the tests with apt-get …`);
  await apt('update');
  await apt('install', '-y', '--no-install-recommends', ...missing.map(({ aptPackage }) => aptPackage));
  for (const software of missing) findOrThrow(software);
}

function find(software: Software): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...software.folders()];
  return folders.find((folder) => folder !== '' && software.programs.every((program) => isExecutable(join(folder, program))));
}

function findOrThrow(software: Software): string {
  const folder = find(software);
  if (folder === undefined) throw new Error(explain(software));
  return folder;
}

function explain({ title, programs, aptPackage }: Software): string {
  return `The tests need ${title}: put ${programs.join(' and ')} on the PATH, or install it (Debian, Ubuntu: apt-get install ${aptPackage}; macOS: brew install ${aptPackage.replace('-server', '')}).`;
}

/** Newest first. */
function versionFolders(parent: string): string[] {
  try {
    const versions = readdirSync(parent).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(parent, version, 'bin'));
  } catch {
    return [];
  }
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && isExecutable('/usr/bin/apt-get');
}

/**
 * The packages may start a server of their own on the default port; that does not matter, since each test file starts another one on a free port
 * with its own folder.
 */
async function apt(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await promisify(execFile)('/usr/bin/apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    env,
    timeout: 600_000,
    maxBuffer: 64 * 1024 * 1024,
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
