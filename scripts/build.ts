import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Compiles to `dist/`, puts prompts, lexicons, prices, pages and SQL beside the code as in the sources, and checks that nothing still asks for a `.ts`.

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = join(root, 'dist');
/** As in `tsconfig.build.json`. */
const COMPILED = ['lib', 'workers', 'schedulers', 'api', 'start', 'cli'];

rmSync(dist, { recursive: true, force: true });
compile();
copyAssets();
rewriteDeclarations();
refuseSourcePaths();

/** `--no-check` leaves out what `npm run typecheck` proves, for the tests: the output is the same, in a third of the time. */
function compile(): void {
  const tsc = join(root, 'node_modules/.bin/tsc');
  const check = process.argv.includes('--no-check') ? ['--noCheck'] : [];
  const { status } = spawnSync(tsc, ['--project', 'tsconfig.build.json', ...check], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

function copyAssets(): void {
  for (const folder of [...COMPILED.filter((name) => existsSync(join(root, name))), 'supabase']) {
    cpSync(join(root, folder), join(dist, folder), { recursive: true, filter: (path) => !path.endsWith('.ts') });
  }
}

/** The compiler leaves `.ts` in the imports of declarations. */
function rewriteDeclarations(): void {
  for (const file of globSync('**/*.d.ts', { cwd: dist })) {
    const path = join(dist, file);
    const text = readFileSync(path, 'utf8');
    const rewritten = text.replace(/((?:from|import)\s*\(?\s*(['"])\.{1,2}\/[^'"]*)\.ts\2/g, '$1.js$2');
    if (rewritten !== text) writeFileSync(path, rewritten);
  }
}

function refuseSourcePaths(): void {
  const sourcePath = /(?:\bfrom|\bimport|new URL)\s*\(?\s*(['"`])\.{1,2}\/[^'"`]*(?<!\.d)\.ts\1/;
  const files = globSync('**/*.{js,d.ts}', { cwd: dist });
  const bad = files.filter((file) => sourcePath.test(readFileSync(join(dist, file), 'utf8')));
  if (bad.length === 0) return;
  console.error(`These files in dist/ ask for a .ts (use fileBeside() of lib/files.ts):\n${bad.map((file) => `  ${file}`).join('\n')}`);
  process.exit(1);
}
