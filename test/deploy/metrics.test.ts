import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createMetrics } from '../../lib/metrics/index.ts';
import { freePort } from '../support/port.ts';
import { newStoryBody, startWorld, type World } from '../support/world.ts';
import { type Family, familyOf, parseExposition } from './exposition.ts';
import { selectorsOf } from './promql.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const seconds = z.string().regex(/^\d+[smh]$/);
const ruleFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string().regex(/^hivepulse-[a-z]+$/),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Hivepulse[A-Z]\w+$/),
          expr: z.string(),
          for: seconds,
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), runbook: z.string().regex(/^docs\/operations\.md#[a-z-]+$/) }),
        }),
      ),
    }),
  ),
});
const rules = ruleFile.parse(parse(read('deploy/prometheus/alerts.yml'))).groups.flatMap((group) => group.rules);

const datasource = z.object({ type: z.literal('prometheus'), uid: z.literal(`\${datasource}`) });
const place = z.object({ x: z.int().min(0), y: z.int().min(0), w: z.int().min(1).max(24), h: z.int().min(1) });
const rowPanel = z.object({ id: z.int(), type: z.literal('row'), title: z.string(), collapsed: z.literal(false), gridPos: place });
const figurePanel = z.object({
  id: z.int(),
  type: z.enum(['stat', 'timeseries', 'table']),
  title: z.string().min(3),
  description: z.string().min(5),
  datasource,
  gridPos: place,
  targets: z.array(z.object({ datasource, expr: z.string(), legendFormat: z.string().optional() })).min(1),
});
const dashboard = z
  .object({
    uid: z.literal('hivepulse'),
    templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string(), definition: z.string().optional() })) }),
    panels: z.array(z.discriminatedUnion('type', [rowPanel, figurePanel])),
  })
  .parse(JSON.parse(read('deploy/grafana/dashboards/hivepulse.json')));
const figures = dashboard.panels.filter((panel) => panel.type !== 'row');

const expressions = [
  ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...figures.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: title, expr }))),
];

/** Prometheus' own, and what it adds to every series when it reads it. */
const FOREIGN: Family[] = [
  { name: 'up', type: 'gauge', help: '', labels: new Map() },
  {
    name: 'ALERTS',
    type: 'gauge',
    help: '',
    labels: new Map([
      ['alertname', new Set()],
      ['alertstate', new Set()],
    ]),
  },
];
const TARGET_LABELS = ['job', 'instance'];
/** States and results of which a test can see every value; models, outcomes and queues depend on what runs. */
const CLOSED = ['state', 'result', 'direction'];

let world: World;
let texts: readonly string[];
let families: Map<string, Family>;

/** What differs where the queues live in Postgres. */
const onPostgres = () =>
  createMetrics({
    facts: world.service.facts,
    store: { kind: 'postgres', size: async () => ({ bytes: 1 }) },
    outbox: async () => new Map(),
    lastPoll: world.service.lastPoll,
    spentTodayUsd: async () => 0,
  });

const known = (metric: string): Family | undefined => FOREIGN.find(({ name }) => name === metric) ?? familyOf(metric, families);

function problemsOf(expr: string): string[] {
  return selectorsOf(expr).flatMap(({ metric, matchers, groupedBy }) => {
    const family = known(metric);
    if (!family) return [`no metric ${metric}`];
    const labels = [...family.labels.keys(), ...TARGET_LABELS, ...(metric.endsWith('_bucket') ? ['le'] : [])];
    const unknown = [...matchers.map(({ label }) => label), ...groupedBy].filter((label) => !labels.includes(label));
    const values = matchers
      .filter(({ label }) => CLOSED.includes(label))
      .flatMap(({ label, value }) => value.split('|').map((one) => ({ label, one })));
    const unseen = values.filter(({ label, one }) => !family.labels.get(label)?.has(one));
    return [...unknown.map((label) => `${metric} has no label ${label}`), ...unseen.map(({ label, one }) => `${metric} is never ${label}="${one}"`)];
  });
}

