import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const LOCK = join(root, 'node_modules/.cache/hivepulse-build.lock');
/** In dist/, so that it goes with every other build. */
const STAMP = join(root, 'dist/.built-from');
const SOURCES = ['{lib,workers,schedulers,api,start,cli,supabase}/**', 'scripts/build.ts', 'tsconfig*.json', 'package.json'];
const BUILD_WITHIN_MS = 240_000;
const POLL_MS = 200;

/** Makes `dist/` what the sources say, unless it is already. Test files that run at the same time build once. */
export async function ensureBuilt(): Promise<void> {
  const deadline = performance.now() + BUILD_WITHIN_MS;
  while (!isBuilt()) {
    if (tryLock()) return buildAndUnlock();
    if (performance.now() > deadline) throw new Error(`Another build holds ${LOCK} for too long`);
    await pause(POLL_MS);
  }
}

async function buildAndUnlock(): Promise<void> {
  try {
    if (isBuilt()) return;
    const built = sourcesHash();
    await build();
    writeFileSync(STAMP, built);
  } finally {
    rmSync(LOCK, { force: true });
  }
}

async function build(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, ['scripts/build.ts', '--no-check'], { cwd: root, timeout: BUILD_WITHIN_MS });
  } catch (error) {
    // The compiler says what is wrong on standard output, which the error's message leaves out.
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`npm run build failed:\n${said}`, { cause: error });
  }
}

/** During a build the stamp is missing. */
function isBuilt(): boolean {
  return readText(STAMP) === sourcesHash();
}

function sourcesHash(): string {
  const hash = createHash('sha256');
  for (const file of globSync(SOURCES, { cwd: root }).sort()) {
    const path = join(root, file);
    if (statSync(path).isFile()) hash.update(`${file}\0`).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** The lock of a process that has died is taken over. */
function tryLock(): boolean {
  mkdirSync(dirname(LOCK), { recursive: true });
  try {
    writeFileSync(LOCK, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch {
    const holder = Number(readText(LOCK));
    if (holder > 0 && !isAlive(holder)) rmSync(LOCK, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
