/**
 * A worker process whose Gmail accounts have a quota of their own, for the benchmark: Google's minute, scaled down. `GMAIL_BENCH_QUOTA`: JSON.
 * Otherwise as `npm run worker`.
 */
import { loadConfig } from '../lib/config.ts';
import { openConnections } from '../start/connections.ts';
import { createCore, createRelayServices, createWorkerServices } from '../start/parts.ts';
import { openLog, runProcess, serve } from '../start/process.ts';

await runProcess(async () => {
  const { GMAIL_BENCH_QUOTA: quota = '', ...environment } = process.env;
  const config = loadConfig(environment, { role: 'worker' });
  const log = await openLog(config, 'bench-worker');
  const connections = await openConnections(config, log);
  const core = createCore(config, connections, log, { gmailQuota: JSON.parse(quota) });
  await serve([connections.service, ...createRelayServices(core), ...(await createWorkerServices(core))], { config, log });
  log.info('worker started, waiting for jobs');
});
