import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Paths and URLs of all modules that a fresh process has loaded after running `code`. ES modules are seen by a hook, CommonJS ones in its cache. */
export async function modulesLoadedBy(code: string): Promise<string[]> {
  const script = `
    import { createRequire, registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({ load: (url, context, next) => { loaded.add(url); return next(url, context); } });
    ${code}
    for (const path of Object.keys(createRequire(import.meta.url).cache)) loaded.add(path);
    process.stdout.write(JSON.stringify([...loaded]));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: new URL('../..', import.meta.url) });
  return JSON.parse(stdout);
}
