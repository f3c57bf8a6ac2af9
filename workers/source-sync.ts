import type { Processors } from '../lib/queue/processor.ts';
import { syncStep } from '../lib/sources/step.ts';
import type { WorkerDeps } from './index.ts';

export default { sync: syncStep } satisfies Processors<'source-sync', WorkerDeps>;
