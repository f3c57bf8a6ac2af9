import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/sequencer.ts';

const shared = {
  environment: 'node',
  pool: 'forks' as const,
  // As many workers as cores: helper threads of the garbage collector have nowhere to run, and took a fifth of a worker's time to wait for each other.
  execArgv: ['--single-threaded-gc'],
  setupFiles: ['test/setup.ts'],
  testTimeout: 30_000,
  hookTimeout: 60_000,
  teardownTimeout: 15_000,
};

/** Our processes as their users start them, from end to end: minutes beside the parts, which `npm test` proves. */
const WHOLE_WAYS = [
  'test/e2e/**/*.test.ts',
  'test/seeds/**/*.test.ts',
  'test/demo/*.test.ts',
  'test/examples/**/*.test.ts',
  'test/cli/{commands,doctor}.test.ts',
  'test/docs/adding-a-job.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    sequence: { sequencer: SlowestFirst },
    // Each file may run a Redis, a PostgreSQL or a PGlite of its own: more files at a time than cores only make each other slow.
    maxWorkers: Math.min(4, Math.max(2, availableParallelism())),
    projects: [
      {
        test: {
          ...shared,
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['test/chaos/**', ...WHOLE_WAYS],
          // Modules are loaded and compiled once per worker, PGlite's WebAssembly too: almost half of the time otherwise. So no module may keep what belongs to one file.
          isolate: false,
        },
      },
      { test: { ...shared, name: 'e2e', include: WHOLE_WAYS, isolate: false } },
      // Crashes, freezes and restarts under load: minutes, not seconds, and one file at a time.
      {
        test: { ...shared, name: 'chaos', include: ['test/chaos/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 120_000, fileParallelism: false },
      },
    ],
  },
});
