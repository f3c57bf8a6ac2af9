import type { Clock } from '../../lib/clock.ts';
import type { Environment } from '../../lib/config/environment.ts';
import { type Config, ConfigError, describeConfig, loadConfig } from '../../lib/config.ts';
import { openBackend } from '../../lib/queue/open.ts';
import { examineDatabase } from './database.ts';
import { examineEmbedded } from './embedded.ts';
import { type Finding, fromParts, ok } from './finding.ts';
import { examineKeys } from './keys.ts';
import { examineOnline } from './online.ts';
import { examineQueue } from './queue.ts';
import { examineDeadLetters, examineOutbox, examineWorkers } from './work.ts';

/** Everything that the environment leads to; no Hivepulse need be running. `online`: also ask OpenAI whether it takes the key, which costs nothing. */
export async function examine(env: Environment, clock: Clock, { online }: { online: boolean }): Promise<Finding[]> {
  let config: Config;
  try {
    config = loadConfig(env, { role: 'start' });
  } catch (problem) {
    if (!(problem instanceof ConfigError)) throw problem;
    return fromParts(
      'configuration',
      problem.problems.map((message) => ({ level: 'error' as const, message })),
    );
  }
  const first = [ok('configuration', `${config.mode.kind}, Node ${process.versions.node}`), ...examineKeys(config, clock.now())];
  const asked = online ? await examineOnline(config, clock) : [];
  const { mode } = config;
  return [
    ...first,
    ...asked,
    ...(mode.kind === 'embedded' ? await examineEmbedded(config, mode.dataDir) : await examineServices(config, mode, clock)),
  ];
}

async function examineServices(config: Config, mode: Extract<Config['mode'], { kind: 'services' }>, clock: Clock): Promise<Finding[]> {
  const { queue: queueAt, database: databaseAt } = describeConfig(config);
  const backend = await openBackend(mode.queue, { role: 'producer' });
  const [queue, database] = await Promise.all([
    examineQueue(mode.queue, backend, String(queueAt), clock),
    examineDatabase(config, mode.database, String(databaseAt), clock),
  ]);
  const { db } = database;
  try {
    const workers = queue.backend ? [await examineWorkers(config, queue.backend, clock)] : [];
    const work = db ? [await examineOutbox(db), await examineDeadLetters(db)] : [];
    return [...queue.findings, ...database.findings, ...workers, ...work];
  } finally {
    await Promise.all([backend.close(), db?.close()]);
  }
}
