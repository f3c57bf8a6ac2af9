import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from '../test/support/built.ts';
import { type Bench, figure, inPairs } from './report.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const PAIRS = 15;

/** Milliseconds inside a fresh process for one import statement. */
function importMs(script: string): Promise<number> {
  const code = `const start = performance.now(); ${script}; process.stdout.write(String(performance.now() - start));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(Number(output)) : reject(new Error(`the import ended with ${code}`))));
  });
}

const bare = () => importMs("await import('bullmq'); await import('ioredis'); await import('zod')");

export const importBenches: Bench[] = [
  {
    name: 'import.producers',
    about: 'importing the built package, and all that its first call loads, against importing bullmq, ioredis and zod bare',
    run: async () => {
      await ensureBuilt();
      const entry = () => importMs("await import('hivepulse')");
      const withQueue = () =>
        importMs(
          "await import('hivepulse'); await import('./dist/lib/config/producer.js'); await import('./dist/lib/queue/open.js'); await import('./dist/lib/queue/service.js'); await import('./dist/lib/queue/backend/redis.js')",
        );
      return [
        figure('import.producers', 'ms', 'bullmq + ioredis + zod', 'lower', await inPairs(PAIRS, entry, bare)),
        figure('import.producers.first_call', 'ms', 'bullmq + ioredis + zod', 'lower', await inPairs(PAIRS, withQueue, bare)),
      ];
    },
  },
];
