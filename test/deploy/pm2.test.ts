import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageVariable, isBuilt, root, SHUTDOWN_SECONDS, unknownVariables } from './facts.ts';

interface Pm2App {
  name: string;
  script: string;
  cwd: string;
  interpreter: string;
  interpreter_args: string[];
  exec_mode: string;
  instances?: number;
  kill_timeout: number;
  autorestart: boolean;
  exp_backoff_restart_delay: number;
  min_uptime: number;
  max_memory_restart: string;
  env?: Record<string, string | number>;
  increment_var?: string;
}

const { apps }: { apps: Pm2App[] } = createRequire(import.meta.url)(join(root, 'deploy/pm2/ecosystem.config.cjs'));

it('PM2 runs an API and workers', () => {
  expect(apps.map(({ name, instances }) => [name, instances])).toEqual([
    ['hivepulse-api', undefined],
    ['hivepulse-worker', 2],
  ]);
});

describe.each(apps)('$name', (app) => {
  it('is what the build makes, on the project’s own Node, from the root whatever folder PM2 is called in', () => {
    expect(isBuilt(app.script)).toBe(true);
    expect([app.cwd, app.interpreter].every(isAbsolute)).toBe(true);
    expect([join(app.cwd, '.'), existsSync(app.interpreter)]).toEqual([root.replace(/\/$/, ''), true]);
  });

  it('reads .env as npm run worker:prod does', () => {
    const [flag, file = ''] = app.interpreter_args;
    expect([flag, isBuilt(relative(root, file))]).toEqual(['--import', true]);
  });

  it('is given longer to stop than its shutdown takes', () => {
    expect(app.kill_timeout).toBeGreaterThanOrEqual((SHUTDOWN_SECONDS + 15) * 1_000);
  });

  it('is started again whenever it ends, code 70 included, each time a little later, and never given up', () => {
    expect(app).toMatchObject({ autorestart: true, min_uptime: 0 });
    expect(app.exp_backoff_restart_delay).toBeGreaterThan(0);
    expect(app).not.toHaveProperty('stop_exit_codes');
    expect(app).not.toHaveProperty('max_restarts');
  });

  it('leaves lines of JSON as they are', () => {
    expect(app).toMatchObject({ merge_logs: true, time: false });
    expect(app).not.toHaveProperty('log_date_format');
    expect(app).not.toHaveProperty('log_type');
  });

  it('sets only variables that Hivepulse reads', () => {
    expect(unknownVariables(Object.keys(app.env ?? {}))).toEqual([]);
  });
});

it('each worker gets a port of its own', () => {
  const [worker] = apps.filter(({ name }) => name === 'hivepulse-worker');
  expect([worker?.increment_var, worker?.exec_mode]).toEqual(['WORKER_PORT', 'fork']);
  expect(worker?.env?.WORKER_PORT).toBe(Number(imageVariable('WORKER_PORT')));
});
