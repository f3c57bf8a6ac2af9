/** `npm run scheduler`: a scheduler as a process of its own; any number may run. */
import { loadConfig } from '../lib/config.ts';
import { checkGround } from '../start/check.ts';
import { openConnections } from '../start/connections.ts';
import { createCore, createRelayServices } from '../start/parts.ts';
import { announce, openLog, runProcess, serve, startTelemetry } from '../start/process.ts';
import { createSchedulerServices } from '../start/schedules.ts';
import { createWorkerHttp } from '../start/worker-http.ts';

await runProcess(async () => {
  const config = loadConfig(process.env, { role: 'scheduler' });
  const log = await openLog(config, 'hivepulse-scheduler');
  announce(config, log);
  const telemetry = await startTelemetry(config, log, 'hivepulse-scheduler');
  const connections = await openConnections(config, log, telemetry);
  await checkGround(connections, log);
  const core = createCore(config, connections, log);
  const { port } = config.worker;
  const http = port > 0 ? [createWorkerHttp(core, { port, isRunning: () => true })] : [];
  await serve([telemetry.service, connections.service, ...createRelayServices(core), ...createSchedulerServices(core, { runs: true }), ...http], {
    config,
    log,
  });
  const { dailyBriefTime, timeZone } = config.scheduler;
  log.info({ dailyBriefTime, timeZone }, 'scheduler started');
});