describe('the metrics that a running worker and API show', () => {
  beforeAll(async () => {
    world = await startWorld({ queue: 'redis', env: { AI_DAILY_BUDGET_USD: '100' } });
    const port = await freePort();
    const [, api] = await Promise.all([world.startWorker({ WORKER_PORT: `${port}` }), world.startApi()]);
    const { body } = await api.call('POST', '/api/stories', newStoryBody());
    await world.ended(body.data.story.runJobId);
    texts = await Promise.all([
      fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text()),
      fetch(`${api.url}/metrics`, { headers: { authorization: `Bearer ${api.key}` } }).then((answer) => answer.text()),
    ]);
    families = parseExposition([...texts, await onPostgres().render()]);
  }, 60_000);
  afterAll(() => world?.stop());

  it.each(expressions)('have all that "$where" reads, with its labels and states: $expr', ({ expr }) => {
    expect(problemsOf(expr)).toEqual([]);
  });

  it.each([
    'hivepulse_jobs_ended_total{queue="story-enhancement",name="enhance",state="completed"}',
    'hivepulse_job_attempts_total{queue="story-enhancement",name="enhance",outcome="done"}',
    'hivepulse_job_total_seconds_count{queue="story-enhancement",name="enhance"}',
    'hivepulse_job_wait_seconds_count{queue="story-enhancement",name="enhance"}',
    'hivepulse_relay_moved_total{queue="story-enhancement",outcome="sent"}',
    'hivepulse_relay_lag_seconds_count',
    'hivepulse_cache_lookups_total{cache="ai_answers",result="miss"}',
  ])('count the one story that was asked for over HTTP: %s', (series) => {
    const values = texts.flatMap((text) => text.split('\n').filter((line) => line.startsWith(`${series} `)));
    expect(values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(1);
  });

  it('are all shown on the dashboard, or watched by a rule', () => {
    const used = new Set(expressions.flatMap(({ expr }) => selectorsOf(expr).map(({ metric }) => known(metric)?.name)));
    const ours = [...families.keys()].filter((name) => name.startsWith('hivepulse_'));
    expect(ours.length).toBeGreaterThan(25);
    expect(ours.filter((name) => !used.has(name))).toEqual([]);
  });

  it('carry labels of few values alone', () => {
    const allowed = ['queue', 'name', 'state', 'outcome', 'provider', 'model', 'operation', 'direction', 'cache', 'result'];
    const others = [...families.values()].flatMap(({ name, labels }) =>
      [...labels.keys()].filter((label) => !allowed.includes(label)).map((label) => `${name} ${label}`),
    );
    expect(others.filter((one) => one.startsWith('hivepulse_'))).toEqual([]);
  });

  it('stand in docs/metrics.md, each with its labels and meaning', () => {
    const rows = [...families.values()]
      .filter(({ name }) => name.startsWith('hivepulse_'))
      .map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${[...labels.keys()].join(', ') || '-'} | ${help} |`);
    const listed = read('docs/metrics.md')
      .split('\n')
      .filter((line) => line.startsWith('| `hivepulse_'));
    expect(listed.sort()).toEqual(rows.sort());
  });
});

describe('the alert rules', () => {
  it('have names of their own, and say only what their series carry', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { expr, annotations } of rules) {
      const told = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
      const carried = (label: string) => expr.includes(label) || TARGET_LABELS.includes(label);
      expect(told.filter((label) => !carried(label))).toEqual([]);
    }
  });

  it('lead to what to do about them', () => {
    const anchors = [...read('docs/operations.md').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => slugOf(title));
    const missing = rules.map(({ annotations }) => annotations.runbook.split('#')[1] ?? '').filter((anchor) => !anchors.includes(anchor));
    expect([...new Set(missing)]).toEqual([]);
  });

  it.runIf(onPath('promtool'))('and the configuration are good for Prometheus itself', () => {
    const options = { cwd: root, stdio: 'pipe' } as const;
    execFileSync('promtool', ['check', 'rules', 'deploy/prometheus/alerts.yml'], options);
    execFileSync('promtool', ['check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yml'], options);
  });
});

describe('the dashboard', () => {
  it('has its rows, and panels that do not lie on each other', () => {
    expect(dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Overview',
      'Queues',
      'Jobs',
      'Models and money',
      'Database and relay',
      'Processes',
    ]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...cells.map((cell) => Number(cell.split(',')[0])))).toBeLessThan(24);
  });

  it('takes its data source and its queues from variables', () => {
    expect(dashboard.templating.list).toMatchObject([
      { name: 'datasource', type: 'datasource' },
      { name: 'queue', type: 'query', definition: 'label_values(hivepulse_queue_jobs, queue)' },
    ]);
  });

  it('names lines by labels that are left', () => {
    for (const { targets } of figures) {
      for (const { expr, legendFormat = '' } of targets) {
        const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
        const left = selectorsOf(expr).flatMap(({ groupedBy }) => groupedBy);
        expect({ expr, missing: named.filter((label) => !left.includes(label) && !TARGET_LABELS.includes(label)) }).toEqual({ expr, missing: [] });
      }
    }
  });
});

describe('Prometheus and Grafana in compose', () => {
  const services = z
    .record(z.string(), z.object({ volumes: z.array(z.string()).optional() }))
    .parse(parse(read('compose.yaml'), { merge: true }).services);
  const mounts = (service: string): string[] => services[service]?.volumes ?? [];

  it('find each other, the rules, the dashboard and the key', () => {
    const scrape = parse(read('deploy/prometheus/prometheus.yml'));
    expect(scrape.rule_files).toEqual(['/etc/prometheus/alerts.yml']);
    expect(mounts('prometheus')).toContain('./deploy/prometheus:/etc/prometheus:ro');
    expect(mounts('prometheus')).toContain('secrets:/run/secrets:ro');
    expect(scrape.scrape_configs).toMatchObject([
      { job_name: 'hivepulse-worker', dns_sd_configs: [{ names: ['worker'], type: 'A', port: 9464 }] },
      { job_name: 'hivepulse-api', authorization: { credentials_file: '/run/secrets/api_key' }, static_configs: [{ targets: ['api:3000'] }] },
      { job_name: 'prometheus' },
    ]);
    expect(read('deploy/compose/setup.sh')).toContain('/api_key"');
    expect(Object.keys(services)).toEqual(expect.arrayContaining(['worker', 'api', 'prometheus', 'grafana']));

    expect(parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')).datasources).toMatchObject([
      { type: 'prometheus', url: 'http://prometheus:9090', isDefault: true },
    ]);
    const [provider] = parse(read('deploy/grafana/provisioning/dashboards/hivepulse.yml')).providers;
    expect(mounts('grafana')).toContain(`./deploy/grafana/dashboards:${provider.options.path}:ro`);
    expect(mounts('grafana')).toContain('./deploy/grafana/provisioning:/etc/grafana/provisioning:ro');
  });
});

/** As GitHub makes anchors of headings. */
const slugOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-');

function onPath(command: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, command)));
}
