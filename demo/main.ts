/** `npm run demo`: everything embedded in a fresh temporary folder, every job kind once on sample data, the results, exit 0; 1 when a job failed. */
import '../lib/config/env-files.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SECOND } from '../lib/clock.ts';
import { type Config, loadConfig } from '../lib/config.ts';
import { queueNames } from '../lib/jobs/index.ts';
import { deadlineIn, type Service, startAll, stopAll } from '../lib/lifecycle.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { checkGround } from '../start/check.ts';
import { openConnections } from '../start/connections.ts';
import { createHttpService } from '../start/http.ts';
import { keepApiKey } from '../start/keys.ts';
import { createCore, createWorkerServices } from '../start/parts.ts';
import { runProcess } from '../start/process.ts';
import { createDemoApi } from './api.ts';
import { kinds } from './kinds/index.ts';
import { createBars, createLines, type ProgressDisplay } from './progress.ts';
import { hasSucceeded, renderReport, toJson } from './report.ts';
import { runKinds } from './run.ts';
import { seconds } from './text.ts';

const STOP_WITHIN_MS = 10 * SECOND;
/** Characters that a table needs beside its first column. */
const OTHER_COLUMNS = 52;

await runProcess(async () => {
  const { json } = parseArgs({ options: { json: { type: 'boolean', default: false } } }).values;
  const say = (text: string): void => void (json || process.stdout.write(`${text}\n`));
  const folder = makeFolder();
  const warnings: string[] = [];
  say('Hivepulse demo: queues, database, worker and API in this one process. Nothing to set up, nothing is kept.\n');
  const { url, apiKey, services } = await boot(folder, warnings);
  const bootMs = performance.now();
  say(`Started in ${seconds(bootMs)}. The sample data goes in through the API at ${url}:\n`);

  const display = chooseDisplay(json);
  process.once('exit', display.stop);
  const width = Math.min(100, process.stdout.columns || 100);
  const outcomes = await runKinds(kinds, { api: createDemoApi({ url, apiKey }), display, titleWidth: Math.max(16, width - OTHER_COLUMNS) });
  display.stop();
  await stopAll(services, deadlineIn(STOP_WITHIN_MS));

  const times = { bootMs, totalMs: performance.now() };
  process.stdout.write(json ? `${JSON.stringify(toJson(outcomes, times), undefined, 2)}\n` : `\n${renderReport(outcomes, times, width)}\n`);
  if (hasSucceeded(outcomes)) return;
  process.exitCode = 1;
  if (warnings.length > 0) process.stderr.write(`\nThe last warnings:\n${warnings.slice(-20).join('')}`);
});

interface Booted {
  url: string;
  apiKey: string;
  services: Service[];
}

/** As `npm start`. */
async function boot(folder: string, warnings: string[]): Promise<Booted> {
  const config = demoConfig(process.env, folder);
  const log = await openDemoLog(config, warnings);
  const connections = await openConnections(config, log);
  await checkGround(connections, log);
  const core = createCore(config, connections, log);
  const apiKeys = await keepApiKey(config);
  const http = await createHttpService(core, apiKeys);
  const services = [connections.service, ...(await createWorkerServices(core)), http];
  await startAll(services);
  return { url: http.url, apiKey: apiKeys[0] ?? '', services };
}

/** Removed however the process ends: nothing in it is worth an orderly shutdown. */
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hivepulse-demo-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  return folder;
}

/** Keys and models as configured; where things are is the demo's own, so that any number of them run side by side. */
function demoConfig(env: NodeJS.ProcessEnv, folder: string): Config {
  const config = loadConfig(env, { role: 'demo' });
  return {
    ...config,
    mode: { kind: 'embedded', dataDir: join(folder, 'data') },
    api: { ...config.api, host: '127.0.0.1', port: 0 },
    worker: { ...config.worker, queues: [...queueNames] },
  };
}

/** Log lines would run through the bars: warnings are kept for the end, unless somebody asked for the log. */
async function openDemoLog({ log, worker }: Config, warnings: string[]): Promise<Logger> {
  const about = { service: 'hivepulse-demo', workerId: worker.id };
  if (log.file) return createLogger({ ...about, level: log.level, file: log.file });
  if (process.env.LOG_LEVEL) return createLogger({ ...about, level: log.level, stream: process.stderr });
  return createLogger({ ...about, level: 'warn', stream: { write: (line) => void warnings.push(line) } });
}

function chooseDisplay(json: boolean): ProgressDisplay {
  if (json) return createLines(() => undefined);
  if (process.stdout.isTTY && !process.env.LOG_LEVEL) return createBars(process.stdout);
  return createLines((line) => process.stdout.write(`${line}\n`));
}
