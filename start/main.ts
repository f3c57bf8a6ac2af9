/** `npm start`: everything in one process and left running; embedded when the environment names neither a queue nor a database. */
import { loadConfig } from '../lib/config.ts';
import { checkGround } from './check.ts';
import { openConnections } from './connections.ts';
import { createHttpService } from './http.ts';
import { keepApiKey, withTokenKeys } from './keys.ts';
import { createCore, createRelayServices, createWorkerServices } from './parts.ts';
import { announce, openLog, runProcess, serve, startTelemetry } from './process.ts';
import { createSchedulerServices } from './schedules.ts';

await runProcess(async () => {
  const config = loadConfig(process.env, { role: 'start' });
  const log = await openLog(config, 'hivepulse');
  announce(config, log);
  const telemetry = await startTelemetry(config, log, 'hivepulse');
  const connections = await openConnections(config, log, telemetry);
  await checkGround(connections, log);
  const core = createCore(await withTokenKeys(config), connections, log);
  const apiKeys = await keepApiKey(config);
  const http = await createHttpService(core, apiKeys);
  const scheduler = createSchedulerServices(core, { runs: config.scheduler.enabled });
  await serve([telemetry.service, connections.service, ...createRelayServices(core), ...(await createWorkerServices(core)), ...scheduler, http], {
    config,
    log,
    silent: core.silence.told,
  });
  welcome(http.url, config.api.apiKeys.length === 0 ? apiKeys[0] : undefined);
});

/** Not a log line: the generated key is for the person at the terminal, and must not end up in collected logs unnoticed. */
function welcome(url: string, generatedKey: string | undefined): void {
  const lines = ['', `  Hivepulse is up: ${url}`, `  API docs        ${url}/docs`, `  Bull Board      ${url}/admin/queues`];
  if (generatedKey) {
    lines.push(`  Live counts     ${url}/#key=${generatedKey}`);
    lines.push(`  API key         ${generatedKey}   (made for this data folder; set API_KEYS for your own)`);
  }
  process.stdout.write(`${lines.join('\n')}\n\n`);
}
