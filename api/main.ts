/** `npm run api`: the HTTP API as a process of its own. */
import { loadConfig } from '../lib/config.ts';
import { checkGround } from '../start/check.ts';
import { openConnections } from '../start/connections.ts';
import { createHttpService } from '../start/http.ts';
import { createCore, createRelayServices } from '../start/parts.ts';
import { announce, openLog, runProcess, serve, startTelemetry } from '../start/process.ts';
import { createSchedulerServices } from '../start/schedules.ts';

await runProcess(async () => {
  const config = loadConfig(process.env, { role: 'api' });
  const log = await openLog(config, 'hivepulse-api');
  announce(config, log);
  const telemetry = await startTelemetry(config, log, 'hivepulse-api');
  const connections = await openConnections(config, log, telemetry);
  await checkGround(connections, log);
  const core = createCore(config, connections, log);
  const http = await createHttpService(core);
  await serve([telemetry.service, connections.service, ...createRelayServices(core), ...createSchedulerServices(core, { runs: false }), http], {
    config,
    log,
  });
  log.info({ url: http.url }, 'api listening');
});
