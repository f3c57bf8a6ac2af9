/** `npm run demo`: everything embedded in a fresh temporary folder, every job kind once on sample data, the results, exit 0; 1 when a job failed. */
import '../lib/config/env-files.ts';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { format, parseArgs } from 'node:util';
import { SECOND } from '../lib/clock.ts';
import { type Config, loadConfig } from '../lib/config.ts';
import type { EmbeddedSql } from '../lib/db/embedded.ts';
import { queueNames } from '../lib/jobs/index.ts';
import { deadlineIn, type Service, startAll, stopAll } from '../lib/lifecycle.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { checkGround } from '../start/check.ts';
import { openEmbeddedPair } from '../start/connections.ts';
import { createHttpService } from '../start/http.ts';
import { keepApiKey, withTokenKeys } from '../start/keys.ts';
import { createCore, createRelayServices, createWorkerServices } from '../start/parts.ts';
import { runProcess } from '../start/process.ts';
import { createDemoApi, type DemoApi } from './api.ts';
import { createCustomer, reportCredits } from './customer.ts';
import type { DemoKind } from './kind.ts';
import { kinds } from './kinds/index.ts';
import { createBars, createLines, type ProgressDisplay } from './progress.ts';
import { hasSucceeded, renderReport, toJson } from './report.ts';
import { runKinds } from './run.ts';
import { type GoogleStandIn, startGoogle } from './stand-ins/google/server.ts';
import type { MicrosoftStandIn } from './stand-ins/microsoft/contract.ts';
import { startMicrosoft } from './stand-ins/microsoft/server.ts';
import { seconds } from './text.ts';

const STOP_WITHIN_MS = 10 * SECOND;

await runProcess(async () => {
  const { json, out, answers, only } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      out: { type: 'string', default: 'demo-output' },
      answers: { type: 'string' },
      only: { type: 'string' },
    },
  }).values;
  if (answers !== undefined && !/^[1-9]\d{0,5}$/.test(answers)) throw new Error(`--answers takes a number from 1 on, not "${answers}"`);
  const chosen = chooseKinds(only);
  const say = (text: string): void => void (json || process.stdout.write(`${text}\n`));
  const folder = makeFolder();
  const warnings: string[] = [];
  say('Hivepulse demo: queues, database, worker and API in this one process. Nothing to set up, nothing is kept.\n');
  const { url, api, sql, google, microsoft, services } = await boot(folder, warnings);
  const bootMs = performance.now();
  say(`Started in ${seconds(bootMs)}. The sample data goes in through the API at ${url}:\n`);

  const display = chooseDisplay(json);
  process.once('exit', display.stop);
  const width = Math.min(100, process.stdout.columns || 100);
  const customer = await createCustomer(api);
  const outcomes = await runKinds(chosen, {
    tools: { api, customer, sql, google, microsoft, outputFolder: resolve(out), answers: answers === undefined ? undefined : Number(answers) },
    display,
    width,
  });
  display.stop();
  const credits = await reportCredits(customer, api.actingFor(randomUUID()));
  await stopAll(services, deadlineIn(STOP_WITHIN_MS));
  await Promise.all([google.stop(), microsoft.stop()]);

  const times = { bootMs, totalMs: performance.now() };
  process.stdout.write(
    json ? `${JSON.stringify(toJson(outcomes, credits, times), undefined, 2)}\n` : `\n${renderReport(outcomes, credits, times, width)}\n`,
  );
  if (hasSucceeded(outcomes)) return;
  process.exitCode = 1;
  if (warnings.length > 0) process.stderr.write(`\nThe last warnings:\n${warnings.slice(-20).join('')}`);
});

/** Throws for a name that no kind has. */
function chooseKinds(only: string | undefined): readonly DemoKind[] {
  if (only === undefined) return kinds;
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !kinds.some((kind) => kind.name === name));
  if (unknown !== undefined) throw new Error(`--only takes ${kinds.map(({ name }) => name).join(', ')}, separated by commas; not "${unknown}"`);
  return kinds.filter(({ name }) => names.includes(name));
}

