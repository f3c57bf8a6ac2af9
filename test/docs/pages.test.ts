import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALERT_KINDS } from '../../lib/db/alert-types.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = (name: string): string => readFileSync(`${root}docs/${name}.md`, 'utf8');
const headings = (text: string): string[] => [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading ?? '');

/** What the guides of the older workers call their troubles, in their own words. */
const SYMPTOMS: readonly [guide: string, symptoms: readonly string[]][] = [
  ['Hivemind', ['Worker Not Processing Jobs', 'Jobs Failing Consistently', 'High Memory Usage', 'OpenAI Rate Limits']],
  ['360Brief', ['Worker Not Processing Jobs', 'Jobs Stuck in "pending"', 'High API Usage', 'Token Refresh Errors']],
  ['TexhPulze', ['Redis Connection Failed', 'Worker Not Processing Jobs', 'Jobs Stuck in Queue', 'OpenAI API Errors', 'Debug Mode']],
  ['review responder', ['OpenAI API error', 'Supabase connection failed', 'No jobs found', 'Worker not processing jobs', 'Debug Mode']],
  ['DealPulse', ['Workers Not Processing Jobs', 'Jobs Stuck in "Active"', 'High Memory Usage']],
  ['DealPulse, debugging', ['Enable Verbose Logging', 'Check Redis Connection', 'View Queue Contents']],
];

describe('docs/troubleshooting.md', () => {
  const known = headings(page('troubleshooting')).flatMap((heading) => heading.split(' · '));
  const lower = known.map((symptom) => symptom.toLowerCase());

  it.each(SYMPTOMS)('has a section for every symptom in the guide of %s', (_guide, symptoms) => {
    expect(symptoms.filter((symptom) => !lower.includes(symptom.toLowerCase()))).toEqual([]);
  });

  it('says in each section what to type', () => {
    const sections = page('troubleshooting').split(/^## /m).slice(1);
    expect(sections.filter((text) => !/```|\b[A-Z]+_[A-Z_]+/.test(text)).map((text) => text.split('\n')[0])).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  const text = page('operations');

  it('has what it means, how to see it, what to do and when it is over for each alert', () => {
    const alerts = [...text.matchAll(/^### ([a-z-]+)\n([\s\S]*?)(?=^##)/gm)].map(([, name, body = '']) => ({ name, body }));
    const names = alerts.map(({ name }) => name);
    expect(ALERT_KINDS.filter((kind) => !names.includes(kind.replaceAll('_', '-')))).toEqual([]);
    expect(alerts.filter(({ body }) => !['**Means**', '**See**', '**Do**'].every((part) => body.includes(part))).map(({ name }) => name)).toEqual([]);
  });

  it('lists every event that any process logs', () => {
    const sources = globSync('{lib,api,workers,schedulers,start,cli}/**/*.ts', { cwd: root }).map((file) => readFileSync(root + file, 'utf8'));
    const events = sources.flatMap((source) => [...source.matchAll(/\bevent: ['"]([a-z_]+\.[a-z_]+)['"]/g)].map(([, event]) => event ?? ''));
    expect(events.length).toBeGreaterThan(40);
    expect([...new Set(events)].filter((event) => !text.includes(`\`${event}\``))).toEqual([]);
  });

  it('lists no event that nobody logs', () => {
    const sources = globSync('{lib,api,workers,schedulers,start,cli}/**/*.ts', { cwd: root })
      .map((file) => readFileSync(root + file, 'utf8'))
      .join('');
    const [, table = ''] = text.split('### Events');
    const listed = [...table.matchAll(/`([a-z]+\.[a-z_]+)`/g)].map(([, event]) => event ?? '');
    const made = (event: string): boolean => sources.includes(`'${event}'`) || sources.includes(`\`${event.split('.')[0]}.\${`);
    expect(listed.filter((event) => !made(event))).toEqual([]);
  });
});

describe('SQL for operators', () => {
  let embedded: EmbeddedTestDb;
  beforeAll(async () => {
    embedded = await startEmbeddedDb();
  });
  afterAll(() => embedded?.stop());

  const statements = ['operations', 'troubleshooting', 'production'].flatMap((name) =>
    [...page(name).matchAll(/```sql\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
      block
        .replaceAll(/--.*$/gm, '')
        .split(/;\s*$/m)
        .map((statement) => statement.trim())
        .filter((statement) => statement !== ''),
    ),
  );

  it.each(statements)('%s', async (statement) => {
    await expect(embedded.sql(statement)).resolves.toBeInstanceOf(Array);
  });
});
