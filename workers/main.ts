/** `npm run worker`: one worker process. Config, connections, checks, services; SIGTERM stops it. */
import { loadConfig } from '../lib/config.ts';
import { checkGround } from '../start/check.ts';
import { openConnections } from '../start/connections.ts';
import { createCore, createRelayServices, createWorkerServices } from '../start/parts.ts';
import { announce, openLog, runProcess, serve, startTelemetry } from '../start/process.ts';
import { createSchedulerServices } from '../start/schedules.ts';

await runProcess(async () => {
  const config = loadConfig(process.env, { role: 'worker' });
  const log = await openLog(config, 'hivepulse-worker');
  announce(config, log);
  const telemetry = await startTelemetry(config, log, 'hivepulse-worker');
  const connections = await openConnections(config, log, telemetry);
  await checkGround(connections, log);
  const core = createCore(config, connections, log);
  const scheduler = createSchedulerServices(core, { runs: config.scheduler.enabled });
  await serve([telemetry.service, connections.service, ...createRelayServices(core), ...(await createWorkerServices(core)), ...scheduler], {
    config,
    log,
    silent: core.silence.told,
  });
  log.info({ queues: config.worker.queues }, 'worker started, waiting for jobs');
});