interface Booted {
  url: string;
  api: DemoApi;
  sql: EmbeddedSql;
  google: GoogleStandIn;
  microsoft: MicrosoftStandIn;
  services: Service[];
}

/** As `npm start`. */
async function boot(folder: string, warnings: string[]): Promise<Booted> {
  const dataDir = join(folder, 'data');
  const [google, microsoft] = await Promise.all([startGoogle(), startMicrosoft()]);
  const config = demoConfig(process.env, dataDir, google, microsoft);
  const log = await openDemoLog(config, warnings);
  const connections = await openEmbeddedPair(dataDir);
  await checkGround(connections, log);
  const core = createCore(await withTokenKeys(config), connections, log);
  const apiKeys = await keepApiKey(config);
  const http = await createHttpService(core, apiKeys);
  const services = [connections.service, ...createRelayServices(core), ...(await createWorkerServices(core)), http];
  await startAll(services);
  return { url: http.url, api: createDemoApi({ url: http.url, apiKey: apiKeys[0] ?? '' }), sql: connections.sql, google, microsoft, services };
}

/** Removed however the process ends: nothing in it is worth an orderly shutdown. */
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hivepulse-demo-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  return folder;
}

/** Keys and models as configured; where things are is the demo's own, so that any number of them run side by side, and nobody's mail is read. */
function demoConfig(env: NodeJS.ProcessEnv, dataDir: string, google: GoogleStandIn, microsoft: MicrosoftStandIn): Config {
  const config = loadConfig(env, { role: 'demo' });
  return {
    ...config,
    mode: { kind: 'embedded', dataDir },
    // Beside everything else of the demo: nothing is left behind.
    storage: { kind: 'folder', folder: join(dataDir, 'files') },
    google: { ...config.google, ...standInFor(google) },
    microsoft: { ...config.microsoft, ...standInForMicrosoft(microsoft) },
    api: { ...config.api, host: '127.0.0.1', port: 0 },
    // Rows that SQL inserts are found soon: nobody tells the relay of them here.
    worker: { ...config.worker, queues: [...queueNames], pollIntervalMs: 250 },
  };
}

function standInFor({ client, url, authUrl, tokenUrl }: GoogleStandIn): Partial<Config['google']> {
  return { clientId: client.id, clientSecret: client.secret, apiRootUrl: url, authUrl, tokenUrl };
}

function standInForMicrosoft({ client, url, authUrl, tokenUrl }: MicrosoftStandIn): Partial<Config['microsoft']> {
  return { clientId: client.id, clientSecret: client.secret, graphBaseUrl: url, authUrl, tokenUrl };
}

/** Log lines would run through the bars: warnings are kept for the end, unless somebody asked for the log. */
async function openDemoLog({ log, worker }: Config, warnings: string[]): Promise<Logger> {
  const about = { service: 'hivepulse-demo', workerId: worker.id };
  keepConsole(warnings);
  if (log.file) return createLogger({ ...about, level: log.level, file: log.file });
  if (process.env.LOG_LEVEL) return createLogger({ ...about, level: log.level, stream: process.stderr });
  return createLogger({ ...about, level: 'warn', stream: { write: (line) => void warnings.push(line) } });
}

/** The embedded database's server tells the console of each refusal, such as the one for want of credits that the demo asks for. */
function keepConsole(warnings: string[]): void {
  console.error = (...parts: unknown[]) => void warnings.push(`${format(...parts)}\n`);
}

function chooseDisplay(json: boolean): ProgressDisplay {
  if (json) return createLines(() => undefined);
  if (process.stdout.isTTY && !process.env.LOG_LEVEL) return createBars(process.stdout);
  return createLines((line) => process.stdout.write(`${line}\n`));
}
