import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of more than ten seconds, the slowest first: one that begins last would keep one worker busy while the others are done. */
const SLOW: readonly string[] = [
  'demo/demo',
  'examples/app',
  'cli/commands',
  'seeds/statements',
  'e2e/embedded',
  'analysis/embeddings',
  'queue/fair/postgres',
  'db/embedded',
  'e2e/stories-postgres',
  'e2e/stories-redis',
  'ai/local-embeddings',
  'cli/doctor',
  'e2e/producers-postgres',
  'e2e/producers-redis',
  'pglite',
  'seeds/moving',
  'e2e/analysis-postgres',
  'e2e/analysis-redis',
  'queue/backend/postgres',
  'queue/backend/redis-topologies',
  'db/migrate',
  'db/conversations-adoption',
];

/** The order is the same on every machine and in every run, also in the first one. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = await super.sort(files);
    return bySize.toSorted((one, other) => this.place(one) - this.place(other));
  }

  private place({ moduleId }: TestSpecification): number {
    const name = relative('test', moduleId).replace(/\.test\.ts$/, '');
    const place = SLOW.indexOf(name);
    return place === -1 ? SLOW.length : place;
  }
}
