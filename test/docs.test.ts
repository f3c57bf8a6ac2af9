import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { declaredIn, namesOf } from '../lib/config/environment.ts';
import { environment } from '../lib/config/variables/index.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const { scripts, dependencies, devDependencies }: Record<string, Record<string, string>> = JSON.parse(read('package.json'));
const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'examples/app/README.md', ...globSync('docs/*.md', { cwd: root }).sort()];

/** Named in the documentation, but no variables of ours: what old workers and other programs read, placeholders, and names in code. */
const FOREIGN = new Set([
  ...['NODE_ENV', 'QUEUE_NAMES', 'REDIS_UR', 'REDISCLI_AUTH', 'OTEL_BSP_SCHEDULE_DELAY', 'SOURCE_SYNC', 'STORY_LENGTH', 'WORDS_PER_MINUTE'],
  ...['SCALE_ROUNDS', 'SCALE_WINDOW_S', 'LOCAL_DATABASE'],
  ...['TOKEN', 'API_KEY', 'STORY_ID', 'USER_ID', 'JOB_ID', 'DOCUMENT_ID', 'DEAL_ID'],
]);

describe.each(documents)('%s', (file) => {
  const text = read(file);

  it('links to what is there', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) => join(dirname(file), path ?? ''));
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names commands that exist', () => {
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name ?? '');
    const ofOldApps = ['typeorm:migrate', 'dev'];
    expect(named.filter((name) => !(name in (scripts ?? {})) && !ofOldApps.includes(name))).toEqual([]);
  });

  it('names variables that exist', () => {
    const known = new Set(declaredIn(environment).flatMap(namesOf));
    const named = [...text.matchAll(/(?<![\w$/_])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?!\w)/g)].map(([name]) => name);
    expect(named.filter((name) => !known.has(name) && !FOREIGN.has(name))).toEqual([]);
  });

  it('names files that exist', () => {
    const named = [
      ...text.matchAll(/`((?:lib|api|workers|schedulers|start|cli|demo|test|bench|supabase|scripts|examples|deploy|docs)\/[\w./-]+)`/g),
    ].map(([, path]) => path ?? '');
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

it('docs/decisions.md has a reason for every package', () => {
  const text = read('docs/decisions.md');
  const packages = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !name.startsWith('@types/'));
  const missing = packages.filter(
    (name) => !text.includes(`\`${name}\``) && !(name.startsWith('@fastify/') && text.includes(`\`${name.slice('@fastify/'.length)}\``)),
  );
  expect(missing).toEqual([]);
});

it('README.md begins with the two commands', () => {
  expect(read('README.md')).toMatch(/^# Hivepulse\n\n```bash\nnpm ci && npm run demo .*\nnpm ci && npm test .*\n```\n/);
});
