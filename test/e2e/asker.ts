/**
 * A process of another queue, for the tests: on SIGUSR2 it asks the model until it is answered, and prints each refusal and the answer.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { loadConfig } from '../../lib/config.ts';
import { messageOf } from '../../lib/errors.ts';
import { openConnections } from '../../start/connections.ts';
import { createCore } from '../../start/parts.ts';
import { openLog } from '../../start/process.ts';

const config = loadConfig(process.env, { role: 'worker' });
const log = await openLog(config, 'asker');
const { ai } = createCore(config, await openConnections(config, log), log);
const asker = ai.forJob({ queue: 'review-ai', jobId: 'asker', signal: new AbortController().signal });
const prompt = { id: 'asker', version: '1', instructions: 'Answer.' };

async function ask(): Promise<void> {
  for (;;) {
    try {
      await asker.generate({ prompt, schema: z.object({ hypeScore: z.number() }), data: { text: `asked by another process ${randomUUID()}` } });
      log.info('asker answered');
      return;
    } catch (error) {
      log.info({ error: messageOf(error) }, 'asker refused');
      await pause(20);
    }
  }
}

process.on('SIGUSR2', () => void ask());
// Signals alone keep no process alive.
setInterval(() => undefined, 60_000);
log.info('asker ready');
