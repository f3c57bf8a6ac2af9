import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../lib/config.ts';
import { HivepulseError, messageOf } from '../../lib/errors.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import { openConnections } from '../../start/connections.ts';
import { migrationsFinding } from './database.ts';
import { error, type Finding, fromParts, ok } from './finding.ts';
import { examineDeadLetters, examineOutbox } from './work.ts';

const CLOSE_WITHIN_MS = 10_000;

/** The embedded way: one folder, looked into while no process works on it. */
export async function examineEmbedded(config: Config, dataDir: string): Promise<Finding[]> {
  if (dataDir === ':memory:') return [ok('data folder', ':memory:, so nothing is kept when the process ends')];
  const path = resolve(dataDir);
  if (!existsSync(path)) return [ok('data folder', `${path} is not there yet: npm start makes it`)];
  try {
    return await examineFolder(config, path);
  } catch (problem) {
    return [cannotOpen(problem, path)];
  }
}

async function examineFolder(config: Config, path: string): Promise<Finding[]> {
  const { backend, db, service } = await openConnections(config, silentLogger);
  try {
    const [queue, { missingMigrations }] = await Promise.all([backend.check(), db.check()]);
    return [
      ok('data folder', `${path}; no process works on it now (npm start)`),
      ...fromParts('queue', queue),
      migrationsFinding(missingMigrations),
      await examineOutbox(db),
      await examineDeadLetters(db),
    ];
  } finally {
    await service.stop(deadlineIn(CLOSE_WITHIN_MS));
  }
}

function cannotOpen(problem: unknown, path: string): Finding {
  const code = problem instanceof HivepulseError ? problem.code : '';
  if (code === 'data_dir_locked') {
    // Who holds it is the first sentence; the cure there is for those who want to take it over.
    const [who = ''] = messageOf(problem).split('. Stop it first');
    return ok('data folder', `${who}: that is a running Hivepulse. What it does: hivepulse stats`);
  }
  if (code === 'data_dir_unusable') return error('data folder', messageOf(problem), 'Check its owner and rights.');
  return error('data folder', `${path} cannot be opened: ${messageOf(problem)}`, 'Put it aside (mv), and start anew or from a copy.');
}
