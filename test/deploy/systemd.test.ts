import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../lib/config.ts';
import { findProgram, isBuilt, read, root, SHUTDOWN_SECONDS, unknownVariables } from './facts.ts';

const HOME = 'deploy/systemd';
/** Where the units expect the checkout. */
const PLACE = '/opt/hivepulse';
const units = globSync('*.{service,target}', { cwd: join(root, HOME) }).sort();
const servers = ['hivepulse-api.service', 'hivepulse-scheduler.service', 'hivepulse-worker@.service'];
const services = ['hivepulse-migrate.service', ...servers];

const systemdAnalyze = findProgram('systemd-analyze');

/** All values of each key; sections do not matter, since no key of ours stands in two. */
function unit(name: string): Record<string, string[]> {
  const values: Record<string, string[]> = {};
  for (const [, key = '', value = ''] of read(`${HOME}/${name}`).matchAll(/^(\w+)=(.*)$/gm)) values[key] = [...(values[key] ?? []), value];
  return values;
}

/** `Environment=` lines, for one instance. */
const environmentOf = (name: string, instance = '1'): Record<string, string> =>
  Object.fromEntries(
    (unit(name).Environment ?? []).map((line) => line.replaceAll('%i', instance).replaceAll('%H', 'machine').split('=') as [string, string]),
  );

/** What `systemd-analyze verify` says of them, as if the checkout stood where the units expect it. Nothing: all is well. */
function verify(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'hivepulse-units-'));
  try {
    const paths = units.map((name) => {
      const path = join(folder, name.replace('@.', '@1.'));
      writeFileSync(path, read(`${HOME}/${name}`).replaceAll(`${PLACE}/`, root));
      return path;
    });
    const { stderr, status } = spawnSync(systemdAnalyze ?? 'systemd-analyze is missing', ['verify', '--man=no', ...paths], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    const complaints = stderr.split('\n').filter((line) => line.includes('hivepulse'));
    return status === 0 ? complaints : [`status ${status}`, ...complaints];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Debian has it in the package systemd, which nobody installs for a test; the other tests hold without it.
it.skipIf(systemdAnalyze === undefined)('systemd-analyze has nothing against the units', () => {
  expect(verify()).toEqual([]);
});

it('there is a unit for each process, and for the migrations', () => {
  expect(units).toEqual([...services, 'hivepulse.target'].sort());
});

describe.each(services)('%s', (name) => {
  const values = unit(name);

  it('runs what the build makes, on the Node that npm ci installs', () => {
    const [node, program] = values.ExecStart?.[0]?.split(' ') ?? [];
    expect([node, values.WorkingDirectory]).toEqual([`${PLACE}/node_modules/node/bin/node`, [PLACE]]);
    expect(isBuilt(program ?? '')).toBe(true);
  });

  it('sets only variables that Hivepulse reads', () => {
    expect(unknownVariables(Object.keys(environmentOf(name)))).toEqual([]);
  });

  it('has no rights but those that it needs', () => {
    expect(values).toMatchObject({
      DynamicUser: ['yes'],
      NoNewPrivileges: ['yes'],
      ProtectSystem: ['strict'],
      PrivateTmp: ['yes'],
      CapabilityBoundingSet: [''],
      SystemCallFilter: ['@system-service'],
    });
    // V8 writes machine code at run time: Node would not start.
    expect(values.MemoryDenyWriteExecute).toBeUndefined();
  });
});

describe.each(servers)('%s', (name) => {
  const values = unit(name);

  it('is started again whenever it ends, and never given up', () => {
    expect(values).toMatchObject({ Restart: ['always'], StartLimitIntervalSec: ['0'] });
    // With any of these, code 70 of a silent worker could be taken for a good end.
    expect(values).not.toHaveProperty('SuccessExitStatus');
    expect(values).not.toHaveProperty('RestartPreventExitStatus');
  });

  it('is given longer to stop than its shutdown takes', () => {
    expect(values.KillMode).toEqual(['mixed']);
    expect(Number(values.TimeoutStopSec?.[0])).toBeGreaterThanOrEqual(SHUTDOWN_SECONDS + 15);
  });

  it('starts and stops with the target', () => {
    expect([values.PartOf, values.WantedBy]).toEqual([['hivepulse.target'], ['hivepulse.target']]);
  });
});

it('each worker of a machine, up to nine, has a name and a port of its own, and nobody shares them', () => {
  const services = { REDIS_URL: 'redis://localhost', SUPABASE_URL: 'https://abc.supabase.co', SUPABASE_SERVICE_ROLE_KEY: 'key' };
  const workers = ['1', '2', '9'].map((instance) => {
    const { worker } = loadConfig({ ...services, ...environmentOf('hivepulse-worker@.service', instance) }, { role: 'worker' });
    return [worker.id, worker.port];
  });
  expect(workers).toEqual([
    ['worker-1@machine', 9_461],
    ['worker-2@machine', 9_462],
    ['worker-9@machine', 9_469],
  ]);
  expect(environmentOf('hivepulse-scheduler.service').WORKER_PORT).toBe('9460');
});
