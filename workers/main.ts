/** `npm run worker`: one worker process. Config, connections, checks, services; SIGTERM stops it. */
import { loadConfig } from '../lib/config.ts';
import { checkGround } from '../start/check.ts';
import { openConnections } from '../start/connections.ts';
import { createCore, createRelayServices, createWorkerServices } from '../start/parts.ts';
import { announce, openLog, runProcess, serve } from '../start/process.ts';
import { createSchedulerServices } from '../start/schedules.ts';

await runProcess(async () => {
  const config = loadConfig(process.env, { role: 'worker' });
  const log = await openLog(config, 'hivepulse-worker');
  announce(config, log);
  const connections = await openConnections(config, log);
  await checkGround(connections, log);
  const core = createCore(config, connections, log);
  const scheduler = createSchedulerServices(core, { runs: config.scheduler.enabled });
  await serve([connections.service, ...createRelayServices(core), ...(await createWorkerServices(core)), ...scheduler], { config, log });
  log.info({ queues: config.worker.queues }, 'worker started, waiting for jobs');
});
